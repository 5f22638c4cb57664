package stream

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

// TestVariantsOfOneChange: an update that moves a row from one bind value to
// another is two frames of one position. A client that reads with a cursor of its
// own gets the second as well, wherever pieces of the log and of its reading end.
func TestVariantsOfOneChange(t *testing.T) {
	c := frame.NewCatalog(fakeRenderer{tables: []string{"picks?"}}, nil)
	sub, err := c.Subscribe([]string{"picks"}, map[string]string{"team": "b"})
	if err != nil {
		t.Fatal(err)
	}
	l := newLog(1<<30, c)
	l.publish(nil, at(1, 100, 1), time.Time{})
	const n = 500
	var want []string
	for i := range n {
		pos := change(at(1, 200+i*100, 1), 0, 0)
		of := func(team string) *frame.Frame {
			block := blockOf(pos, []byte(strings.Repeat("x", i)))
			return &frame.Frame{Pos: pos, Block: block, Key: []byte(team), Tag: team + ":"}
		}
		frames := []*frame.Frame{of("a"), of("b")}
		for range i % 3 { // so that chunks of a fixed number of frames end between the two
			frames = append([]*frame.Frame{{Pos: change(at(1, 150+i*100, 1), 0, 0), Stream: 0, Key: []byte("c"), Tag: "c:"}}, frames...)
		}
		l.publish(frames, at(1, 250+i*100, 1), time.Time{})
		want = append(want, fmt.Sprintf("id: %s", pos))
	}
	for _, limit := range []int{1, 300, 10_000, 1 << 20} {
		cur := &cursor{log: l, sub: sub, seq: l.oldest(), pos: at(1, 100, 1)}
		var got []string
		for {
			buf, v, err := cur.next(nil, limit, toEnd)
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(buf)) {
				if strings.HasPrefix(line, "id: ") {
					got = append(got, strings.TrimSuffix(line, "\n"))
				}
			}
			if len(v.frames) == 0 {
				break
			}
		}
		same(t, fmt.Sprintf("limit %d", limit), got, want)
	}
}

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
