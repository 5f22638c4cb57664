package stream

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestHerd: rowcast was restarted, history is empty, and everybody comes back at
// once with ids of the last minute, while writes go on.
func TestHerd(t *testing.T) {
	src := newFake()
	all := []string{at(1, 4, fakeLineage).String()}
	for i := range 3000 {
		all = append(all, src.commit(row{"picks", fmt.Sprint(i, strings.Repeat("x", 200))})...)
	}
	s := serve(t, Config{MaxReplays: 2, Retry: 10 * time.Millisecond}, src, fakeRenderer{tables: []string{"picks"}}).started(t)
	const clients = 300
	var wg sync.WaitGroup
	want := append([]string(nil), all...)
	var later []string
	var mu sync.Mutex
	wg.Go(func() {
		for i := range 200 {
			mu.Lock()
			later = append(later, src.commit(row{"picks", fmt.Sprint("later", i)})...)
			mu.Unlock()
			_ = pause(t.Context(), time.Millisecond) // t's end is no concern here
		}
		mu.Lock()
		defer mu.Unlock()
		later = append(later, src.commit(row{"picks", "end"})...)
	})
	for range clients {
		from := rand.IntN(len(all))
		wg.Go(func() {
			id, got := all[from], []string(nil)
			for done := false; !done; {
				c := s.open(t, h1(), "/events/picks", id)
				for !done {
					b, err := c.next()
					if err != nil {
						break // sent away: come back
					}
					if b.id != "" {
						id = b.id
					}
					if b.data != "" {
						got, done = append(got, b.id), b.data == "end"
					}
				}
				c.body.Close()
			}
			mu.Lock()
			defer mu.Unlock()
			same(t, fmt.Sprintf("from change %d", from), got, append(want[from+1:len(want):len(want)], later...))
		})
	}
	wg.Wait()
	src.mu.Lock()
	defer src.mu.Unlock()
	t.Logf("%d replays for %d clients", src.replays, clients)
	if src.maxOpen > 2 || src.replays > clients/10 {
		t.Errorf("%d replays, %d at a time", src.replays, src.maxOpen)
	}
}

// What one client had replayed is in memory for those who come after it, however
// soon it went on to the live log.
func TestReplayedOnce(t *testing.T) {
	eachWay(t, func(t *testing.T, client func() *http.Client) {
		src := newFake()
		src.ending = 20 * time.Millisecond
		var ids []string
		for i := range 50 {
			ids = append(ids, src.commit(row{"picks", fmt.Sprint(i)})...)
		}
		s := serve(t, Config{}, src, fakeRenderer{tables: []string{"picks"}}).started(t)
		const visits = 20
		for range visits {
			c := s.open(t, client(), "/events/picks", ids[0])
			same(t, "a visitor", c.collect(ids[len(ids)-1]), ids[1:])
			c.body.Close()
		}
		if src.replays > 2 {
			t.Errorf("%d replays for %d visits", src.replays, visits)
		}
	})
}
