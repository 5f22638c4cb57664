package stream

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"rowcast/cdc"
	"rowcast/stream/internal/history"
)

// collect reads events until the one with the id last, and returns their ids.
func (c *sse) collect(last string) (ids []string) {
	for {
		b, err := c.next()
		if err != nil {
			c.t.Errorf("after %d events: %v", len(ids), err)
			return ids
		}
		if b.data == "" {
			continue
		}
		if b.event == "reset" {
			c.t.Errorf("reset after %d events: %s", len(ids), b.data)
			return ids
		}
		ids = append(ids, b.id)
		if b.id == last {
			return ids
		}
	}
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("%s: %d events, want %d; they differ at %d", what, len(got), len(want), i)
			return
		}
	}
}

// TestResumeAtEveryID: history holds only a part, so that ids begin in lanes, at
// the seam and in history; writes go on meanwhile.
func TestResumeAtEveryID(t *testing.T) {
	eachWay(t, func(t *testing.T, client func() *http.Client) {
		src := newFake()
		src.commit(row{"other", "x"})
		s := serve(t, Config{History: minHistory, MaxReplays: 8}, src, fakeRenderer{tables: []string{"picks"}}).started(t)
		all := []string{at(1, 4, fakeLineage).String()}
		for i := range 150 {
			if i == 60 {
				src.rotate()
			}
			rows := []row{{"picks", fmt.Sprint(i)}, {"other", "x"}, {"picks", strings.Repeat("y", 500)}}
			ids := src.commit(rows...)
			all = append(all, ids[0], ids[2])
			if i%5 == 0 { // a huge row: the seam falls within groups
				all = append(all, src.commit(row{"picks", strings.Repeat("z", 5000)}, row{"picks", "a"})...)
			}
		}
		eventually(t, "the floor to rise", func() bool {
			floor, reach := s.history.Live().Span()
			return floor.Compare(at(2, 4, 0)) > 0 && reach.Compare(src.end()) >= 0
		})
		last := all[len(all)-1]
		var wg sync.WaitGroup
		slots := make(chan struct{}, 8) // clients at a time
		for i := range len(all) - 1 {
			wg.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				c := s.open(t, client(), "/events/picks", all[i])
				defer c.body.Close()
				if first := c.must(); first.id != all[i] {
					t.Errorf("resumed at %s, told %s", all[i], first.id)
				}
				same(t, "from "+all[i], c.collect(last), all[i+1:])
			})
		}
		wg.Wait()
	})
}

// TestSeamsUnderFire: random clients disconnect and resume while the log moves
// on under them; everything arrives exactly once, in order.
func TestSeamsUnderFire(t *testing.T) {
	seamsUnderFire(t, history.LaneOptions{}, false)
}

// TestTightSeamsUnderFire: also where lanes end early and in the middle of what their
// readers have still to take, and while configs with other streams come into force.
func TestTightSeamsUnderFire(t *testing.T) {
	seamsUnderFire(t, history.LaneOptions{Gather: time.Millisecond, Linger: time.Millisecond, Bytes: 1, Turn: 10 * time.Millisecond, Near: 1, Patience: time.Millisecond}, true)
}

