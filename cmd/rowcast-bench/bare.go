//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"rowcast/internal/program"
)

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

// bareServe is the floor for a fan-out in Go: a line of standard input goes to
// every client with one write each, by as many goroutines as there are cores,
// and nothing else is done: no HTTP, no cursor, no heartbeat, no slow reader.
func bareServe(ctx context.Context, addr string) error {
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		return err
	}
	defer l.Close()
	context.AfterFunc(ctx, func() { os.Exit(0) })
	loops := make([]*bareLoop, runtime.GOMAXPROCS(0))
	for i := range loops {
		loops[i] = &bareLoop{}
	}
	go func() {
		for i := 0; ; i++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if err := loops[i%len(loops)].add(conn); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
	}()
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return nil // the bench has ended
		}
		block := fmt.Appendf(nil, "data: %s\n\n", bytes.TrimSpace(line))
		chunk := fmt.Appendf(nil, "%x\r\n%s\r\n", len(block), block)
		var wg sync.WaitGroup
		for _, loop := range loops {
			wg.Go(func() { loop.write(chunk) })
		}
		wg.Wait()
	}
}

// bareAnswer is the floor for first visitors: each request is answered by one write of
// what standard input held, and its connection stays open.
func bareAnswer(ctx context.Context, addr string) error {
	body, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	answer := append([]byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"), body...)
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		return err
	}
	defer l.Close()
	context.AfterFunc(ctx, func() { os.Exit(0) })
	request := make([]byte, 4096)
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		defer conn.Close()
		if _, err := conn.Read(request); err != nil {
			return err
		}
		if _, err := conn.Write(answer); err != nil {
			return err
		}
	}
}

type bareLoop struct {
	mu  sync.Mutex
	fds []int
}

// add takes the socket away from Go's poller and answers the request.
func (b *bareLoop) add(conn net.Conn) error {
	defer conn.Close()
	if _, err := conn.Read(make([]byte, 4096)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")); err != nil {
		return err
	}
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return err
	}
	fd := -1
	var dup error
	if err := raw.Control(func(of uintptr) { fd, dup = unix.FcntlInt(of, unix.F_DUPFD_CLOEXEC, 0) }); err != nil || dup != nil {
		return fmt.Errorf("take a socket: %w, %w", err, dup)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fds = append(b.fds, fd)
	return nil
}

func (b *bareLoop) write(chunk []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, fd := range b.fds {
		_, _ = unix.Write(fd, chunk) // a client that has left is not looked for
	}
}
