//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	clientsPerAddress = 15_000 // of the 28,000 local ports that an address has
	connecting        = 200    // at once: less than a listener's backlog
	connectTimeout    = 2 * time.Minute
)

// clients are event streams that one goroutine holds by epoll. It connects them,
// decodes what comes, and checks the numbers of the events.
type clients struct {
	to    netip.AddrPort
	path  func(i int) string
	epoll int
	conns []conn
	next  int // to be connected
	buf   []byte
	sent  []int64 // scratch

	open      atomic.Int64 // have a response
	delivered atomic.Int64 // events since they were opened
	measuring atomic.Bool  // delays are recorded
	stop      atomic.Bool
	done      chan struct{}
	acks      [1 << 14]atomic.Int64 // when event n was acknowledged, at n modulo their number; 0: not yet

	// The goroutine's, until done is closed.
	err               error
	delays, ackDelays hist
}

func (c *clients) acked(n int64) *atomic.Int64 { return &c.acks[int(n)%len(c.acks)] }

// openClients connects n clients to addr; path says what each asks for. It
// returns when all of them have a response.
func openClients(ctx context.Context, addr string, n int, path func(i int) string) (*clients, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	if most := maxClients(); n > most {
		return nil, fmt.Errorf("%d clients are more than the limit of open files allows (%d); raise it with ulimit -n", n, most)
	}
	c := &clients{to: to, path: path, conns: make([]conn, n), buf: make([]byte, 256<<10), done: make(chan struct{})}
	if c.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	go c.run()
	ok := waitFor(ctx, connectTimeout, func() bool {
		select {
		case <-c.done:
			return true
		default:
			return c.open.Load() == int64(n)
		}
	})
	if got := c.open.Load(); !ok || got < int64(n) {
		return nil, errors.Join(fmt.Errorf("only %d of %d clients have a response", got, n), c.close())
	}
	return c, nil
}

// close ends all clients; its error is what went wrong with any of them so far.
func (c *clients) close() error {
	c.stop.Store(true)
	<-c.done
	return c.err
}

func (c *clients) run() {
	defer close(c.done)
	defer unix.Close(c.epoll)
	defer func() {
		for i := range c.next {
			unix.Close(c.conns[i].fd)
		}
	}()
	events := make([]unix.EpollEvent, 1024)
	for !c.stop.Load() && c.err == nil {
		for c.next < len(c.conns) && int64(c.next)-c.open.Load() < connecting {
			if c.err = c.dial(c.next); c.err != nil {
				c.err = fmt.Errorf("connect client %d: %w", c.next, c.err)
				return
			}
			c.next++
		}
		n, err := unix.EpollWait(c.epoll, events, 20)
		if err != nil && err != unix.EINTR {
			c.err = err
			return
		}
		got := int64(0)
		for _, e := range events[:max(n, 0)] {
			got += c.read(int(e.Fd))
		}
		c.delivered.Add(got)
	}
}

// dial connects, which on loopback waits for nothing, and sends the request.
// Sources are spread, since an address has so many ports only.
func (c *clients) dial(i int) (err error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	if err = unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
		return err
	}
	if err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(2 + i/clientsPerAddress)}}); err != nil {
		return err
	}
	if err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(c.to.Port()), Addr: c.to.Addr().As4()}); err != nil {
		return err
	}
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n", c.path(i), c.to)
	if _, err = unix.Write(fd, request); err != nil {
		return err
	}
	if err = unix.SetNonblock(fd, true); err != nil {
		return err
	}
	c.conns[i].fd = fd
	return unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)})
}

// read takes what a client has got and returns how many events are in it.
func (c *clients) read(i int) (events int64) {
	k := &c.conns[i]
	n, err := unix.Read(k.fd, c.buf)
	if err == unix.EAGAIN || err == unix.EINTR {
		return 0
	}
	if err == nil && n == 0 {
		err = errors.New("the server closed the connection")
	}
	opens := k.state == inHeader
	if err == nil {
		c.sent, err = k.feed(c.buf[:n], c.sent[:0])
	}
	if err != nil {
		c.err = fmt.Errorf("client %d, after event %d: %w", i, k.last, err)
		return 0
	}
	if opens && k.state != inHeader {
		c.open.Add(1)
	}
	if len(c.sent) > 0 && c.measuring.Load() {
		now := time.Now().UnixNano()
		for j, at := range c.sent {
			c.delays.add(now - at)
			ack := c.acked(k.last - int64(len(c.sent)-1-j)).Load()
			if ack == 0 {
				ack = now
			}
			c.ackDelays.add(now - ack)
		}
	}
	return int64(len(c.sent))
}

// short says which clients have not got everything up to the event that want
// names; only after close.
func (c *clients) short(want func(i int) int64) error {
	missing, lacking := int64(0), 0
	for i := range c.conns {
		if d := want(i) - c.conns[i].last; d != 0 {
			missing += d
			lacking++
		}
	}
	if lacking > 0 {
		return fmt.Errorf("%d events are missing at %d clients", missing, lacking)
	}
	return nil
}
