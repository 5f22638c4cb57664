package stream

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

func TestChunked(t *testing.T) {
	for _, n := range []int{1, 15, 16, 255, 4096, 1 << 20} {
		b := append(make([]byte, room), strings.Repeat("x", n)...)
		if got, want := string(chunked(b)), fmt.Sprintf("%x\r\n%s\r\n", n, strings.Repeat("x", n)); got != want {
			t.Errorf("%d bytes: %.20q", n, got)
		}
	}
}

// fill publishes one frame a group, from group i to j.
func fill(l *Log, from, to, size int) {
	for i := from; i < to; i++ {
		start := at(1, 100*i, 1)
		pos := change(start, 0, 0)
		l.publish([]*frame.Frame{{Pos: pos, Block: make([]byte, size)}}, at(1, 100*i+100, 1), time.Time{})
	}
}

func beginLog(l *Log, group int) { l.publish(nil, at(1, 100*group, 1), time.Time{}) }

func TestLogIsBounded(t *testing.T) {
	l := newLog(1<<20, nil)
	beginLog(l, 1)
	fill(l, 1, 5000, 1000)
	if l.bytes > 1<<20 || l.bytes < 1<<19 || len(l.files) != 1 {
		t.Fatalf("%d bytes, %d files", l.bytes, len(l.files))
	}
	for i := 1; i <= 5000; i++ {
		for _, pos := range []cdc.Position{at(1, 100*i, 1), change(at(1, 100*i, 1), 0, 0)} {
			p := l.find(pos)
			switch {
			case pos.Compare(l.floor) < 0 && p.where != below, pos.Compare(l.reach) > 0 && p.where != above:
				t.Fatalf("%s: %d", pos, p.where)
			case p.where == here:
				v, ok := l.read(p.seq)
				if !ok || len(v.frames) > 0 && v.frames[0].Pos.Compare(pos) <= 0 {
					t.Fatalf("%s leads to %s", pos, v.frames[0].Pos)
				}
				if prev, ok := l.read(p.seq - 1); ok && prev.frames[0].Pos.Compare(pos) > 0 {
					t.Fatalf("%s skips %s", pos, prev.frames[0].Pos)
				}
			}
		}
	}
}

// TestPrepend: a lane's frames become history, exactly up to the floor.
func TestPrepend(t *testing.T) {
	live, lane := newLog(1<<20, nil), newLog(1<<20, nil)
	beginLog(live, 500)
	fill(live, 500, 600, 100)
	beginLog(lane, 100)
	fill(lane, 100, 510, 100)
	live.prepend(lane, 0)
	p := live.find(at(1, 100*100, 1))
	if p.where != here {
		t.Fatalf("the lane's start is %d", p.where)
	}
	for i := 100; i < 600; i++ {
		v, ok := live.read(p.seq)
		if want := change(at(1, 100*i, 1), 0, 0); !ok || v.frames[0].Pos.Compare(want) != 0 {
			t.Fatalf("at group %d: %v", i, ok)
		}
		p.seq++
	}
	if v, ok := live.read(p.seq); !ok || len(v.frames) > 0 {
		t.Fatal("the end is not where it was")
	}

	full := newLog(64<<10, nil)
	beginLog(full, 500)
	fill(full, 500, 600, 1000)
	floor := full.floor
	full.prepend(lane, 0)
	if full.floor.Compare(floor) != 0 {
		t.Error("frames were put in front of a log that has dropped some")
	}
	gap := newLog(1<<20, nil)
	beginLog(gap, 520)
	gap.prepend(lane, 0)
	if gap.find(at(1, 100*100, 1)).where != below {
		t.Error("frames were put in front though some are lacking between")
	}
	other := newLog(1<<20, nil)
	beginLog(other, 500)
	other.prepend(lane, 1)
	if other.find(at(1, 100*100, 1)).where != below {
		t.Error("frames of a history that is gone were put in front")
	}
}

// TestNowIsAskedOnce for all who ask at a time.
func TestNowIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newFake()
		var n nowCache
		for range 100 {
			if _, err := n.get(t.Context(), src, src.end()); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(nowLasts)
		if _, err := n.get(t.Context(), src, src.end()); err != nil || src.nows != 2 {
			t.Errorf("asked %d times, %v", src.nows, err)
		}
	})
}

// TestNowIsNoOlderThanTheID: an answer from before the id was made would take its
// client, who comes from an instance that is faster, for one who is ahead.
func TestNowIsNoOlderThanTheID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newFake()
		var n nowCache
		for range 20 {
			src.commit(row{"picks", "x"})
			id := src.end()
			if now, err := n.get(t.Context(), src, id); err != nil || id.Compare(now) > 0 {
				t.Fatalf("now is %s, %v, though %s was committed", now, err, id)
			}
		}
		begun, before := time.Now(), src.nows
		for range 10 {
			if _, err := n.get(t.Context(), src, at(900, 4, fakeLineage)); err != nil {
				t.Fatal(err)
			}
		}
		if asked := src.nows - before; time.Since(begun) < time.Duration(asked-1)*nowPause {
			t.Errorf("forged ids made %d questions in %s", asked, time.Since(begun))
		}
	})
}

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
	if held := s.live.log.held(); held > 4<<20 {
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