func seamsUnderFire(t *testing.T, lanes history.LaneOptions, reloads bool) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	src := newFake()
	src.commit(row{"other", "x"})
	configs := []fakeRenderer{{named: true, tables: []string{"picks", "drafts?", "picks~"}}, {named: true, tables: []string{"drafts?", "new", "picks~", "picks"}}}
	s := serveLanes(t, Config{History: minHistory, MaxReplays: 3, Retry: time.Millisecond}, lanes, src, configs[0]).started(t)
	if reloads {
		stop := make(chan struct{})
		var reloading sync.WaitGroup
		defer reloading.Wait()
		defer close(stop)
		reloading.Go(func() {
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for i := 1; ; i++ {
				select {
				case <-stop:
					return
				case <-tick.C:
					s.Swap(configs[i%2])
				}
			}
		})
	}
	start := at(1, 114, fakeLineage).String()
	rng := rand.New(rand.NewPCG(seed, 1))
	var mu sync.Mutex
	var picks, drafts, both []string
	var wg sync.WaitGroup
	groups := 3000
	if reloads {
		groups = 1000
	}
	wg.Go(func() {
		for i := range groups {
			if i%700 == 699 {
				src.rotate()
			}
			var rows []row
			for range 1 + rng.IntN(6) {
				table, value := []string{"picks", "drafts", "other"}[rng.IntN(3)], strings.Repeat("v", 1+rng.IntN(300))
				if table == "drafts" {
					value = string("ab"[rng.IntN(2)]) + ":" + value
				}
				rows = append(rows, row{table, value})
			}
			if i == groups-1 {
				rows = append(rows, row{"picks", "end"}, row{"drafts", "a:end"})
			}
			ids := src.commit(rows...)
			mu.Lock()
			for j, r := range rows {
				if r.table == "picks" {
					picks = append(picks, ids[j]+" picks")
					both = append(both, ids[j]+" picks~", ids[j]+".1 picks")
				}
				if strings.HasPrefix(r.value, "a:") {
					drafts = append(drafts, ids[j]+" drafts")
				}
			}
			mu.Unlock()
			if i%20 == 0 {
				_ = pause(t.Context(), time.Millisecond) // t's end is no concern here
			}
		}
	})
	type client struct {
		path string
		want *[]string
		last string // the stream of its last event
	}
	clients := []client{{"/events/picks", &picks, "picks"}, {"/events?table=drafts&team=a", &drafts, "drafts"}, {"/events?table=picks~&table=picks", &both, "picks"}}
	for n := range 45 {
		seed := rand.New(rand.NewPCG(seed, uint64(n)+2))
		cl := clients[n%3]
		wg.Go(func() {
			id, got, done := start, []string(nil), false
			for !done {
				way := h1
				if seed.IntN(3) == 0 {
					way = h2
				}
				c := s.open(t, way(), cl.path, id)
				for range seed.IntN(600) {
					b, err := c.next()
					if err != nil {
						break
					}
					if b.event == "reset" {
						t.Errorf("client %d: reset %s", n, b.data)
						return
					}
					if b.id != "" {
						id = b.id
					}
					if b.data != "" {
						got = append(got, b.id+" "+b.event)
						if done = strings.HasSuffix(b.data, "end") && b.event == cl.last; done {
							break
						}
					}
				}
				c.body.Close()
				if t.Failed() {
					return
				}
				if seed.IntN(4) == 0 { // away for a while: history moves on
					_ = pause(t.Context(), time.Duration(seed.IntN(20))*time.Millisecond)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			same(t, fmt.Sprintf("client %d", n), got, *cl.want)
		})
	}
	wg.Wait()
	src.mu.Lock() // a lane may be on its way yet
	defer src.mu.Unlock()
	if src.maxOpen > 3 {
		t.Errorf("%d replays at a time, at most 3 are allowed", src.maxOpen)
	}
	t.Logf("%d replays", src.replays)
}

func TestResets(t *testing.T) {
	src := newFake()
	for range 400 {
		src.commit(row{"picks", strings.Repeat("x", 400)})
	}
	src.limit = 350
	s := serve(t, Config{History: minHistory}, src, fakeRenderer{tables: []string{"picks"}}).started(t)
	src.mu.Lock()
	src.limit = 390
	close(src.changed)
	src.changed = make(chan struct{})
	src.purged = at(1, 4+110*10, fakeLineage)
	src.mu.Unlock()
	head := at(1, 4+110*390, fakeLineage)
	eventually(t, "the live feed", func() bool { _, h := s.history.Live().Current(); return h.Compare(head) == 0 })
	for _, c := range []struct{ name, id, reason string }{
		{"malformed", "no such thing", "invalid"},
		{"too long", strings.Repeat("b", 600), "invalid"},
		{"purged", at(1, 4+110*5, fakeLineage).String(), "purged"},
		{"in mid group", at(1, 4+110*20+7, fakeLineage).String(), "invalid"},
		{"in mid group, in memory", at(1, 4+110*388+7, fakeLineage).String(), "invalid"},
		{"a later file that was begun earlier", at(7, 4, 1).String(), "foreign"},
		{"other lineage", at(1, 4+110*380, 1).String(), "foreign"},
		{"other base name", "mysql-bin.000001/4~67a1f3b2", "foreign"},
		{"ahead in the file", at(1, 4+110*401, fakeLineage).String(), "ahead"},
		{"ahead in a later file", at(7, 4, fakeLineage).String(), "ahead"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sse := s.open(t, h1(), "/events/picks", c.id)
			b := sse.must()
			for b.data == "" {
				b = sse.must()
			}
			if b.event != "reset" || b.id != head.String() || !strings.Contains(b.data, `"reason":"`+c.reason+`","lastEventId":"`+c.id+`"`) {
				t.Errorf("got %+v", b)
			}
		})
	}
	t.Run("ahead of this instance only", func(t *testing.T) {
		id := at(1, 4+110*395, fakeLineage).String()
		sse := s.open(t, h1(), "/events/picks", id)
		if b := sse.must(); b.id != id {
			t.Errorf("got %+v", b)
		}
		src.mu.Lock()
		src.limit = 0
		close(src.changed)
		src.changed = make(chan struct{})
		src.mu.Unlock()
		for i := 395; i < 400; i++ {
			if b, want := sse.event(), change(at(1, 4+110*i, fakeLineage), 0, 0).String(); b.id != want {
				t.Errorf("got %s, want %s", b.id, want)
			}
		}
	})
}

