package stream

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// slow opens a client with hardly any room in the kernel, on either side: what it
// does not read fills its socket at once.
func (r *running) slow(t testing.TB, path string) *sse {
	t.Helper()
	client := h1()
	client.Transport.(*http.Transport).DialContext = (&net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096) })
	}}).DialContext
	n := r.writers.count()
	c := r.open(t, client, path, "")
	c.must()
	eventually(t, "the client", func() bool { return r.writers.count() == n+1 })
	for _, w := range r.writers.list {
		w.mu.Lock()
		for _, k := range w.members {
			_ = unix.SetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 4096)
		}
		w.mu.Unlock()
	}
	return c
}

// held has the writers do nothing while f does something, and lets them find all
// of it at once.
func (r *running) held(t testing.TB, frames uint64, f func()) {
	t.Helper()
	for _, w := range r.writers.list {
		w.mu.Lock()
	}
	before := r.next()
	f()
	eventually(t, "the frames", func() bool { return r.next() == before+frames })
	for _, w := range r.writers.list {
		w.mu.Unlock()
	}
}

// TestReloadFindsSocketFull: a client that can't take what came just before a new
// config goes on under the new one, like all others.
func TestReloadFindsSocketFull(t *testing.T) {
	src := newFake()
	s := serve(t, Config{Heartbeat: time.Hour}, src, fakeRenderer{tables: []string{"picks"}}).started(t)
	c := s.slow(t, "/events/picks")
	first := "first" + strings.Repeat("x", 40<<10) // less than a step
	s.held(t, 4, func() {
		src.commit(row{"picks", first})
		eventually(t, "the first", func() bool { _, head := s.history.Live().Current(); return head.Compare(src.end()) == 0 })
		s.Swap(fakeRenderer{tables: []string{"teams", "picks"}, prefix: "new:"})
		src.commit(row{"teams", "another stream's"}, row{"picks", "second"})
	})
	for _, want := range []string{first, "new:second"} {
		if got := c.event().data; got != want {
			t.Fatalf("got %.40q, want %.40q", got, want)
		}
	}
	eventually(t, "a writer to take it over", func() bool { return s.writers.count() == 1 })
	src.commit(row{"teams", "another stream's"}, row{"picks", "third"})
	if got := c.event().data; got != "new:third" {
		t.Errorf("got %q", got)
	}
}

// TestVariantsFindSocketFull: nor does a client lose what it gets of a change of
// which others got their part before.
func TestVariantsFindSocketFull(t *testing.T) {
	src := newFake()
	s := serve(t, Config{Heartbeat: time.Hour}, src, fakeRenderer{tables: []string{"picks?"}}).started(t)
	c := s.slow(t, "/events/picks?team=b")
	value := func(team string, n, size int) string { return fmt.Sprint(team, ":", n) + strings.Repeat("x", size) }
	want := []string{value("b", 0, 12<<10)}
	s.held(t, 9, func() {
		src.commit(row{"picks", want[0]})
		for n := range 4 {
			a, b := value("a", n+1, n/2*2*bigBlock), value("b", n+1, (n+1)%2*2*bigBlock) // the first: after a small part, and what fills the socket
			want = append(want, b)
			src.commit(row{"picks", a + variant + b})
		}
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
	s := serve(t, Config{Heartbeat: time.Hour}, src, bothTables).started(t)
	var clients []*sse
	for range n {
		clients = append(clients, s.slow(t, "/events/picks"))
	}
	before := liveHeap()
	check := func(who string) {
		t.Helper()
		if after := liveHeap(); after > before+6*size {
			t.Errorf("%d clients of %s hold %d MiB for rows of %d", n, who, (after-before)>>20, size>>20)
		}
	}
	first, second := strings.Repeat("x", size), strings.Repeat("y", size)
	src.commit(row{"picks", first})
	eventually(t, "the sockets to fill", func() bool { return s.writers.count() == 0 })
	check("writers")
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
		tables = append(tables, fmt.Sprintf("t%d", i))
	}
	s := serve(t, Config{Heartbeat: time.Hour}, src, fakeRenderer{tables: tables}).started(t)
	var clients []*sse
	var rows []row
	for i := range n {
		clients = append(clients, s.slow(t, fmt.Sprintf("/events?table=picks&table=t%d", i)))
		rows = append(rows, row{fmt.Sprintf("t%d", i), fmt.Sprint(i)})
	}
	big := strings.Repeat("x", size)
	before := liveHeap()
	src.commit(append(append(rows, row{"picks", big}), rows...)...)
	eventually(t, "the sockets to fill", func() bool { return s.writers.count() == 0 })
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
		want = append(want, fmt.Sprint(i+1)+strings.Repeat("x", i%3*bigBlock))
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

// TestSlowIsNotStalled: who takes little at a time is served for as long as it
// takes, who takes nothing is not.
func TestSlowIsNotStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := net.Pipe()
		defer server.Close()
		block := bytes.Repeat([]byte("x"), 64<<10)
		var got bytes.Buffer
		read := make(chan struct{})
		go func() {
			defer close(read)
			for range 40 {
				<-time.After(stallTimeout / 2)
				_, _ = io.CopyN(&got, client, 1000)
			}
		}()
		begun := time.Now()
		err := chunkWire{server}.block(block)
		if took := time.Since(begun); err == nil || took < 20*stallTimeout || took > 22*stallTimeout {
			t.Errorf("after %s: %v", took, err)
		}
		server.Close()
		<-read
		if !strings.HasPrefix(got.String(), "10000\r\nxxx") || got.Len() != 40_000 || strings.Trim(got.String()[7:], "x") != "" {
			t.Errorf("%d bytes arrived: %.20q", got.Len(), got.String())
		}
		client.Close()
	})
}
