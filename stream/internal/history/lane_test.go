package history

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

// loneLane is a lane without a source.
func loneLane(t *testing.T, window int64) *lane {
	m := &lanes{LaneOptions: LaneOptions{Window: window}.withDefaults(0)}
	l := &lane{feed: newFeed(frame.NewCatalog(fakeRenderer{}, nil), MinHistory), lanes: m,
		news: make(chan struct{}, 1), seats: map[*laneSeat]bool{}}
	l.ctx, l.end = context.WithCancelCause(t.Context())
	return l
}

// join is a cursor that joined the lane at pos.
func (l *lane) join(t *testing.T, pos cdc.Position) *Cursor {
	t.Helper()
	seat := &laneSeat{lane: l, start: pos}
	l.seats[seat] = true
	cur := &Cursor{Sub: subscribe(t, l.Catalog(), nil)}
	if _, err := cur.attach(l.log, seat, l.log.find(pos), pos, nil); err != nil {
		t.Fatal(err)
	}
	return cur
}

// pastLane is one that has read 20 changes, and a cursor that joined it at pos.
func pastLane(t *testing.T, pos cdc.Position) (*lane, *Cursor) {
	t.Helper()
	l := loneLane(t, 1000)
	l.log.publish(nil, at(1, 100, 1), time.Time{})
	for i := range 20 {
		pos := change(at(1, 200+i*100, 1), 0, 0)
		l.log.publish([]*frame.Frame{{Pos: pos, Block: blockOf(pos, make([]byte, 100))}}, at(1, 250+i*100, 1), time.Time{})
	}
	return l, l.join(t, pos)
}

// TestLaneIsNotHeldAtItsEnd: a lane paces itself by its readers. One that has come to
// the lane's end waits for it, so that the lane must not wait for that one.
func TestLaneIsNotHeldAtItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, cur := pastLane(t, at(1, 250+19*100, 1))
		if _, v, err := cur.Next(nil, 1<<20, ToEnd); err != nil || len(v.Frames) > 0 {
			t.Fatalf("%d frames, %v", len(v.Frames), err)
		}
		stop := time.AfterFunc(time.Minute, func() { l.end(context.DeadlineExceeded) })
		defer stop.Stop()
		if err := l.wait(); err != nil {
			t.Errorf("the lane waits: %v", err)
		}
	})
}

// TestLaneWaitsForItsReader, and goes on as soon as it has come near, or has left.
func TestLaneWaitsForItsReader(t *testing.T) {
	for what, moves := range map[string]func(*Cursor){
		"takes all": func(c *Cursor) { _, _, _ = c.Next(nil, 1<<20, ToEnd) }, // the buffer does not matter
		"leaves":    func(c *Cursor) { c.Detach() },
	} {
		synctest.Test(t, func(t *testing.T) {
			l, cur := pastLane(t, at(1, 100, 1))
			begun := time.Now()
			time.AfterFunc(time.Hour+time.Millisecond, func() { moves(cur) })
			err := l.wait()
			if took := time.Since(begun); took != time.Hour+time.Millisecond || (err != nil) != (what == "leaves") {
				t.Errorf("%s: the lane waited %s: %v", what, took, err)
			}
		})
	}
}

// TestLaneKeepsWhatItsReaderLacks: a reader that takes one event at a time gets all of a
// transaction, with rows nearly as large as the lane's window, in one lane. Where a piece
// of it pushed out what the reader had still to take, each lane after ended in the same
// way, for ever.
func TestLaneKeepsWhatItsReaderLacks(t *testing.T) {
	for _, first := range []int{0, 1, 45, 90} { // where in the transaction the reader stands
		synctest.Test(t, func(t *testing.T) {
			const window = MinHistory
			l := loneLane(t, window)
			l.pace, l.reached = l.wait, func(cdc.Position) error { return nil }
			start, end := at(1, 100, 1), at(1, 200, 1)
			l.log.publish(nil, start, time.Time{})
			cur := l.join(t, change(start, first, 0))
			const n = 100
			var want []string
			for i := first + 1; i < n; i++ {
				want = append(want, change(start, i, 0).String())
			}
			fed := make(chan error, 1) // the feed's one answer
			go func() {
				var err error
				for i := 0; i < n && err == nil; i++ {
					size := 700
					if i%10 == 9 {
						size = 60 << 10
					}
					pos := change(start, i, 0)
					err = l.add(&frame.Frame{Pos: pos, Block: blockOf(pos, make([]byte, size))})
				}
				fed <- errors.Join(err, l.flush(end, time.Time{}))
			}()
			var got []string
			var most int64
			for len(got) < len(want) {
				buf, v, err := cur.Next(nil, 1, ToEnd)
				if err != nil {
					t.Fatalf("from event %d, after %d more: %v", first, len(got), err)
				}
				got = append(got, ids(append(buf, cur.Big...))...)
				cur.Big = nil
				if cur.Took(v); len(v.Frames) == 0 {
					<-v.Wake
				}
				synctest.Wait() // the lane goes as far as it may
				most = max(most, l.log.Held())
			}
			same(t, "the reader", got, want)
			if most > 4*window {
				t.Errorf("from event %d: the lane held %d bytes, of a window of %d", first, most, window)
			}
			if err := <-fed; err != nil {
				t.Error(err)
			}
			cur.Detach()
		})
	}
}

