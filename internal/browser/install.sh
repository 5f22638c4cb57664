#!/bin/sh
# Installs what the browser tests run: Chromium, Node.js, nginx, PHP and
# phpMyAdmin as Debian packages, and the npm modules of package-lock.json.
# No service is started, now or at the next boot: nginx is unpacked beside the
# system, and phpMyAdmin comes without a web server.
#
# ROWCAST_NGINX_DIR overrides where nginx goes; the default is
# ${XDG_CACHE_HOME:-$HOME/.cache}/rowcast/nginx.
# Run again at any time: what is there already is left alone.
set -eu
cd "$(dirname "$0")"

say() { echo "install.sh: $*" >&2; }
die() { say "$*"; exit 1; }

cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/rowcast
nginx_dir=${ROWCAST_NGINX_DIR:-$cache/nginx}
PATH=$PATH:/usr/sbin:/usr/local/sbin

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "cannot run '$*': not root and no sudo here; run that command as root, then this script again"
	fi
}

# apt runs its arguments, once more with fresh package lists if they fail.
apt() {
	command -v apt-get >/dev/null || die "needs apt-get (Debian or a relative) for: $*"
	"$@" >&2 && return
	say "trying again with fresh package lists"
	as_root apt-get -q -o DPkg::Lock::Timeout=300 update >&2 || say "apt-get update failed; going on with the old lists"
	"$@" >&2 || die "'$*' failed; see its messages above"
}

packages=
command -v chromium >/dev/null || packages="$packages chromium fonts-dejavu-core"
command -v node >/dev/null && command -v npm >/dev/null || packages="$packages nodejs npm"
# php-cgi keeps apt from choosing Apache, dbconfig-no-thanks from setting up a database.
[ -f /usr/share/phpmyadmin/index.php ] || packages="$packages phpmyadmin dbconfig-no-thanks php-cgi"
command -v php >/dev/null || packages="$packages php-cli"
for module in mysqli mbstring; do
	command -v php >/dev/null && php -m | grep -qix $module && continue
	case $module in
	mysqli) packages="$packages php-mysql" ;;
	*) packages="$packages php-$module" ;;
	esac
done
if [ -n "$packages" ]; then
	say "installing$packages"
	apt as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends $packages
fi

if ! command -v nginx >/dev/null && [ ! -x "$nginx_dir/usr/sbin/nginx" ]; then
	say "unpacking nginx into $nginx_dir"
	mkdir -p "$nginx_dir"
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	chmod 755 "$work" # apt's own user writes here
	download() { (cd "$work" && apt-get -q download nginx); }
	apt download
	dpkg -x "$work"/nginx_*.deb "$nginx_dir"
fi

if [ node_modules/.package-lock.json -ot package-lock.json ] || [ ! -e node_modules/.package-lock.json ]; then
	say "installing npm modules"
	npm ci --no-audit --no-fund >&2 || die "npm ci failed in internal/browser; see its messages above"
	touch node_modules/.package-lock.json
fi
