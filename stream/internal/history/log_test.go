package history

import (
	"testing"
	"time"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

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
				v, ok := l.Read(p.seq)
				if !ok || len(v.Frames) > 0 && v.Frames[0].Pos.Compare(pos) <= 0 {
					t.Fatalf("%s leads to %s", pos, v.Frames[0].Pos)
				}
				if prev, ok := l.Read(p.seq - 1); ok && prev.Frames[0].Pos.Compare(pos) > 0 {
					t.Fatalf("%s skips %s", pos, prev.Frames[0].Pos)
				}
			}
		}
	}
}