// TestInvalidHitsOnlyItsOwner: one forged id must not reset those who share its lane.
func TestInvalidHitsOnlyItsOwner(t *testing.T) {
	src := newFake()
	for range 400 {
		src.commit(row{"picks", strings.Repeat("x", 400)})
	}
	src.limit = 1
	s := serve(t, Config{History: minHistory}, src, fakeRenderer{tables: []string{"picks"}}).started(t)
	src.mu.Lock()
	src.limit = 0
	close(src.changed)
	src.changed = make(chan struct{})
	src.mu.Unlock()
	eventually(t, "the live feed", func() bool { _, h := s.history.Live().Current(); return h.Compare(src.end()) == 0 })
	forged := s.open(t, h1(), "/events/picks", at(1, 4+110*20+7, fakeLineage).String())
	honest := s.open(t, h1(), "/events/picks", at(1, 4+110*30, fakeLineage).String())
	if b := forged.event(); b.event != "reset" || !strings.Contains(b.data, "invalid") {
		t.Errorf("got %+v", b)
	}
	for i := 30; i < 400; i++ {
		if b, want := honest.event(), change(at(1, 4+110*i, fakeLineage), 0, 0).String(); b.id != want {
			t.Fatalf("got %+v, want %s", b, want)
		}
	}
}

// TestLossForEverybody: what the live reading can't go on from is told to all.
func TestLossForEverybody(t *testing.T) {
	eachWay(t, func(t *testing.T, client func() *http.Client) {
		src := newFake()
		src.commit(row{"picks", "a"})
		s := serve(t, Config{}, src, fakeRenderer{tables: []string{"picks"}}).started(t)
		c := s.open(t, client(), "/events/picks", "")
		c.must()
		id := src.commit(row{"picks", "b"})[0]
		if b := c.event(); b.id != id {
			t.Fatalf("got %+v", b)
		}
		src.mu.Lock()
		src.liveErr = fmt.Errorf("fake: %w", cdc.ErrForeign)
		src.lineage, src.groups = 0x11111111, nil
		close(src.changed)
		src.changed = make(chan struct{})
		src.mu.Unlock()
		b := c.event()
		if b.event != "reset" || b.id != "binlog.000001/4~11111111" || !strings.Contains(b.data, `"foreign"`) || !strings.Contains(b.data, "binlog.000001/") {
			t.Fatalf("got %+v", b)
		}
		if id := src.commit(row{"picks", "c"})[0]; c.event().id != id {
			t.Error("no event after the reset")
		}
	})
}
