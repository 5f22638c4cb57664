package stream

import (
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestLeadTellsOfTheLast: the first writer, with much to write, leaves the others
// to themselves. Where they are done before it, they must hear of what has come
// meanwhile.
func TestLeadTellsOfTheLast(t *testing.T) {
	if n := runtime.GOMAXPROCS(0); n < 2 {
		runtime.GOMAXPROCS(2)
		defer runtime.GOMAXPROCS(n)
	}
	src := newFake()
	s := serve(t, Config{Heartbeat: time.Hour}, src, fakeRenderer{tables: []string{"picks", "teams"}}).started(t)
	lead, other := s.writers.list[0], s.writers.list[1]
	for _, w := range s.writers.list {
		w.mu.Lock()
	}
	s.writers.few = 0
	for _, w := range s.writers.list {
		w.mu.Unlock()
	}
	for i := range 2 * len(s.writers.list) { // the writers take turns
		conn := s.dial(t, "GET /events/picks HTTP/1.1\r\nHost: localhost\r\n\r\n")
		go func() { _, _ = io.Copy(io.Discard, conn) }() // ends with the connection
		eventually(t, "the client", func() bool { return s.writers.count() == i+1 })
	}
	next := func() uint64 {
		s.live.log.mu.Lock()
		defer s.live.log.mu.Unlock()
		return s.live.log.next
	}
	at := func(w *writer) uint64 {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.seq
	}
	before := next()
	// The first writer meets a broken connection, and can't let go of it for a while.
	lead.mu.Lock()
	if err := unix.Shutdown(lead.members[0].fd, unix.SHUT_WR); err != nil {
		t.Fatal(err)
	}
	lead.mu.Unlock()
	s.writers.watch.mu.Lock()
	free := sync.OnceFunc(s.writers.watch.mu.Unlock)
	defer free()
	src.commit(row{"picks", "first"}, row{"teams", strings.Repeat("x", stepBytes)}) // a whole step
	eventually(t, "the other writer", func() bool { return at(other) == before+2 })
	src.commit(row{"picks", "second"})
	eventually(t, "what comes meanwhile", func() bool { return next() == before+3 })
	free()
	for _, w := range s.writers.list {
		eventually(t, "what has come meanwhile", func() bool { return at(w) == before+3 })
	}
}
