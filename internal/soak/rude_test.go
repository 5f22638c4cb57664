package soak

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"
)

// What clients do that are no browsers. None of it may hurt the others.

func (f *faults) dial(rng *rand.Rand) *net.TCPConn {
	c, err := net.DialTimeout("tcp4", f.instances[rng.IntN(len(f.instances))].http, time.Second)
	if err != nil {
		return nil // it is down at the moment
	}
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c.(*net.TCPConn)
}

// vanish subscribes to everything, reads nothing, and goes without FIN: its
// socket is reset in the middle of what was sent.
func (f *faults) vanish(ctx context.Context, rng *rand.Rand) {
	c := f.dial(rng)
	if c == nil {
		return
	}
	defer c.Close()
	f.count("client that reads nothing, then is gone")
	_ = c.SetReadBuffer(2 << 10)
	fmt.Fprintf(c, "GET /events?table=a&table=b&table=m HTTP/1.1\r\nHost: localhost\r\n\r\n")
	pause(ctx, between(rng, 0, either(2*time.Second, 20*time.Second)))
	_ = c.SetLinger(0)
}

func (f *faults) sayNothing(ctx context.Context, rng *rand.Rand) {
	c := f.dial(rng)
	if c == nil {
		return
	}
	defer c.Close()
	f.count("client that says nothing")
	pause(ctx, between(rng, 0, time.Second))
}

func (f *faults) bigHeaders(_ context.Context, rng *rand.Rand) {
	c := f.dial(rng)
	if c == nil {
		return
	}
	defer c.Close()
	f.count("client with megabytes of headers")
	_, err := io.WriteString(c, "GET /events/a HTTP/1.1\r\nHost: localhost\r\n")
	for i := 0; i < 64 && err == nil; i++ {
		_, err = fmt.Fprintf(c, "X-%d: %s\r\n", i, strings.Repeat("x", 64<<10))
	}
	if err == nil {
		if status, _ := io.ReadAll(io.LimitReader(c, 12)); !strings.HasPrefix(string(status), "HTTP/1.1 4") && len(status) > 0 {
			f.t.Errorf("4 MiB of headers are answered with %q", status)
		}
	}
}

func (f *faults) garbage(_ context.Context, rng *rand.Rand) {
	c := f.dial(rng)
	if c == nil {
		return
	}
	defer c.Close()
	f.count("client that talks garbage")
	b := make([]byte, rng.IntN(4096))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	_, _ = c.Write(b)
}
