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
	s := twoWriters(t)
	lead, other, src := s.writers.list[0], s.writers.list[1], s.src
	for _, w := range s.writers.list {
		w.mu.Lock()
	}
	s.writers.few = 0
	for _, w := range s.writers.list {
		w.mu.Unlock()
	}
	before := s.next()
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
	eventually(t, "the other writer", func() bool { return other.at() == before+2 })
	src.commit(row{"picks", "second"})
	eventually(t, "what comes meanwhile", func() bool { return s.next() == before+3 })
	free()
	for _, w := range s.writers.list {
		eventually(t, "what has come meanwhile", func() bool { return w.at() == before+3 })
	}
}

// TestLeadIsNotHeldUp: while another writer is at work, for long, the first
// serves its own clients.
func TestLeadIsNotHeldUp(t *testing.T) {
	s := twoWriters(t)
	lead, other := s.writers.list[0], s.writers.list[1]
	before := s.next()
	func() {
		other.mu.Lock()
		defer other.mu.Unlock()
		for i := range uint64(3) {
			s.src.commit(row{"picks", "next"})
			eventually(t, "the first writer", func() bool { return lead.at() == before+i+1 })
		}
	}()
	eventually(t, "the other writer", func() bool { return other.at() == before+3 })
}

// TestHeartbeatsBesideTraffic: who gets no events hears from the server all the
// same, also where events for others wait to be written at that moment.
func TestHeartbeatsBesideTraffic(t *testing.T) {
	src := newFake()
	s := serve(t, Config{Heartbeat: time.Hour, Ping: "ping"}, src, fakeRenderer{tables: []string{"picks", "teams"}}).started(t)
	c := s.open(t, h1(), "/events/picks", "")
	c.must()
	eventually(t, "the client", func() bool { return s.writers.count() == 1 })
	before := s.next()
	for _, w := range s.writers.list {
		w.mu.Lock()
	}
	src.commit(row{"teams", "waits"})
	eventually(t, "an event", func() bool { return s.next() == before+1 })
	for _, w := range s.writers.list {
		w.each(func(k *socket) { k.last -= int64(time.Hour) })
		w.beat()
		w.mu.Unlock()
	}
	src.commit(row{"picks", "next"})
	if b := c.must(); b.event != "ping" {
		t.Fatalf("an hour of silence ended with %+v", b)
	}
	if b := c.event(); b.data != "next" {
		t.Errorf("the event behind the heartbeat is %+v", b)
	}
}

// twoWriters is a server with two clients for each of its writers, of which there
// are two or more.
func twoWriters(t *testing.T) *running {
	if n := runtime.GOMAXPROCS(0); n < 2 {
		runtime.GOMAXPROCS(2)
		t.Cleanup(func() { runtime.GOMAXPROCS(n) })
	}
	s := serve(t, Config{Heartbeat: time.Hour}, newFake(), fakeRenderer{tables: []string{"picks", "teams"}}).started(t)
	for i := range 2 * len(s.writers.list) { // they take turns
		conn := s.dial(t, "GET /events/picks HTTP/1.1\r\nHost: localhost\r\n\r\n")
		go func() { _, _ = io.Copy(io.Discard, conn) }() // ends with the connection
		eventually(t, "the client", func() bool { return s.writers.count() == i+1 })
	}
	return s
}

// next is the number of the frame that comes next, at that for a writer.
func (r *running) next() uint64 {
	return r.history.Live().End()
}

func (w *writer) at() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seq
}
