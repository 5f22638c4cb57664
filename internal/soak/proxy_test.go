package soak

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// proxy forwards TCP connections and mistreats them.
type proxy struct {
	target string
	l      net.Listener
	wg     sync.WaitGroup
	ctx    context.Context
	cancel context.CancelFunc

	mu    sync.Mutex
	rng   *rand.Rand // nil: connections are left alone
	links map[*link]struct{}
	cuts  func(n int) (packets int, mid bool) // of the nth dump: see packetCutter; nil: none

	down   atomic.Int64 // bytes that came from the target
	dumps  atomic.Int64 // COM_BINLOG_DUMP commands seen; needs tls = "off"
	open   atomic.Int64 // connections that dump
	most   atomic.Int64 // the most of them at a time
	tricks map[string]int
}

// fate is what a connection has before it.
type fate struct {
	name       string
	cutDown    int64         // close both ends after so many bytes from the target; 0: never
	half       bool          // instead, only tell the client that the target has ended
	delay      time.Duration // before each piece
	trickle    int           // so many bytes are handed on one by one
	blackAfter int64         // bytes from the target, then nothing is forwarded, nor closed
}

type link struct {
	p              *proxy
	fate           fate
	client, target net.Conn
	dumping        atomic.Bool
	cutter         atomic.Pointer[packetCutter] // of a dump; downward's once it is set
}

func newProxy(t testing.TB, target string, rng *rand.Rand) *proxy {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{target: target, l: l, rng: rng, links: map[*link]struct{}{}, tricks: map[string]int{}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.wg.Go(p.accept)
	t.Cleanup(func() {
		p.cancel()
		l.Close()
		p.cutAll()
		p.wg.Wait()
	})
	return p
}

func (p *proxy) addr() string { return p.l.Addr().String() }

// calm lets connections alone from now on; those that are open are cut.
func (p *proxy) calm() {
	p.mu.Lock()
	p.rng, p.cuts = nil, nil
	p.mu.Unlock()
	p.cutAll()
}

func (p *proxy) cutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.close()
	}
}

func (p *proxy) accept() {
	for {
		c, err := p.l.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.serve(c) })
	}
}

func (p *proxy) serve(c net.Conn) {
	defer c.Close()
	t, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(p.ctx, "tcp4", p.target)
	if err != nil {
		return
	}
	defer t.Close()
	l := &link{p: p, client: c, target: t}
	p.mu.Lock()
	l.fate = p.decide()
	p.links[l] = struct{}{}
	p.mu.Unlock()
	var both sync.WaitGroup
	both.Go(l.up)
	both.Go(l.downward)
	both.Wait()
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
	if l.dumping.Load() {
		p.open.Add(-1)
	}
}

// decide: most connections live, so that there is progress; under mu.
func (p *proxy) decide() (f fate) {
	if p.rng == nil {
		return f
	}
	size := func(bits int) int64 { return 1 + p.rng.Int64N(1<<(4+p.rng.IntN(bits))) }
	switch p.rng.IntN(12) {
	case 0:
		f = fate{name: "cut", cutDown: size(16)}
	case 1:
		f = fate{name: "half-close", cutDown: size(16), half: true}
	case 2:
		f = fate{name: "delay", delay: between(p.rng, time.Millisecond, 60*time.Millisecond)}
	case 3:
		f = fate{name: "trickle", trickle: int(size(10))}
	case 4:
		if p.rng.IntN(4) == 0 {
			f = fate{name: "black hole", blackAfter: size(14)}
		}
	}
	if f.name != "" {
		p.tricks[f.name]++
	}
	return f
}
