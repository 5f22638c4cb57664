//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"rowcast/internal/throwaway"
)

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
type daemon struct {
	cmd  *exec.Cmd
	errs *tailBuffer
	done chan struct{} // closed at its end
}

func startDaemon(argv []string, stdin io.Reader) (*daemon, error) {
	d := &daemon{cmd: exec.Command(argv[0], argv[1:]...), errs: &tailBuffer{}, done: make(chan struct{})}
	d.cmd.Stdin, d.cmd.Stderr = stdin, d.errs
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = d.cmd.Wait() // how it ended is no news: it is always stopped
		close(d.done)
	}()
	return d, nil
}

func (d *daemon) pid() int { return d.cmd.Process.Pid }

func (d *daemon) stop() error {
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.done:
		return nil
	case <-time.After(startTimeout):
		_ = d.cmd.Process.Kill()
		<-d.done
		return fmt.Errorf("%s did not end within %s of SIGTERM; killed", filepath.Base(d.cmd.Path), startTimeout)
	}
}

// ready waits until ok says nil; a program that has ended never gets ready.
func (d *daemon) ready(ctx context.Context, ok func() error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := ok()
		if err == nil {
			return nil
		}
		select {
		case <-d.done:
			return fmt.Errorf("%s ended: %s", filepath.Base(d.cmd.Path), d.errs)
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w: %s", filepath.Base(d.cmd.Path), err, d.errs)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// serveRowcast starts `rowcast serve` and returns when it follows the binlog.
// profile takes a CPU profile of it; nil where none is wanted.
func (b *bench) serveRowcast(s *throwaway.Server, tables string) (d *daemon, addr string, profile func(seconds int) error, err error) {
	if addr, err = freeAddr(); err != nil {
		return nil, "", nil, err
	}
	admin := ""
	if b.Profile != "" {
		if admin, err = freeAddr(); err != nil {
			return nil, "", nil, err
		}
		profile = func(seconds int) error { return b.fetchProfile(admin, seconds) }
	}
	conf, err := b.config(s, addr, admin, tables)
	if err != nil {
		return nil, "", nil, err
	}
	d, err = startDaemon([]string{b.Rowcast, "serve", "--config", conf, "--drain", "1s"}, nil)
	if err != nil {
		return nil, "", nil, err
	}
	err = d.ready(b.ctx, func() error {
		resp, err := http.Get("http://" + addr + "/readyz")
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
		return nil, "", nil, errors.Join(err, d.stop())
	}
	http.DefaultClient.CloseIdleConnections()
	return d, addr, profile, nil
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

func freeAddr() (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// tailBuffer keeps what a program said last.
type tailBuffer struct {
	mu   sync.Mutex
	text []byte
}

// Write implements io.Writer.
func (t *tailBuffer) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if len(t.text) > 2000 {
		t.text = t.text[len(t.text)-2000:]
	}
	return len(p), nil
}

func (t *tailBuffer) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(strings.Fields(string(t.text)), " ")
}
