package stream

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rowcast/stream/frame"
	"rowcast/stream/internal/history"
)

// slow opens a client with hardly any room in the kernel, on either side: what it
// does not read fills its socket at once.
func (r *running) slow(t testing.TB, path string) *sse {
	t.Helper()
	client := h1()
	client.Transport.(*http.Transport).DialContext = (&net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096) })
	}}).DialContext
	n := r.pool.Len()
	c := r.open(t, client, path, "")
	c.must()
	eventually(t, "the client", func() bool { return r.pool.Len() == n+1 })
	return c
}

// serveSlow is serve for clients that slow opens.
func serveSlow(t testing.TB, src *fakeSource, r frame.Renderer) *running {
	t.Helper()
	return serveAt(t, func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 4096) })
	}, Config{Heartbeat: time.Hour}, history.LaneOptions{}, src, r).started(t)
}

// TestReloadFindsSocketFull: a client that can't take what came just before a new
// config goes on under the new one, like all others.
func TestReloadFindsSocketFull(t *testing.T) {
	src := newFake()
	s := serveSlow(t, src, fakeRenderer{tables: []string{"picks", "hold"}})
	c := s.slow(t, "/events/picks")
	first := "first" + strings.Repeat("x", 40<<10) // less than a step
	s.held(t, func(next uint64) {
		src.commit(row{"picks", first})
		eventually(t, "the first", func() bool { _, head := s.history.Live().Current(); return head.Compare(src.end()) == 0 })
		s.Swap(fakeRenderer{tables: []string{"teams", "picks", "hold"}, prefix: "new:"})
		src.commit(row{"teams", "another stream's"}, row{"picks", "second"})
		eventually(t, "the frames", func() bool { return s.history.Live().End() == next+4 })
	})
	for _, want := range []string{first, "new:second"} {
		if got := c.event().data; got != want {
			t.Fatalf("got %.40q, want %.40q", got, want)
		}
	}
	eventually(t, "the pool to take it back", func() bool { return s.pool.Len() == 1 })
	src.commit(row{"teams", "another stream's"}, row{"picks", "third"})
	if got := c.event().data; got != "new:third" {
		t.Errorf("got %q", got)
	}
}

// TestVariantsFindSocketFull: nor does a client lose what it gets of a change of
// which others got their part before.
func TestVariantsFindSocketFull(t *testing.T) {
	src := newFake()
	s := serveSlow(t, src, fakeRenderer{tables: []string{"picks?", "hold"}})
	c := s.slow(t, "/events/picks?team=b")
	value := func(team string, n, size int) string { return fmt.Sprint(team, ":", n) + strings.Repeat("x", size) }
	want := []string{value("b", 0, 12<<10)}
	s.held(t, func(next uint64) {
		src.commit(row{"picks", want[0]})
		for n := range 4 {
			a, b := value("a", n+1, n/2*2*history.BigBlock), value("b", n+1, (n+1)%2*2*history.BigBlock) // the first: after a small part, and what fills the socket
			want = append(want, b)
			src.commit(row{"picks", a + variant + b})
		}
		eventually(t, "the frames", func() bool { return s.history.Live().End() == next+9 })
	})
	for _, w := range want {
		if got := c.event().data; got != w {
			t.Fatalf("got %.20q, want %.20q", got, w)
		}
	}
}

// TestBigRowIsShared: many clients that can't take a big row wait with the same
// bytes, not each with a copy.
func TestBigRowIsShared(t *testing.T) {
	const n, size = 20, 2 << 20
	src := newFake()
	s := serveSlow(t, src, fakeRenderer{tables: []string{"picks"}})
	var clients []*sse
	for range n {
		clients = append(clients, s.slow(t, "/events/picks"))
	}
	before := liveHeap()
	check := func(who string) {
		t.Helper()
		if after := liveHeap(); after > before+6*size {
			t.Errorf("%d clients of %s hold %d KiB for rows of %d", n, who, (after-before)>>10, size>>20)
		}
	}
	first, second := strings.Repeat("x", size), strings.Repeat("y", size)
	src.commit(row{"picks", first})
	eventually(t, "the sockets to fill", func() bool { return s.pool.Len() == 0 })
	check("the pool")
	src.commit(row{"picks", second})
	for i, c := range clients {
		if got := c.event().data; got != first {
			t.Fatalf("client %d got %d bytes", i, len(got))
		}
		if _, err := c.r.Peek(1); err != nil { // its goroutine is at the second
			t.Fatal(err)
		}
	}
	check("goroutines")
	for i, c := range clients {
		if got := c.event().data; got != second {
			t.Fatalf("client %d got %d bytes", i, len(got))
		}
	}
}

// TestBigRowIsSharedByGroups: also where each of them gets something else with it.
func TestBigRowIsSharedByGroups(t *testing.T) {
	const n, size = 20, 2 << 20
	src := newFake()
	tables := []string{"picks"}
	for i := range n {
		tables = append(tables, fmt.Sprintf("t%dx", i)) // streams that differ in a 2 at their end share a table
	}
	s := serveSlow(t, src, fakeRenderer{tables: tables})
	var clients []*sse
	var rows []row
	for i := range n {
		clients = append(clients, s.slow(t, fmt.Sprintf("/events?table=picks&table=t%dx", i)))
		rows = append(rows, row{fmt.Sprintf("t%dx", i), fmt.Sprint(i)})
	}
	big := strings.Repeat("x", size)
	before := liveHeap()
	src.commit(append(append(rows, row{"picks", big}), rows...)...)
	eventually(t, "the sockets to fill", func() bool { return s.pool.Len() == 0 })
	if after := liveHeap(); after > before+6*size {
		t.Errorf("%d groups hold %d MiB for a row of %d", n, (after-before)>>20, size>>20)
	}
	for i, c := range clients {
		for _, want := range []string{fmt.Sprint(i), big, fmt.Sprint(i)} {
			if got := c.event().data; got != want {
				t.Fatalf("client %d got %.20q, %d bytes", i, got, len(got))
			}
		}
	}
}

// TestBigBlocks: what is not copied comes in its turn, whole, by each way.
func TestBigBlocks(t *testing.T) {
	src := newFake()
	id := src.commit(row{"picks", "0"})[0]
	s := serve(t, Config{}, src, bothTables).started(t)
	var want []string
	for i := range 12 {
		want = append(want, fmt.Sprint(i+1)+strings.Repeat("x", i%3*history.BigBlock))
		src.commit(row{"picks", want[i]})
	}
	eachWay(t, func(t *testing.T, client func() *http.Client) {
		c := s.open(t, client(), "/events/picks", id)
		for i := range want {
			if got := c.event().data; got != want[i] {
				t.Fatalf("event %d: got %.20q, %d bytes; want %.20q, %d", i, got, len(got), want[i], len(want[i]))
			}
		}
	})
	var got []string
	for len(got) < len(want) {
		_, text := s.get(t, "/events/picks?wait=5s&lastEventId="+id, "Accept", "application/json")
		var answer pollAnswer
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			t.Fatal(err)
		}
		for _, e := range answer.Events {
			got = append(got, e.Data)
		}
		id = answer.LastID
	}
	same(t, "long polls", got, want)
}
