package stream

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"rowcast/cdc"
	"rowcast/stream/frame"
	"rowcast/stream/internal/history"
)

// within holds the live feed in the middle of a transaction that is larger than
// history, and returns the ids of its rows and how to go on.
func within(t *testing.T, s *running) (ids []string, goOn func()) {
	t.Helper()
	hold := make(chan struct{})
	s.src.mu.Lock()
	s.src.hold = hold
	s.src.mu.Unlock()
	rows := make([]row, 400)
	for i := range rows {
		rows[i] = row{"picks", fmt.Sprint(i, strings.Repeat("x", 1000))}
	}
	ids = s.src.commit(rows...)
	eventually(t, "history to overflow", func() bool {
		return s.history.Live().End() > 300
	})
	return ids, func() { close(hold) }
}

// TestComeDuringHugeTransaction: while a transaction that is larger than history is
// being read, the newest checkpoint lies below history. Clients that come then, with
// no id or with one that is good for nothing, begin there all the same.
func TestComeDuringHugeTransaction(t *testing.T) {
	eachWay(t, func(t *testing.T, client func() *http.Client) {
		src := newFake()
		src.commit(row{"picks", "before"})
		s := serve(t, Config{History: minHistory}, src, fakeRenderer{tables: []string{"picks"}}).started(t)
		head := src.end().String()
		ids, goOn := within(t, s)
		fresh := s.open(t, client(), "/events/picks", "")
		if b := fresh.must(); b.id != head {
			t.Errorf("a client without an id begins at %q, want %s", b.id, head)
		}
		invalid := s.open(t, client(), "/events/picks", "nonsense")
		if b := invalid.event(); b.event != "reset" || b.id != head {
			t.Errorf("got %+v, want a reset at %s", b, head)
		}
		read := len(ids) - 50 // the rest is not all published
		same(t, "the client with a bad id, of what was read", invalid.collect(ids[read-1]), ids[:read])
		goOn()
		same(t, "the client without an id", fresh.collect(ids[len(ids)-1]), ids)
		same(t, "the client with a bad id", invalid.collect(ids[len(ids)-1]), ids[read:])
	})
}

// TestConfigWithinTransaction: a lane that begins while the live feed is in the middle
// of a transaction has the new config, and does not hand its clients over to the old.
func TestConfigWithinTransaction(t *testing.T) {
	src := newFake()
	src.commit(row{"picks", "before"})
	s := serve(t, Config{History: minHistory}, src, fakeRenderer{tables: []string{"teams", "picks"}}).started(t)
	id := src.end().String()
	ids, goOn := within(t, s)
	s.Swap(fakeRenderer{tables: []string{"picks", "teams"}, prefix: "new:"})
	c := s.open(t, h1(), "/events/picks", id)
	for i := range ids {
		if b := c.event(); b.id != ids[i] || !strings.HasPrefix(b.data, "new:") {
			t.Fatalf("event %d: %s %.20q, want %s", i, b.id, b.data, ids[i])
		}
		if i == len(ids)-2 { // long after the lane has come to what the live log holds
			goOn()
		}
	}
	id = src.commit(row{"picks", "after"})[0]
	if b := c.event(); b.id != id || b.data != "new:after" {
		t.Fatalf("got %s %.20q, want %s", b.id, b.data, id)
	}
}

// TestConfigWaitsForSlowClients: a client that has a part of a transaction gets the rest
// under the same config, though history no longer holds it, whether the live feed has
// the new one or is still within the transaction.
func TestConfigWaitsForSlowClients(t *testing.T) {
	for _, swapped := range []bool{false, true} {
		src := newFake()
		src.commit(row{"picks", "before"})
		s := serve(t, Config{History: minHistory}, src, fakeRenderer{tables: []string{"teams", "picks"}}).started(t)
		slow := []history.Cursor{s.alone(t, "picks"), s.alone(t, "picks")}
		ids, goOn := within(t, s)
		s.Swap(fakeRenderer{tables: []string{"picks", "teams"}, prefix: "new:"})
		if swapped {
			goOn()
			eventually(t, "the new config", func() bool { c, _ := s.history.Live().Current(); return c.Name(0) == "picks" })
		}
		var after string
		for i := range slow {
			c, took := &slow[i], 5+100*i
			c.Seq += uint64(took)
			c.Pos = position(t, ids[took-1])
			var got []frame.Message
			for rest := len(ids) - took; len(got) <= rest; {
				buf, v, err := c.Next(nil, 1<<20, history.ToEnd)
				for block := range strings.SplitAfterSeq(string(buf), "\n\n") {
					if m, fires := frame.Parse([]byte(block)); fires {
						got = append(got, m)
					}
				}
				said, moved, err := s.history.Move(t.Context(), c, v, err, nil)
				switch {
				case err != nil || len(said) > 0:
					t.Fatalf("%q, %v", said, err)
				case len(got) >= 50 && !swapped:
					goOn()
					swapped = true
				case len(got) == rest && after == "":
					after = src.commit(row{"picks", "after"})[0]
				case !moved && len(v.Frames) == 0 && len(got) <= rest:
					<-v.Wake
				}
			}
			c.Detach()
			for j, id := range append(ids[took:len(ids):len(ids)], after) {
				if m := got[j]; m.ID != id || strings.HasPrefix(m.Data, "new:") != (id == after) {
					t.Fatalf("client %d, event %d: %s %.20q, want %s", i, j, m.ID, m.Data, id)
				}
			}
		}
	}
}

