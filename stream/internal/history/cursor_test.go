package history

import (
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
	c := frame.NewCatalog(fakeRenderer{param: true}, nil)
	sub := subscribe(t, c, map[string]string{"team": "b"})
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
		cur := &Cursor{Place: Place{Seq: l.chunks[0].first, Pos: at(1, 100, 1)}, Sub: sub, log: l}
		var got []string
		for {
			buf, v, err := cur.Next(nil, limit, ToEnd)
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(buf)) {
				if strings.HasPrefix(line, "id: ") {
					got = append(got, strings.TrimSuffix(line, "\n"))
				}
			}
			if len(v.Frames) == 0 {
				break
			}
		}
		same(t, fmt.Sprintf("limit %d", limit), got, want)
	}
}

// TestBigGroupUnderOldConfig: a client that has a part of a big group reads the rest of it
// in a lane that puts a new config in force at the group's end. However late it comes to
// read, what it wants is still there, and it is not sent to begin another such lane.
func TestBigGroupUnderOldConfig(t *testing.T) {
	was, is := frame.NewCatalog(fakeRenderer{}, nil), frame.NewCatalog(fakeRenderer{}, nil)
	sub := subscribe(t, was, nil)
	l := newLog(MinHistory, was)
	start, end := at(1, 100, 1), at(1, 200, 1)
	l.publish(nil, start, time.Time{})
	const n, has = 100, 95
	var piece []*frame.Frame
	var want []string
	for i := range n {
		pos := change(start, i, 0)
		piece = append(piece, &frame.Frame{Pos: pos, Block: blockOf(pos, make([]byte, 1000))})
		if i > has {
			want = append(want, pos.String())
		}
		if len(piece) == 8 {
			l.publish(piece, cdc.Position{}, time.Time{})
			piece = nil
		}
	}
	l.publish(piece, end, time.Time{})
	l.swap(is)
	if _, ok := l.Read(0); ok {
		t.Fatal("the log still holds everything")
	}
	cur := &Cursor{Place: Place{Pos: change(start, has, 0)}, Sub: sub, log: l}
	got, v, err := cur.Next(nil, 1<<20, ToEnd)
	for err == nil && len(v.Frames) > 0 {
		got, v, err = cur.Next(got, 1<<20, ToEnd)
	}
	if err != nil {
		t.Fatal(err)
	}
	same(t, "of the group", ids(got), want)
	if cur.Sub.Catalog() != is {
		t.Error("it does not know the new config")
	}
	late := &Cursor{Place: Place{Pos: change(start, 10, 0)}, Sub: sub, log: l}
	if _, _, err := late.Next(nil, 1<<20, ToEnd); err != errBehind {
		t.Errorf("one that lacks what was dropped: %v", err)
	}
}

// TestUnseenNoticeDropped: a reader that slept through a new config, which is no longer
// in the log, is not served as if nothing had changed.
func TestUnseenNoticeDropped(t *testing.T) {
	was, is := frame.NewCatalog(fakeRenderer{}, nil), frame.NewCatalog(fakeRenderer{}, nil)
	sub := subscribe(t, was, nil)
	l := newLog(MinHistory, was)
	beginLog(l, 1)
	l.swap(is)
	fill(l, 1, 200, 1000)
	for _, more := range []string{"nothing", "another config, which is still in the log"} {
		cur := &Cursor{Place: Place{Pos: at(1, 20_000, 1)}, Sub: sub, log: l}
		if _, _, err := cur.Next(nil, 1<<20, ToEnd); err != errBehind {
			t.Errorf("after that came %s: it goes on under the config before: %v", more, err)
		}
		l.swap(was)
		fill(l, 200, 202, 1000)
	}
}
