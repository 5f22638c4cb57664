#!/bin/sh
# Installs the two database servers that rowcast's tests and demo start:
# MariaDB as Debian packages, and MySQL from Debian's unstable suite, unpacked
# with its own libraries into a cache folder, apart from the system.
#
#   install.sh [mariadb|mysql]...      both without arguments
#
# ROWCAST_MYSQL_DIR overrides where MySQL goes; the default is
# ${XDG_CACHE_HOME:-$HOME/.cache}/rowcast/mysql.
# Run again at any time: what is there already is left alone.
set -eu

say() { echo "install.sh: $*" >&2; }
die() { say "$*"; exit 1; }

cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/rowcast
mysql_dir=${ROWCAST_MYSQL_DIR:-$cache/mysql}
mysql_parent=$(dirname "$mysql_dir")
work=

cleanup() { [ -z "$work" ] || rm -rf "$work"; }
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "cannot run '$*': not root and no sudo here; run that command as root, then this script again"
	fi
}

have_mariadb() {
	PATH=$PATH:/usr/sbin:/usr/local/sbin
	for tool in mariadbd mariadb-install-db mariadb mariadb-binlog; do
		command -v $tool >/dev/null || return 1
	done
}

# The core packages hold every program that is needed and no system service,
# so that nothing is started here and nothing at the next boot.
install_mariadb() {
	if have_mariadb; then return; fi
	need_apt
	say "installing MariaDB"
	set -- env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
		install --no-install-recommends mariadb-server-core mariadb-client
	if ! as_root "$@" >&2; then
		say "trying again with fresh package lists"
		as_root apt-get -q -o DPkg::Lock::Timeout=300 update >&2 || say "apt-get update failed; going on with the old lists"
		as_root "$@" >&2 || die "apt-get could not install mariadb-server-core and mariadb-client; see its messages above"
	fi
	have_mariadb || die "MariaDB was installed, but not all of mariadbd, mariadb-install-db, mariadb and mariadb-binlog are on PATH"
}

need_apt() {
	command -v apt-get >/dev/null && command -v dpkg >/dev/null ||
		die "needs apt-get and dpkg (Debian or a relative); install MariaDB and MySQL by other means and put them on PATH"
}

# mirror prints the address of a Debian archive that this machine's own apt
# sources name; apt itself reads them, be they deb822 or one-line. Best is what
# calls itself Debian (known once its lists were fetched), then what has its
# path; the security archive holds no unstable suite.
mirror() {
	set -- indextargets --format '$(ORIGIN) $(REPO_URI) $(COMPONENT)' 'Created-By: Packages'
	{
		apt-get "$@" || true
		apt-get --no-release-info -o APT::Get::IndexTargets::AllowMissing=1 "$@" || true
	} 2>/dev/null | awk '
		{ sub(/\/+$/, "", $2) }
		$3 != "main" || $2 !~ /^(https?|file|copy|ftp):/ || $2 ~ /security|debug|ports|backports/ { next }
		$1 == "Debian" { rank = 3 }
		$1 != "Debian" { rank = ($2 ~ /\/debian$/) ? 2 : 1 }
		rank > best { best = rank; uri = $2 }
		END { if (best) print uri }'
}

have_mysql() { [ -f "$mysql_dir/.complete" ] && [ -x "$mysql_dir/usr/sbin/mysqld" ]; }

install_mysql() {
	if have_mysql; then return; fi
	# What this script made is whole, so anything else there is somebody's own.
	[ ! -e "$mysql_dir" ] || rmdir "$mysql_dir" 2>/dev/null ||
		die "$mysql_dir exists and is not what this script unpacks; move it away, or set ROWCAST_MYSQL_DIR"
	need_apt
	uri=$(mirror)
	[ -n "$uri" ] || die "no Debian archive in this machine's apt sources (/etc/apt/sources.list, /etc/apt/sources.list.d); add one"
	keyring=
	for file in /usr/share/keyrings/debian-archive-keyring.gpg /usr/share/keyrings/debian-archive-keyring.pgp; do
		[ ! -f $file ] || keyring="[signed-by=$file] "
	done
	say "unpacking MySQL from $uri unstable into $mysql_dir"

	rm -rf "$mysql_dir".part.* # of runs that were killed; the lock is ours
	work=$(mktemp -d "$mysql_dir.part.XXXXXX")
	mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/debs" "$work/root"
	echo "deb $keyring$uri unstable main" >"$work/sources.list"
	cat >"$work/apt.conf" <<-CONF
		Dir::State::Lists "$work/lists";
		Dir::State::status "/dev/null";
		Dir::Cache "$work/cache";
		Dir::Etc::sourcelist "$work/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		APT::Default-Release "";
		APT::Sandbox::User "";
		Acquire::Languages "none";
		Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
		Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
		Acquire::Retries "3";
	CONF
	# The machine's own apt.conf is read after this one, for its proxy; what it
	# must not change is said again on the command line.
	APT_CONFIG=$work/apt.conf
	export APT_CONFIG
	apt_own="-o Dir::State::Lists=$work/lists -o Dir::Etc::sourcelist=$work/sources.list -o Dir::Etc::sourceparts=/dev/null"
	apt-get -q $apt_own update >&2 || die "apt-get could not read the lists of $uri unstable; does that mirror carry Debian's unstable suite?"
	# Perl is for mysqldumpslow and the like only.
	packages=$(apt-cache $apt_own depends --recurse --important mysql-server-core mysql-client-core |
		grep '^[a-z0-9]' | grep -v -e '^perl' -e '^libperl' | sort -u)
	[ -n "$packages" ] || die "no mysql-server-core in $uri unstable for this machine ($(dpkg --print-architecture))"
	(cd "$work/debs" && apt-get -q $apt_own download $packages >&2) ||
		die "apt-get could not download MySQL and its libraries from $uri; run this script again"
	unset APT_CONFIG

	for deb in "$work"/debs/*.deb; do
		dpkg -x "$deb" "$work/root" || die "dpkg could not unpack $deb"
	done
	rm -rf "$work/root/usr/share/doc" "$work/root/usr/share/man" "$work/root/usr/share/locale" "$work/root/usr/lib/python3"
	[ -x "$work/root/usr/sbin/mysqld" ] || die "the package mysql-server-core holds no usr/sbin/mysqld any more; Find in internal/throwaway needs to learn the new place"
	touch "$work/root/.complete"
	chmod 755 "$work/root"
	mv "$work/root" "$mysql_dir"
	rm -rf "$work"
	work=
}

mkdir -p "$cache" "$mysql_parent" || die "cannot make $cache or $mysql_parent; set XDG_CACHE_HOME or ROWCAST_MYSQL_DIR to a folder that can be written"
[ $# -gt 0 ] || set -- mariadb mysql
exec 9>"$cache/install.lock"
flock -w 900 9 || die "another run holds $cache/install.lock for 15 minutes; end it and run this again"
for what in "$@"; do
	case $what in
	mariadb) install_mariadb ;;
	mysql) install_mysql ;;
	*) die "unknown server '$what'; use mariadb or mysql" ;;
	esac
done
