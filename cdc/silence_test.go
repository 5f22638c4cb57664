package cdc

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"rowcast/internal/throwaway"
)

// thinLink forwards TCP connections to a database: what comes from there in small
// pieces, with a pause after each, and nothing more of it once frozen. The first
// connection on which cutAt is sent ends there, after cut was called.
type thinLink struct {
	t      *testing.T
	l      net.Listener
	target string
	done   chan struct{}
	wg     sync.WaitGroup

	mu       sync.Mutex
	cond     *sync.Cond
	moved    int
	freezeAt int // moved may not exceed it; 0: no limit
	cutAt    string
	cut      func()
	closed   bool
}

const (
	piece = 16 << 10
	pause = 20 * time.Millisecond
)

func newThinLink(t *testing.T, target string) *thinLink {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &thinLink{t: t, l: l, target: target, done: make(chan struct{})}
	k.cond = sync.NewCond(&k.mu)
	k.wg.Go(k.accept)
	t.Cleanup(func() {
		l.Close()
		close(k.done)
		k.mu.Lock()
		k.closed = true
		k.mu.Unlock()
		k.cond.Broadcast()
		k.wg.Wait()
	})
	return k
}

func (k *thinLink) accept() {
	for {
		c, err := k.l.Accept()
		if err != nil {
			return
		}
		d, err := net.Dial("tcp4", k.target)
		if err != nil {
			c.Close()
			continue
		}
		end := sync.OnceFunc(func() { c.Close(); d.Close() })
		k.wg.Go(func() { defer end(); k.up(d, c) })
		k.wg.Go(func() { defer end(); k.down(c, d) })
		k.wg.Go(func() { // ends the two with the test
			<-k.done
			end()
		})
	}
}

func (k *thinLink) up(d, c net.Conn) {
	for b := make([]byte, piece); ; {
		n, err := c.Read(b)
		if err != nil || k.cuts(b[:n]) {
			return
		}
		if _, err := d.Write(b[:n]); err != nil {
			return
		}
	}
}

func (k *thinLink) cuts(b []byte) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cutAt == "" || !strings.Contains(string(b), k.cutAt) {
		return false
	}
	k.cutAt = ""
	k.cut()
	return true
}

func (k *thinLink) down(c, d net.Conn) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for b := make([]byte, piece); ; {
		n, err := d.Read(b)
		if err != nil || !k.pass(n) {
			return
		}
		if _, err := c.Write(b[:n]); err != nil {
			return
		}
		if n > piece/2 {
			<-tick.C
		}
	}
}

// pass waits while the link is frozen.
func (k *thinLink) pass(n int) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.moved += n
	for k.freezeAt > 0 && k.moved > k.freezeAt && !k.closed {
		k.cond.Wait()
	}
	return !k.closed
}

// freeze stops the link once so many more bytes have come; 0 thaws it.
func (k *thinLink) freeze(after int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.freezeAt = 0; after > 0 {
		k.freezeAt = k.moved + after
	}
	k.cond.Broadcast()
}

// TestSlowIsNotSilent: an event, and a group of rows that nobody wants, may take far
// longer to arrive than a database may be silent. One that dies in the middle of
// either is noticed by the reading itself, no Handler being called meanwhile.
func TestSlowIsNotSilent(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor)
		draft(t, s)
		exec(t, s, "ALTER TABLE draft.teams MODIFY name LONGTEXT", "ALTER TABLE draft.unwatched ADD COLUMN b LONGTEXT")
		link := newThinLink(t, s.Addr())
		src, err := New(Config{Addr: link.l.Addr().String(), User: s.User(), Password: s.Password()})
		if err != nil {
			t.Fatal(err)
		}
		src.patience = time.Second
		rd := read(t, src, Position{}, newRecorder())
		const size = 3 << 20 // 4 seconds
		event := func(id int) []string {
			return []string{fmt.Sprintf("INSERT INTO draft.teams VALUES (%d, REPEAT('x', %d))", id, size)}
		}
		group := func(id int) []string {
			list := []string{"BEGIN"}
			for i := range 64 {
				list = append(list, fmt.Sprintf("INSERT INTO draft.unwatched VALUES (%d, REPEAT('x', %d))", i, size/64))
			}
			return append(list, fmt.Sprintf("INSERT INTO draft.teams VALUES (%d, 'xxx')", id), "COMMIT")
		}
		var want []string
		heard := func(id int) {
			t.Helper()
			want = append(want, fmt.Sprintf(`insert teams %d,"xxx`, id))
			rd.wait(t, func() bool { return len(rd.list) >= len(want) })
		}
		for id, sql := range [][]string{event(0), group(1)} {
			begun := time.Now()
			session(t, s, sql...)
			heard(id)
			if took := time.Since(begun); took < 3*src.patience {
				t.Errorf("it took %v only", took)
			}
		}
		if st := src.Status(); st.Reconnects > 0 {
			t.Errorf("slow was taken for silent %d times: %s", st.Reconnects, st.LastError)
		}
		for i, sql := range [][]string{event(2), group(3)} {
			id := 2 + i
			link.freeze(size / 2)
			session(t, s, sql...)
			poll(t, "the reading to notice", func() bool { return !src.Status().Connected })
			if text := src.Status().LastError; !strings.Contains(text, "the database stopped in the middle of a packet") && !strings.Contains(text, "the database said nothing for too long") {
				t.Errorf("noticed as %q", text)
			}
			link.freeze(0)
			heard(id)
		}
		for i, text := range rd.texts() {
			if len(want) <= i || !strings.HasPrefix(text, want[i]) {
				t.Errorf("change %d is %.30s, of %v", i, text, want)
			}
		}
	})
}

// TestNowIsOfTheLastTry: a reading from now whose first try fails begins at the now of
// the next, and not at a place that nobody prepared for.
func TestNowIsOfTheLastTry(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		for _, query := range []string{"UNIX_TIMESTAMP", "SHOW BINARY LOGS", "information_schema.TABLES"} {
			s := throwaway.Test(t, flavor)
			draft(t, s)
			link := newThinLink(t, s.Addr())
			src, err := New(Config{Addr: link.l.Addr().String(), User: s.User(), Password: s.Password(), TLS: "off"})
			if err != nil {
				t.Fatal(err)
			}
			link.cutAt, link.cut = query, func() { exec(t, s, "INSERT INTO draft.teams VALUES (1, 'before')") }
			rd := read(t, src, Position{}, newRecorder())
			exec(t, s, "INSERT INTO draft.teams VALUES (2, 'after')")
			rd.upTo(t)
			same(t, query, rd.texts(), []string{`insert teams 2,"after"`})
			if link.cutAt != "" {
				t.Errorf("nobody asked for %s", query)
			}
		}
	})
}
