package stream

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

// pastLane is a lane without a source that has read 20 changes, and a cursor that
// joined it at pos.
func pastLane(t *testing.T, pos cdc.Position) (*lane, *cursor) {
	t.Helper()
	c := frame.NewCatalog(fakeRenderer{tables: []string{"picks"}}, nil)
	sub, err := c.Subscribe([]string{"picks"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l := &lane{feed: newFeed(c, minHistory), lanes: &lanes{laneOptions: laneOptions{window: 1000}}, readers: map[*cursor]*reader{}}
	l.log.publish(nil, at(1, 100, 1), time.Time{})
	for i := range 20 {
		pos := change(at(1, 200+i*100, 1), 0, 0)
		l.log.publish([]*frame.Frame{{Pos: pos, Block: blockOf(pos, make([]byte, 100))}}, at(1, 250+i*100, 1), time.Time{})
	}
	cur := &cursor{sub: sub, lane: l, reader: &reader{start: pos}}
	l.readers[cur] = cur.reader
	if _, err := cur.attach(l.log, l, l.log.find(pos), pos, nil); err != nil {
		t.Fatal(err)
	}
	return l, cur
}

// TestLaneIsNotHeldByWhoJoinsAtItsEnd: a lane paces itself by its readers. One that
// has come to the lane's end waits for it, so that the lane must not wait for that one.
func TestLaneIsNotHeldByWhoJoinsAtItsEnd(t *testing.T) {
	l, cur := pastLane(t, at(1, 250+19*100, 1))
	if _, v, err := cur.next(nil, 1<<20, toEnd); err != nil || len(v.frames) > 0 {
		t.Fatalf("%d frames, %v", len(v.frames), err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := l.wait(ctx); err != nil {
		t.Errorf("the lane waits: %v", err)
	}
}

// TestEndedLaneSkipsNobody: a reader that is too slow for what a lane has left when
// it ends goes on elsewhere, from where it stands.
func TestEndedLaneSkipsNobody(t *testing.T) {
	l, cur := pastLane(t, at(1, 100, 1))
	if _, _, err := cur.next(nil, 1, toEnd); err != nil {
		t.Fatal(err)
	}
	first := change(at(1, 200, 1), 0, 0)
	l.log.close(errMet)
	l.log.discard()
	if _, v, err := cur.next(nil, 1<<20, toEnd); err != errBehind {
		t.Errorf("it took the lane's end, %s, for its own: %v", v.head, err)
	}
	if cur.pos != first {
		t.Errorf("it stands at %s, and has taken %s", cur.pos, first)
	}
}

// A reader that took everything loses nothing either.
func TestEndedLaneAtItsEnd(t *testing.T) {
	l, cur := pastLane(t, at(1, 100, 1))
	if _, _, err := cur.next(nil, 1<<20, toEnd); err != nil {
		t.Fatal(err)
	}
	l.log.close(errMet)
	l.log.discard()
	if _, v, err := cur.next(nil, 1<<20, toEnd); err != nil || v.closed != errMet || cur.pos != at(1, 250+19*100, 1) {
		t.Errorf("it stands at %s: %v, %v", cur.pos, v.closed, err)
	}
}

// TestLanePassesSlowTransaction: how long the database takes to send a transaction is
// no reason to end a lane; its clients would come back to the same one.
func TestLanePassesSlowTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newFake()
		src.slow = 10 * time.Minute
		var want []string
		for i := range 5 {
			want = append(want, src.commit(row{"picks", fmt.Sprint(i)})...)
		}
		s, err := NewServer(Config{}, src, fakeRenderer{tables: []string{"picks"}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		s.live.log.publish(nil, src.end(), time.Time{})
		ctx, cancel := context.WithCancel(t.Context())
		s.lanes.run(ctx)
		defer s.lanes.close()
		defer cancel()
		sub, err := s.live.Catalog().Subscribe([]string{"picks"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		c := &cursor{sub: sub}
		if _, err := s.locate(ctx, c, at(1, 4, fakeLineage), nil); err != nil {
			t.Fatal(err)
		}
		defer c.detach()
		var got []string
		for len(got) < len(want) {
			buf, v, err := c.next(nil, 1<<20, toEnd)
			for line := range strings.Lines(string(buf)) {
				if id, ok := strings.CutPrefix(line, "id: "); ok {
					got = append(got, strings.TrimSpace(id))
				}
			}
			switch {
			case len(got) == len(want):
			case err != nil || v.closed != nil:
				t.Fatalf("after %d events: %v, %v", len(got), err, v.closed)
			case len(v.frames) == 0:
				<-v.wake
			}
		}
		same(t, "the client", got, want)
	})
}

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
		p := s.live.log.find(cdc.Position{})
		return p.where == below
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
		if i == len(ids)/2 {
			goOn()
		}
	}
	id = src.commit(row{"picks", "after"})[0]
	if b := c.event(); b.id != id || b.data != "new:after" {
		t.Fatalf("got %s %.20q, want %s", b.id, b.data, id)
	}
}

// lose makes the source begin another history, of n rows after it has been told.
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
		_, head := r.live.log.current()
		return !head.IsZero() && head.SameHistory(src.end())
	})
	for range n {
		ids = append(ids, src.commit(row{"picks", value})...)
	}
	eventually(t, "the live feed", func() bool { _, head := r.live.log.current(); return head.Compare(src.end()) == 0 })
	return ids
}

