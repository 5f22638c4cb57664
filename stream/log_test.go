package stream

import (
	"net/http"
	"strings"
	"testing"
)

// TestHugeTransaction: bounded memory, and nobody misses anything.
func TestHugeTransaction(t *testing.T) {
	src := newFake()
	s := serve(t, Config{History: 4 << 20}, src, fakeRenderer{tables: []string{"picks"}}).started(t)
	var clients []*sse
	for _, way := range []func() *http.Client{h1, h1, h2} {
		c := s.open(t, way(), "/events/picks", "")
		c.must()
		clients = append(clients, c)
	}
	rows := make([]row, 20_000)
	for i := range rows {
		rows[i] = row{"picks", strings.Repeat("x", 1000)}
	}
	ids := src.commit(rows...)
	done := make(chan []string, len(clients)) // one answer each
	for _, c := range clients {
		go func() { done <- c.collect(ids[len(ids)-1]) }()
	}
	for range clients {
		same(t, "a client", <-done, ids)
	}
	if held := s.history.Live().Held(); held > 4<<20 {
		t.Errorf("%d bytes held", held)
	}
	t.Logf("%d replays", src.replays)
}

// TestResumeInHugeTransaction: the lane begins at the group's start, and passes
// more than it can hold before it comes to the client's place.
func TestResumeInHugeTransaction(t *testing.T) {
	eachWay(t, func(t *testing.T, client func() *http.Client) {
		src := newFake()
		rows := make([]row, 20_000)
		for i := range rows {
			rows[i] = row{"picks", strings.Repeat("x", 1000)}
		}
		ids := src.commit(rows...)
		s := serve(t, Config{History: 1 << 20}, src, fakeRenderer{tables: []string{"picks"}}).started(t)
		for _, from := range []int{len(ids) / 2, len(ids) - 10} {
			c := s.open(t, client(), "/events/picks", ids[from])
			same(t, "a client", c.collect(ids[len(ids)-1]), ids[from+1:])
			c.body.Close()
		}
		if src.replays > 4 {
			t.Errorf("%d replays for two clients", src.replays)
		}
	})
}