// TestEndedLaneSkipsNobody: a reader that is too slow for what a lane has left when
// it ends goes on elsewhere, from where it stands.
func TestEndedLaneSkipsNobody(t *testing.T) {
	l, cur := pastLane(t, at(1, 100, 1))
	if _, _, err := cur.Next(nil, 1, ToEnd); err != nil {
		t.Fatal(err)
	}
	first := change(at(1, 200, 1), 0, 0)
	l.log.close(errMet)
	l.log.discard()
	if _, v, err := cur.Next(nil, 1<<20, ToEnd); err != errBehind {
		t.Errorf("it took the lane's end, %s, for its own: %v", v.Head, err)
	}
	if cur.Pos != first {
		t.Errorf("it stands at %s, and has taken %s", cur.Pos, first)
	}
}

// A reader that took everything loses nothing either.
func TestEndedLaneAtItsEnd(t *testing.T) {
	l, cur := pastLane(t, at(1, 100, 1))
	if _, _, err := cur.Next(nil, 1<<20, ToEnd); err != nil {
		t.Fatal(err)
	}
	l.log.close(errMet)
	l.log.discard()
	if _, v, err := cur.Next(nil, 1<<20, ToEnd); err != nil || v.closed != errMet || cur.Pos != at(1, 250+19*100, 1) {
		t.Errorf("it stands at %s: %v, %v", cur.Pos, v.closed, err)
	}
}

// TestLanePassesSlowTransaction: how long the database takes to send a transaction is
// no reason to end a lane; its clients would come back to the same one.
func TestLanePassesSlowTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{groups: 5, slow: 10 * time.Minute}
		s, sub, stop := newStore(t, src, Options{History: 1 << 20, MaxReplays: 1})
		defer stop()
		var want []string
		for i := range src.groups {
			want = append(want, change(src.start(i), 0, 0).String())
		}
		c := &Cursor{Sub: sub}
		defer c.Detach()
		if _, err := s.Start(t.Context(), c, src.start(0).String(), nil); err != nil || !c.Replaying() {
			t.Fatal(err)
		}
		same(t, "the client", read(t, s, c, len(want)), want)
	})
}

// TestKeptLane: a lane that has met the live log serves later clients from
// memory, as long as the live log has what follows.
func TestKeptLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{groups: 50}
		s, sub, stop := newStore(t, src, Options{History: MinHistory, MaxReplays: 1})
		defer stop()
		var want []string
		for i := range src.groups {
			want = append(want, change(src.start(i), 0, 0).String())
		}
		visit := func() (lanes int) {
			c := &Cursor{Sub: sub}
			defer c.Detach()
			if _, err := s.Start(t.Context(), c, src.start(0).String(), nil); err != nil || !c.Replaying() {
				t.Fatalf("it does not replay: %v", err)
			}
			lanes = s.Lanes()
			same(t, "a client", read(t, s, c, len(want)), want)
			buf, v, err := c.Next(nil, 1<<20, ToEnd)
			if _, _, err := s.Move(t.Context(), c, v, err, buf); err != nil || len(v.Frames) > 0 {
				t.Fatalf("%v: %q", err, buf)
			}
			if c.Replaying() {
				t.Error("it does not go on in the live log")
			}
			return lanes
		}
		if n := visit(); n != 1 {
			t.Fatalf("%d lanes", n)
		}
		synctest.Wait()
		for range 3 {
			if n := visit(); n != 0 {
				t.Errorf("%d lanes for a later client", n)
			}
		}
		c := &Cursor{Sub: sub}
		if buf, err := s.Start(t.Context(), c, at(1, 104+7, lineage).String(), nil); err != nil || !strings.Contains(string(buf), `"invalid"`) {
			t.Errorf("an id at which no group begins: %v, %q", err, buf)
		}
		for i := range 1000 { // the live log moves on
			pos := change(at(1, 100000+100*i, lineage), 0, 0)
			s.live.log.publish([]*frame.Frame{{Pos: pos, Block: make([]byte, 1000)}}, at(1, 100000+100*i+100, lineage), time.Time{})
			if err := s.live.reached(pos); err != nil {
				t.Fatal(err)
			}
		}
		if s.lanes.kept != nil {
			t.Error("the lane is kept though the live log has moved on from it")
		}
	})
}

