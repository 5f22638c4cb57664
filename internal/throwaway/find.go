package throwaway

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// binaries is one installed server and its tools, as command lines to which
// arguments are appended.
type binaries struct {
	flavor  Flavor
	version string // from --version: for messages and the template's name
	server  []string
	client  []string
	binlog  []string
	install []string // mariadb-install-db; none for MySQL
	args    []string // server options that its place on disk asks for
	share   string   // where error messages and charsets are; "" where the server knows
}

// Find says whether a server of that flavor ("" for any) can be started. The
// error says what is missing and how to get it.
func Find(f Flavor) error {
	_, err := find(context.Background(), f)
	return err
}

func find(ctx context.Context, f Flavor) (*binaries, error) {
	switch f {
	case MariaDB:
		return findMariaDB(ctx)
	case MySQL:
		return findMySQL(ctx)
	case "":
		b, err := findMariaDB(ctx)
		if err == nil {
			return b, nil
		}
		b, err2 := findMySQL(ctx)
		if err2 == nil {
			return b, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, errors.New("no MariaDB or MySQL server here: run `make servers`, or put mariadbd or mysqld on PATH")
	default:
		return nil, fmt.Errorf("unknown flavor %q: use %q or %q", f, MariaDB, MySQL)
	}
}

func findMariaDB(ctx context.Context) (*binaries, error) {
	b := &binaries{flavor: MariaDB}
	for _, tool := range []struct {
		to    *[]string
		names []string
	}{
		{&b.server, []string{"mariadbd", "mysqld"}},
		{&b.client, []string{"mariadb", "mysql"}},
		{&b.binlog, []string{"mariadb-binlog", "mysqlbinlog"}},
		{&b.install, []string{"mariadb-install-db", "mysql_install_db"}},
	} {
		path := lookPath(tool.names...)
		if path == "" {
			return nil, fmt.Errorf("no %s on PATH, which a throwaway MariaDB needs: run `make servers`, or install MariaDB", tool.names[0])
		}
		*tool.to = []string{path}
	}
	return b, b.readVersion(ctx)
}

func findMySQL(ctx context.Context) (*binaries, error) {
	b, err := unpackedMySQL()
	if err != nil {
		return nil, err
	}
	if b != nil {
		return b, b.readVersion(ctx)
	}
	b = &binaries{flavor: MySQL}
	for _, tool := range []struct {
		to   *[]string
		name string
	}{{&b.server, "mysqld"}, {&b.client, "mysql"}, {&b.binlog, "mysqlbinlog"}} {
		path := lookPath(tool.name)
		if path == "" {
			return nil, fmt.Errorf("no MySQL in %s and no %s on PATH: run `make servers`, or install MySQL", mysqlDir(), tool.name)
		}
		*tool.to = []string{path}
	}
	if err := b.readVersion(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		return nil, fmt.Errorf("no MySQL in %s, and not on PATH either (%w): run `make servers`, or install MySQL", mysqlDir(), err)
	}
	return b, nil
}

// unpackedMySQL finds what install.sh has unpacked: programs of a newer
// Debian, run through their own dynamic loader with their own libraries. It
// returns nil where nothing was unpacked.
func unpackedMySQL() (*binaries, error) {
	root := mysqlDir()
	if !isFile(filepath.Join(root, ".complete")) {
		return nil, nil
	}
	loaders, _ := filepath.Glob(filepath.Join(root, "usr/lib/*/ld-linux-*.so.*"))
	if len(loaders) == 0 {
		return nil, fmt.Errorf("no dynamic loader (usr/lib/*/ld-linux-*.so.*) in %s: remove that folder and run `make servers`", root)
	}
	via := func(program string) []string {
		return []string{loaders[0], "--library-path", filepath.Dir(loaders[0]), filepath.Join(root, program)}
	}
	share := filepath.Join(root, "usr/share/mysql")
	return &binaries{
		flavor: MySQL,
		server: via("usr/sbin/mysqld"),
		client: via("usr/bin/mysql"),
		binlog: via("usr/bin/mysqlbinlog"),
		args: []string{
			"--lc-messages-dir=" + share,
			"--plugin-dir=" + filepath.Join(root, "usr/lib/mysql/plugin"),
		},
		share: share,
	}, nil
}

// mysqlDir is where install.sh puts MySQL.
func mysqlDir() string {
	if dir := os.Getenv("ROWCAST_MYSQL_DIR"); dir != "" {
		if abs, err := filepath.Abs(dir); err == nil {
			return abs // servers are started in a folder of their own
		}
	}
	return filepath.Join(cacheDir(), "mysql")
}

// cacheDir follows install.sh: the same rule on every system.
func cacheDir() string {
	base := os.Getenv("XDG_CACHE_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			home = "/root"
		}
		base = filepath.Join(home, ".cache")
	}
	return filepath.Join(base, "rowcast")
}

var versionText = regexp.MustCompile(`Ver ([0-9][^ ]*)`)

// readVersion asks the server program, and refuses one of the other flavor:
// MariaDB installs a mysqld too.
func (b *binaries) readVersion(ctx context.Context) error {
	argv := append(b.server[:len(b.server):len(b.server)], "--no-defaults", "--version")
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	program := b.server[len(b.server)-1]
	if err != nil {
		return fmt.Errorf("%s --version: %w: %s", program, err, strings.TrimSpace(string(out)))
	}
	m := versionText.FindSubmatch(out)
	if m == nil {
		return fmt.Errorf("%s --version: can't read %q", program, out)
	}
	b.version = string(m[1])
	if isMaria := strings.Contains(string(out), "MariaDB"); isMaria != (b.flavor == MariaDB) {
		return fmt.Errorf("%s is %s, which is not %s: run `make servers`", program, b.version, b.flavor)
	}
	return nil
}

// lookPath looks along PATH, then where servers are kept that ordinary users
// do not have on theirs.
func lookPath(names ...string) string {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			if path, err = filepath.Abs(path); err == nil {
				return path
			}
		}
		for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/usr/local/mysql/bin", "/opt/homebrew/bin"} {
			if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
				return path
			}
		}
	}
	return ""
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
