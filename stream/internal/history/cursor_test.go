package history

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rowcast/stream/frame"
)

// TestVariantsOfOneChange: an update that moves a row from one bind value to
// another is two frames of one position. A client that reads with a cursor of its
// own gets the second as well, wherever pieces of the log and of its reading end.
func TestVariantsOfOneChange(t *testing.T) {
	c := frame.NewCatalog(fakeRenderer{param: true}, nil)
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
