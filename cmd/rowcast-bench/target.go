//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
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
	want    func(i int, n int64) int64 // how many events client i has behind n; nil: n
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
	d, addr, profile, err := b.serveRowcast(s, tables)
	if err != nil {
		return nil, err
	}
	c, err := s.Conn()
	if err != nil {
		return nil, errors.Join(err, d.stop())
	}
	return &target{
		addr: addr, path: path, profile: profile,
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

// bare starts the loop of writes, which gets its events by a pipe.
func (b *bench) bare() (*target, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	addr, err := program.FreeAddr()
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	d, err := startDaemon([]string{self, "child", "writes", addr}, r)
	r.Close()
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	t := &target{
		addr: addr, path: at("/"),
		pids: func() ([]int, error) { return []int{d.PID()}, nil },
		send: func(n int64) error {
			_, err := io.WriteString(w, body(time.Now().UnixNano(), n)+"\n")
			return err
		},
		stop: func() error { return errors.Join(w.Close(), d.stop()) },
	}
	if err := d.ready(b.ctx, func() error { return listens(addr) }); err != nil {
		return nil, errors.Join(err, t.stop())
	}
	return t, nil
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
