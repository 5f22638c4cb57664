package throwaway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// templateFormat is part of a template's name: raise it when what goes into
// one changes.
const templateFormat = 1

// innodbArgs must be the same when a data directory is made and used.
var innodbArgs = []string{
	"--innodb-buffer-pool-size=32M",
	"--innodb-use-native-aio=0",
}

// serverArgv is the whole command line of the server.
func (b *binaries) serverArgv(s *Server, extra []string) []string {
	argv := append(b.baseArgv(s.DataDir()),
		"--socket="+s.Socket(),
		"--port="+strconv.Itoa(s.port),
		"--bind-address=127.0.0.1",
		"--pid-file="+filepath.Join(s.dir, "pid"),
		"--tmpdir="+filepath.Join(s.dir, "tmp"),
		"--skip-name-resolve",
		"--performance-schema=OFF",
		"--secure-file-priv=",
		"--server-id=1",
		"--log-bin=binlog",
		"--binlog-row-image=FULL",
		"--sync-binlog=1",
		"--innodb-flush-log-at-trx-commit=1",
	)
	if b.flavor == MySQL {
		argv = append(argv, "--loose-mysqlx=OFF") // row format is the default, and naming it warns
	} else {
		argv = append(argv, "--binlog-format=ROW")
	}
	argv = append(argv, s.opts.Args...)
	return append(argv, extra...)
}

func (b *binaries) baseArgv(dataDir string) []string {
	argv := append([]string{}, b.server...)
	argv = append(argv, "--no-defaults", "--datadir="+dataDir)
	if os.Geteuid() == 0 {
		argv = append(argv, "--user=root")
	}
	argv = append(argv, b.args...)
	if b.share != "" {
		argv = append(argv, "--character-sets-dir="+filepath.Join(b.share, "charsets"))
	}
	argv = append(argv, innodbArgs...)
	if b.flavor == MySQL {
		return append(argv, "--loose-innodb-redo-log-capacity=64M")
	}
	return append(argv, "--innodb-log-file-size=32M")
}

// makeDataDir copies the template of this server version, or makes a data
// directory and a template of it.
func (s *Server) makeDataDir(ctx context.Context) error {
	name := fmt.Sprintf("template-%s-%s-%d", s.bin.flavor, s.bin.version, templateFormat)
	for _, arg := range s.lastingArgs() {
		name += "-" + strings.Trim(arg, "-")
	}
	template := filepath.Join(cacheDir(), name)
	if _, err := os.Stat(template); err == nil {
		s.logf("copying %s", template)
		if err := copyTree(ctx, s.DataDir(), template, false); err != nil {
			return fmt.Errorf("copy the template %s: %w; if it is damaged, remove it", template, err)
		}
		return nil
	}
	s.logf("making a data directory for %s %s", s.bin.flavor, s.bin.version)
	if err := s.initDataDir(ctx); err != nil {
		return fmt.Errorf("make a data directory for %s: %w", s.bin.flavor, err)
	}
	if err := s.keepTemplate(ctx, template); err != nil {
		if ctx.Err() != nil {
			return err
		}
		s.logf("no template kept, so that the next start is slow as well: %v", err)
	}
	return nil
}

// initArgs make that quick: a data directory that a crash spoils is made again.
var initArgs = []string{"--skip-log-bin", "--loose-innodb-flush-method=nosync", "--loose-skip-innodb-doublewrite"}

// lastingArgs are options that MySQL takes when a data directory is made, and wants
// to find unchanged at each start.
func (s *Server) lastingArgs() (args []string) {
	for _, arg := range s.opts.Args {
		if strings.HasPrefix(arg, "--lower-case-table-names=") {
			args = append(args, arg)
		}
	}
	return args
}

func (s *Server) initDataDir(ctx context.Context) error {
	base := append(s.bin.baseArgv(s.DataDir()), initArgs...)
	base = append(base, s.lastingArgs()...)
	if s.bin.flavor == MySQL {
		argv := append(base, "--initialize-insecure")
		if err := s.run(ctx, argv); err != nil {
			return err
		}
		// Holds the server's uuid, which must not be shared.
		if err := os.Remove(filepath.Join(s.DataDir(), "auto.cnf")); err != nil && !os.IsNotExist(err) {
			return err
		}
		return nil
	}
	argv := append([]string{}, s.bin.install...)
	argv = append(argv, base[len(s.bin.server):]...)
	return s.run(ctx, append(argv, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"))
}

// keepTemplate copies the fresh data directory, which was shut down cleanly
// and has no binlog yet, and gives the copy its name at the end, so that a
// template is always whole. The first of several makers wins.
func (s *Server) keepTemplate(ctx context.Context, template string) error {
	if err := os.MkdirAll(filepath.Dir(template), 0o755); err != nil {
		return err
	}
	part := template + ".part-" + randomName()
	if strings.ContainsAny(part, "\n\r") {
		return fmt.Errorf("%q has a line break in its name", part)
	}
	if err := s.janitor.alsoRemove(part); err != nil {
		return err
	}
	defer os.RemoveAll(part)
	if err := copyTree(ctx, part, s.DataDir(), true); err != nil {
		return err
	}
	if err := os.Rename(part, template); err != nil && !os.IsExist(err) {
		return err
	}
	return nil
}

// copyTree copies a tree of plain files and folders, leaving runs of zeros as
// holes: most of a fresh data directory is zeros.
func copyTree(ctx context.Context, dst, src string, sync bool) error {
	buf := make([]byte, 64<<10)
	return filepath.WalkDir(src, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		rel, err := filepath.Rel(src, path)
		if err != nil {
			return err
		}
		to := filepath.Join(dst, rel)
		switch {
		case e.IsDir():
			return os.Mkdir(to, 0o700)
		case e.Type().IsRegular():
			return copyFile(to, path, buf, sync)
		default:
			return nil // a leftover socket
		}
	})
}

func copyFile(dst, src string, buf []byte, sync bool) (err error) {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(dst, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return err
	}
	defer func() {
		if cerr := out.Close(); err == nil {
			err = cerr
		}
	}()
	if err := copySparse(out, in, buf); err != nil {
		return err
	}
	if sync {
		return out.Sync()
	}
	return nil
}

func copySparse(out *os.File, in io.Reader, buf []byte) error {
	var offset int64
	for {
		n, err := io.ReadFull(in, buf)
		if n > 0 && !allZero(buf[:n]) {
			if _, err := out.WriteAt(buf[:n], offset); err != nil {
				return err
			}
		}
		offset += int64(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return out.Truncate(offset)
		}
		if err != nil {
			return err
		}
	}
}

func allZero(b []byte) bool {
	return len(b) == 0 || b[0] == 0 && bytes.Equal(b[1:], b[:len(b)-1])
}