func position(t *testing.T, id string) cdc.Position {
	t.Helper()
	p, err := cdc.ParsePosition(id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// lose makes the source begin another history, of n rows.
func (r *running) lose(t *testing.T, n int, value string) (ids []string) {
	t.Helper()
	src := r.src
	src.mu.Lock()
	src.liveErr = fmt.Errorf("fake: %w", cdc.ErrForeign)
	src.lineage, src.groups = 0x11111111, nil
	close(src.changed)
	src.changed = make(chan struct{})
	src.mu.Unlock()
	eventually(t, "the new history", func() bool {
		_, head := r.history.Live().Current()
		return !head.IsZero() && head.SameHistory(src.end())
	})
	for range n {
		ids = append(ids, src.commit(row{"picks", value})...)
	}
	eventually(t, "the live feed", func() bool { _, head := r.history.Live().Current(); return head.Compare(src.end()) == 0 })
	return ids
}

// alone is a cursor at the end of the live log.
func (r *running) alone(t *testing.T, streams ...string) history.Cursor {
	t.Helper()
	catalog, head := r.history.Live().Current()
	sub, err := catalog.Subscribe(streams, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r.history.At(history.Place{Seq: r.history.Live().End(), Pos: head}, sub, head)
}

// TestLossIsToldToTheSlow: a client that took nothing while exactness was lost, and
// while more came than history holds, is reset all the same.
func TestLossIsToldToTheSlow(t *testing.T) {
	s := serve(t, Config{History: minHistory}, newFake(), fakeRenderer{tables: []string{"picks", "hold"}}).started(t)
	s.src.commit(row{"picks", "before"})
	eventually(t, "the live feed", func() bool { _, head := s.history.Live().Current(); return head.Compare(s.src.end()) == 0 })
	c := s.open(t, h1(), "/events/picks", "")
	c.must()
	eventually(t, "the pool to have it", func() bool { return s.pool.Len() == 1 })
	alone := s.alone(t, "picks")
	s.held(t, func(uint64) { s.lose(t, 200, strings.Repeat("x", 1000)) })
	if buf, _, err := alone.Next(make([]byte, 0, 512), 1<<20, history.ToEnd); err == nil || len(buf) > 0 {
		t.Errorf("a cursor of the old history took %.60q of the new one: %v", buf, err)
	}
	b := c.event()
	if b.event != "reset" || !strings.Contains(b.data, `"foreign"`) {
		t.Fatalf("got %.80q %.80q, want a reset", b.event, b.data)
	}
	id := s.src.commit(row{"picks", "after"})[0]
	if b := c.event(); b.id != id {
		t.Errorf("got %+v, want %s", b, id)
	}
}

// TestLossTakesConfigAlong: the notice of a new config may be dropped with the old
// history, before a client has come to it.
func TestLossTakesConfigAlong(t *testing.T) {
	s := serve(t, Config{}, newFake(), fakeRenderer{tables: []string{"teams", "picks", "hold"}}).started(t)
	s.src.commit(row{"picks", "before"})
	eventually(t, "the live feed", func() bool { _, head := s.history.Live().Current(); return head.Compare(s.src.end()) == 0 })
	c := s.open(t, h1(), "/events/picks", "")
	c.must()
	eventually(t, "the pool to have it", func() bool { return s.pool.Len() == 1 })
	alone := s.alone(t, "picks")
	s.held(t, func(uint64) {
		s.Swap(fakeRenderer{tables: []string{"picks", "teams", "hold"}})
		s.lose(t, 1, "after")
		s.src.commit(row{"teams", "another stream's"})
	})
	if b := c.event(); b.event != "reset" {
		t.Errorf("got %+v, want a reset", b)
	}
	if b := c.event(); b.data != "after" {
		t.Errorf("got %+v", b)
	}
	id := s.src.commit(row{"picks", "last"})[0]
	if b := c.event(); b.id != id || b.data != "last" {
		t.Errorf("got %+v, want %s", b, id)
	}
	buf, _, err := alone.Next(nil, 1<<20, history.ToEnd)
	if err != nil || !strings.Contains(string(buf), "event: reset") || !strings.HasSuffix(string(buf), "data: last\n\n") || strings.Contains(string(buf), "another stream") {
		t.Errorf("%v: %q", err, buf)
	}
}

// TestRechecksLetReadingBegin: after a RESET the head that is known is of the old
// binlog until the new reading has begun, which must not be ended on its account.
func TestRechecksLetReadingBegin(t *testing.T) {
	src := newFake()
	id := src.commit(row{"picks", "a"})[0]
	s := serve(t, Config{}, src, fakeRenderer{tables: []string{"picks"}}).started(t)
	src.mu.Lock()
	src.connect = time.Second                 // in which a recheck may end several times
	src.lineage, src.groups = 0x11111111, nil // and the reading under way hangs
	src.mu.Unlock()
	eventually(t, "the new binlog", func() bool {
		s.get(t, "/events/picks?wait=0s&lastEventId="+id, "Accept", "application/json") // as clients do all the time
		_, head := s.history.Live().Current()
		return !head.IsZero() && head.SameHistory(src.end())
	})
	src.mu.Lock()
	defer src.mu.Unlock()
	if src.reads != 2 {
		t.Errorf("%d readings were begun, want 2", src.reads)
	}
}

// TestPollsBelowHistory: a client that polls without waiting gets everything in some
// answers, though each of them needs a replay.
func TestPollsBelowHistory(t *testing.T) {
	src := newFake()
	first := src.commit(row{"picks", "first"})[0]
	s := serve(t, Config{History: minHistory}, src, fakeRenderer{tables: []string{"picks", "other"}}).started(t)
	var want []string
	for i := range 300 {
		want = append(want, src.commit(row{"picks", fmt.Sprint(i, strings.Repeat("x", 1000))})...)
	}
	for range 300 { // long enough to have the end below history, and for others only
		src.commit(row{"other", strings.Repeat("x", 1000)})
	}
	eventually(t, "the live feed", func() bool { _, head := s.history.Live().Current(); return head.Compare(src.end()) == 0 })
	src.mu.Lock()
	src.slow = 5 * time.Millisecond
	src.mu.Unlock()
	var got []string
	polls, last := 0, first
	for ; last != src.end().String() && polls < 20; polls++ {
		_, text := s.get(t, "/events/picks?wait=0s&lastEventId="+last, "Accept", "application/json")
		var a pollAnswer
		if err := json.Unmarshal([]byte(text), &a); err != nil {
			t.Fatal(err)
		}
		if a.LastID == last && a.Retry == 0 {
			t.Fatalf("poll %d: nothing, and no retry", polls)
		}
		for _, e := range a.Events {
			got = append(got, e.ID)
		}
		last = a.LastID
	}
	same(t, fmt.Sprintf("%d polls", polls), got, want)
	t.Logf("%d polls, %d replays", polls, src.replays)
}

// TestPollBeforeReplayBegins: a replay that takes long to begin is waited for.
func TestPollBeforeReplayBegins(t *testing.T) {
	src := newFake()
	first := src.commit(row{"picks", "first"})[0]
	second := src.commit(row{"picks", "second"})[0]
	s := serve(t, Config{}, src, fakeRenderer{tables: []string{"picks"}}).started(t)
	src.mu.Lock()
	src.slow = 3 * pollReplay / 2
	src.mu.Unlock()
	a := pollAnswer{LastID: first}
	for range 2 { // the first comes to the end of the transaction that it began in
		_, text := s.get(t, "/events/picks?wait=0s&lastEventId="+a.LastID, "Accept", "application/json")
		if err := json.Unmarshal([]byte(text), &a); err != nil {
			t.Fatal(err)
		}
	}
	if len(a.Events) != 1 || a.Events[0].ID != second {
		t.Errorf("%+v", a)
	}
}