// TestLossIsToldToTheSlow: a client that took nothing while exactness was lost, and
// while more came than history holds, is told all the same.
func TestLossIsToldToTheSlow(t *testing.T) {
	s := serve(t, Config{History: minHistory}, newFake(), fakeRenderer{tables: []string{"picks"}}).started(t)
	s.src.commit(row{"picks", "before"})
	c := s.open(t, h1(), "/events/picks", "")
	c.must()
	eventually(t, "a writer to have it", func() bool { return s.writers.count() == 1 })
	sub, err := s.live.Catalog().Subscribe([]string{"picks"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, head := s.live.log.current()
	alone := &cursor{log: s.live.log, sub: sub, seq: s.live.log.find(cdc.Position{}).seq, pos: head, sent: head}
	for _, w := range s.writers.list {
		w.mu.Lock()
	}
	s.lose(t, 200, strings.Repeat("x", 1000))
	for _, w := range s.writers.list {
		w.mu.Unlock()
	}
	if buf, _, err := alone.next(make([]byte, 0, 512), 1<<20, toEnd); err != errBehind || len(buf) > 0 {
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
	s := serve(t, Config{}, newFake(), fakeRenderer{tables: []string{"teams", "picks"}}).started(t)
	s.src.commit(row{"picks", "before"})
	c := s.open(t, h1(), "/events/picks", "")
	c.must()
	eventually(t, "a writer to have it", func() bool { return s.writers.count() == 1 })
	sub, err := s.live.Catalog().Subscribe([]string{"picks"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, head := s.live.log.current()
	alone := &cursor{log: s.live.log, sub: sub, seq: s.live.log.find(cdc.Position{}).seq, pos: head, sent: head}
	for _, w := range s.writers.list {
		w.mu.Lock()
	}
	s.Swap(fakeRenderer{tables: []string{"picks", "teams"}})
	s.lose(t, 1, "after")
	s.src.commit(row{"teams", "another stream's"})
	for _, w := range s.writers.list {
		w.mu.Unlock()
	}
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
	buf, _, err := alone.next(nil, 1<<20, toEnd)
	if err != nil || !strings.Contains(string(buf), "event: reset") || !strings.HasSuffix(string(buf), "data: last\n\n") || strings.Contains(string(buf), "another stream") {
		t.Errorf("%v: %q", err, buf)
	}
}

// TestRechecksLetReadingBegin: after a RESET the head that is known is of the old
// binlog until the new reading has begun, which must not be ended on its account.
func TestRechecksLetReadingBegin(t *testing.T) {
	src := newFake()
	src.commit(row{"picks", "a"})
	s := serve(t, Config{}, src, fakeRenderer{tables: []string{"picks"}}).started(t)
	src.mu.Lock()
	src.connect = 3 * recheckPause
	src.lineage, src.groups = 0x11111111, nil // and the reading under way hangs
	src.mu.Unlock()
	eventually(t, "the new binlog", func() bool {
		s.recheck(true) // as clients with ids do that come all the time
		_, head := s.live.log.current()
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
	eventually(t, "the live feed", func() bool { _, head := s.live.log.current(); return head.Compare(src.end()) == 0 })
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

// TestNoLaneAfterClose: none begins once the server has ended.
func TestNoLaneAfterClose(t *testing.T) {
	src := newFake()
	src.commit(row{"picks", "a"})
	s, err := NewServer(Config{}, src, fakeRenderer{tables: []string{"picks"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.live.log.publish(nil, src.end(), time.Time{})
	s.lanes.run(t.Context())
	s.lanes.close()
	sub, err := s.live.Catalog().Subscribe([]string{"picks"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if l, _, _ := s.lanes.tryJoin(&cursor{sub: sub}, at(1, 4, fakeLineage)); l != nil || s.lanes.count() != 0 {
		t.Error("a lane has begun")
	}
}

// panicking is a source that panics once when it is asked for the end.
type panicking struct {
	*fakeSource
	asked int
}

func (p *panicking) Now(ctx context.Context) (cdc.Position, error) {
	if p.asked++; p.asked == 1 {
		panic("once")
	}
	return p.fakeSource.Now(ctx)
}

// TestNowAfterPanic: net/http recovers from a handler's panic; the question for the
// end of the binlog must not be under way for ever.
func TestNowAfterPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &panicking{fakeSource: newFake()}
		var n nowCache
		func() {
			defer func() { _ = recover() }()
			_, _ = n.get(t.Context(), src, src.end())
		}()
		<-time.After(2 * nowLasts)
		if pos, err := n.get(t.Context(), src, src.end()); err != nil || pos != src.end() {
			t.Errorf("%s, %v", pos, err)
		}
	})
}
