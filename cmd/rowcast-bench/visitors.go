//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// readyEvent ends the rows of a stream.
const readyEvent = "event: ready\n"

// visitors open a stream each, and read it up to a text.
type visitors struct {
	addr  string
	path  func(i int) string
	until string
}

// crowd is connected visitors that have come as far as they should.
type crowd struct {
	conns  []net.Conn
	sample []byte // what one of them got, without its header
}

// visitTimeout is long enough for all rows of a large table.
const visitTimeout = 5 * time.Minute

// come has n visitors come at once: at most `connecting` are without an answer at a time.
func (v visitors) come(ctx context.Context, n int) (*crowd, error) {
	c := &crowd{conns: make([]net.Conn, n)}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	places := make(chan struct{}, connecting) // one for each that connects
	for i := range n {
		wg.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			got, err := v.visit(ctx, i, &c.conns[i])
			mu.Lock()
			defer mu.Unlock()
			if err != nil && failed == nil {
				failed = fmt.Errorf("visitor %d: %w", i, err)
			}
			if len(got) > 0 {
				c.sample = got
			}
		})
	}
	wg.Wait()
	if failed != nil {
		c.leave()
		return nil, failed
	}
	return c, nil
}

// visit returns what came, if that is little.
func (v visitors) visit(ctx context.Context, i int, conn *net.Conn) ([]byte, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i/clientsPerAddress))}, Control: portAtConnect}
	c, err := dialer.DialContext(ctx, "tcp4", v.addr)
	if err != nil {
		return nil, err
	}
	*conn = c
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	if err := c.SetDeadline(time.Now().Add(visitTimeout)); err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n", v.path(i), v.addr); err != nil {
		return nil, err
	}
	b := make([]byte, 32<<10)
	had := 0 // of b: what the last read brought, of which the text may be a part
	all, whole := []byte(nil), true
	for {
		n, err := c.Read(b[had:])
		if err != nil {
			return nil, err
		}
		if whole = whole && len(all) < 1<<20; whole {
			all = append(all, b[had:had+n]...)
		}
		if !bytes.HasPrefix(b, []byte("HTTP/1.1 200 ")) && len(all) == n {
			return nil, fmt.Errorf("%q", b[:min(n, 200)])
		}
		at := bytes.Index(b[:had+n], []byte(v.until))
		if at >= 0 && bytes.Contains(b[at:had+n], []byte("\n\n")) {
			_, body, _ := bytes.Cut(all, []byte("\r\n\r\n"))
			return body, nil
		}
		keep := min(had+n, len(b)/4)
		if at >= 0 {
			keep = had + n - at
		}
		had = copy(b, b[had+n-keep:had+n])
	}
}

// portAtConnect has the kernel choose a port when the socket connects: to find one that
// is free for all is slow where so many were in use.
func portAtConnect(_, _ string, c syscall.RawConn) error {
	var set error
	err := c.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1) })
	return errors.Join(err, set)
}

// leave ends the connections.
func (c *crowd) leave() {
	for _, conn := range c.conns {
		if conn != nil {
			conn.Close()
		}
	}
}
