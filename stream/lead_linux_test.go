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

// TestHeartbeatsBesideTraffic: who gets no events for a while hears from the
// server all the same, and of the checkpoint, however many events others get.
func TestHeartbeatsBesideTraffic(t *testing.T) {
	src := newFake()
	s := serve(t, Config{Heartbeat: 200 * time.Millisecond}, src, fakeRenderer{tables: []string{"picks", "teams"}}).started(t)
	for range s.writers.list { // so that one stands beside the quiet client
		conn := s.dial(t, "GET /events/teams HTTP/1.1\r\nHost: localhost\r\n\r\n")
		go func() { _, _ = io.Copy(io.Discard, conn) }() // ends with the connection
	}
	c := s.open(t, h1(), "/events/picks", "")
	last := c.must().id
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for next := s.next(); ; next++ {
			select {
			case <-stop:
				return
			default:
			}
			src.commit(row{"teams", "next"})
			for s.next() <= next { // one after the other, without a pause
				runtime.Gosched()
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	for moved := 0; moved < 5; {
		begun := time.Now()
		b := c.must()
		if took := time.Since(begun); took > 5*time.Second {
			t.Fatalf("no heartbeat for %v", took)
		}
		if b.id != "" && b.id != last {
			last = b.id
			moved++
		}
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
	r.live.log.mu.Lock()
	defer r.live.log.mu.Unlock()
	return r.live.log.next
}

func (w *writer) at() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seq
}