// TestNoLaneAfterClose: none begins once the Store has ended.
func TestNoLaneAfterClose(t *testing.T) {
	src := &fakeSource{groups: 5}
	s, _, stop := newStore(t, src, Options{History: MinHistory, MaxReplays: 1})
	stop()
	if seat, _, _ := s.lanes.sit(src.start(0), nil); seat != nil || s.Lanes() != 0 {
		t.Error("a lane has begun")
	}
}

// TestKeptLaneOutlastsVisitors: a client that leaves before its lane has begun does not
// take the place of what is kept.
func TestKeptLaneOutlastsVisitors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{groups: 50}
		s, sub, stop := newStore(t, src, Options{History: MinHistory, MaxReplays: 1})
		defer stop()
		begin := func(group int) *Cursor {
			c := &Cursor{Sub: sub}
			if _, err := s.Start(t.Context(), c, src.start(group).String(), nil); err != nil || !c.Replaying() {
				t.Fatalf("it does not replay: %v", err)
			}
			return c
		}
		c := begin(10)
		read(t, s, c, 40)
		c.Detach()
		synctest.Wait()
		if s.lanes.kept == nil {
			t.Fatal("no lane is kept")
		}
		begin(0).Detach()
		synctest.Wait()
		c = begin(10)
		defer c.Detach()
		if n := s.Lanes(); n != 0 {
			t.Errorf("%d lanes for what was kept", n)
		}
	})
}

// resetSource is a binlog that is reset. The replay under way then hangs, as on a server
// that goes on with the dump of a file that is gone.
type resetSource struct {
	*fakeSource
	reset chan struct{} // closed by the RESET
}

func (r *resetSource) Read(ctx context.Context, from cdc.Position, h cdc.Handler) error {
	select {
	case <-r.reset:
		if err := h.Checkpoint(at(1, 4, lineage+1), time.Time{}); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	default:
	}
	if err := h.Checkpoint(r.end(), time.Time{}); err != nil {
		return err
	}
	<-r.reset
	return cdc.ErrForeign
}

// TestLossReachesLanes: whoever waits for a replay hears of it as well when the history
// that it reads is gone.
func TestLossReachesLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &resetSource{&fakeSource{groups: 5, slow: time.Hour}, make(chan struct{})}
		s, sub, stop := newStore(t, src, Options{History: MinHistory, MaxReplays: 1})
		defer stop()
		c := &Cursor{Sub: sub}
		defer c.Detach()
		if _, err := s.Start(t.Context(), c, src.start(0).String(), nil); err != nil || !c.Replaying() {
			t.Fatal(err)
		}
		read(t, s, c, 1)
		lost := time.Now()
		close(src.reset)
		for {
			buf, v, err := c.Next(nil, 1<<20, ToEnd)
			if len(buf) > 0 {
				t.Fatalf("after %s the client goes on in the history that is gone: %q", time.Since(lost), buf)
			}
			buf, moved, err := s.Move(t.Context(), c, v, err, nil)
			if err != nil {
				t.Fatal(err)
			}
			if moved {
				if !strings.Contains(string(buf), `"foreign"`) || c.Replaying() || c.Pos != at(1, 4, lineage+1) {
					t.Errorf("it stands at %s, and got %q", c.Pos, buf)
				}
				break
			}
			<-v.Wake
		}
		if took := time.Since(lost); took > 2*again {
			t.Errorf("the reset took %s", took)
		}
	})
}
