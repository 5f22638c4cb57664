//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-mysql-org/go-mysql/client"

	"rowcast/internal/program"
	"rowcast/internal/throwaway"
)

// target is a server under measurement, running.
type target struct {
	addr    string
	path    func(i int) string         // what client i asks for
	pids    func() ([]int, error)      // its processes
	send    func(n int64) error        // publishes events of number n: every client gets one
	want    func(i int, n int64) int64 // how many events client i has after n; nil: n
	clients int                        // how many there are, if not as the load says
	warmUp  int                        // events before anything is counted, if more than usual
	stop    func() error
	profile func(seconds int) error // nil: none is wanted
}

// maker starts a target for one measurement.
type maker func() (*target, error)

// feedTables is the config of the plain case: a table that all clients follow.
const feedTables = `
[[table]]
name = "bench.feed"
as = "feed"
columns = ["id", "body"]
`

// rowcast starts rowcast on s; insert runs the statements that publish number n.
func (b *bench) rowcast(s *throwaway.Server, tables string, path func(i int) string, insert func(c *client.Conn, n int64) error) (*target, error) {
	d, err := b.serveRowcast(s, tables)
	if err != nil {
		return nil, err
	}
	c, err := s.Conn()
	if err != nil {
		return nil, errors.Join(err, d.stop())
	}
	return &target{
		addr: d.addr, path: path, profile: d.profile,
		pids: func() ([]int, error) { return []int{d.PID()}, nil },
		send: func(n int64) error { return insert(c, n) },
		stop: func() error { return errors.Join(c.Close(), d.stop()) },
	}, nil
}

func at(path string) func(int) string { return func(int) string { return path } }

// insertFeed publishes by one INSERT that commits by itself.
func insertFeed(c *client.Conn, n int64) error {
	_, err := c.Execute("INSERT INTO bench.feed (body) VALUES ('" + body(time.Now().UnixNano(), n) + "')")
	return err
}

// listens looks without connecting, which a server would count as a client.
func listens(addr string) error {
	text, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return err
	}
	var port int
	if _, err := fmt.Sscanf(addr[strings.LastIndexByte(addr, ':'):], ":%d", &port); err != nil {
		return err
	}
	if !strings.Contains(string(text), fmt.Sprintf(" 0100007F:%04X 00000000:0000 0A", port)) {
		return errors.New("nothing listens at " + addr)
	}
	return nil
}

// waitFor polls ok, for at most d.
func waitFor(ctx context.Context, d time.Duration, ok func() bool) bool {
	end := time.Now().Add(d)
	for !ok() {
		if ctx.Err() != nil || time.Now().After(end) {
			return false
		}
		time.Sleep(time.Millisecond)
	}
	return true
}

const startTimeout = 30 * time.Second

// build makes the rowcast program that is measured, as `make build` does.
func (b *bench) build() error {
	if b.Rowcast != "" {
		return nil
	}
	b.Rowcast = filepath.Join(b.dir, "rowcast")
	b.logf("building rowcast")
	cmd := exec.CommandContext(b.ctx, "go", "build", "-trimpath", "-o", b.Rowcast, "rowcast/cmd/rowcast")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build rowcast: %w: %s; run this in rowcast's own tree, or give --rowcast", err, out)
	}
	return nil
}

// config writes a config file for s, with tables in TOML. admin is empty for none.
func (b *bench) config(s *throwaway.Server, listen, admin, tables string) (path string, err error) {
	path = filepath.Join(b.dir, "config.toml")
	text := fmt.Sprintf(`
[source]
addr = %q
user = %q
password = %q
tls = "off"
[http]
listen = %q
[admin]
listen = %q
%s`, s.Addr(), s.User(), s.Password(), listen, admin, tables)
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// daemon is a program that serves until it is stopped.
type daemon struct{ *program.Process }

func startDaemon(argv []string, stdin io.Reader) (daemon, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin = stdin
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	p, err := program.Start(cmd)
	return daemon{p}, err
}

// stop ends it in order, or by force after a while, which is an error.
func (d daemon) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	err := d.Terminate(ctx)
	if err != nil {
		d.Kill()
	}
	return err
}

// ready waits until ok says nil.
func (d daemon) ready(ctx context.Context, ok func() error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return d.Ready(ctx, ok)
}

// served is a rowcast that serves.
type served struct {
	daemon
	addr, admin string
	profile     func(seconds int) error // takes a CPU profile; nil: none is wanted
}

// serveRowcast starts `rowcast serve` and returns when it follows the binlog.
func (b *bench) serveRowcast(s *throwaway.Server, tables string) (d served, err error) {
	if d.addr, err = program.FreeAddr(); err != nil {
		return d, err
	}
	if d.admin, err = program.FreeAddr(); err != nil {
		return d, err
	}
	if b.Profile != "" {
		d.profile = func(seconds int) error { return b.fetchProfile(d.admin, seconds) }
	}
	conf, err := b.config(s, d.addr, d.admin, tables)
	if err != nil {
		return d, err
	}
	d.daemon, err = startDaemon([]string{b.Rowcast, "serve", "--config", conf, "--drain", "1s"}, nil)
	if err != nil {
		return d, err
	}
	err = d.ready(b.ctx, func() error {
		resp, err := http.Get("http://" + d.addr + "/readyz")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	})
	if err != nil {
		return d, errors.Join(err, d.stop())
	}
	http.DefaultClient.CloseIdleConnections()
	return d, nil
}

// metric is a metric's value, without labels.
func (d served) metric(name string) (value float64, err error) {
	resp, err := http.Get("http://" + d.admin + "/metrics")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(string(text), "\n"+name+" ")
	if !found {
		return 0, fmt.Errorf("no metric %s", name)
	}
	_, err = fmt.Sscan(rest, &value)
	return value, err
}

// fetchProfile keeps a profile under a name of its own.
func (b *bench) fetchProfile(admin string, seconds int) error {
	resp, err := http.Get(fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", admin, seconds))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	out, err := os.CreateTemp(b.Profile, "serve-*.pprof")
	if err != nil {
		return err
	}
	_, err = io.Copy(out, resp.Body)
	b.logf("profile: %s", out.Name())
	return errors.Join(err, out.Close())
}
