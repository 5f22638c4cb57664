package stream

import (
	"rowcast/cdc"
	"rowcast/stream/frame"
)

func (l *Log) reachNow() cdc.Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reach
}

// wait is closed by the next append.
func (l *Log) wait() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wake == nil {
		l.wake = make(chan struct{})
	}
	return l.wake
}

func (l *Log) totalNow() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}

// discard drops every frame of a lane that has ended. The floor rises with them: a
// cursor that has not taken them all must not find its place here any more, or it
// would take the end for its own.
func (l *Log) discard() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.chunks, l.bytes, l.floor = nil, 0, l.reach
	l.wakeAll()
}

// prepend puts a lane's frames in front, as far as there is room: after a
// restart the first lane then serves everybody who comes later from memory. It
// does nothing unless the lane's frames join on without a gap, were made by the
// config in force, and belong to the same history.
func (l *Log) prepend(old *Log, losses uint64) {
	old.mu.Lock()
	defer old.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	first := l.next
	if len(l.chunks) > 0 {
		first = l.chunks[0].first
	}
	// Below lowest no number was ever given out: a cursor that fell out of the
	// log must not find other frames under the numbers that it remembers.
	if l.losses != losses || l.lost != nil || old.catalog != l.catalog || l.head.IsZero() || old.head.IsZero() ||
		first != l.lowest || old.reach.Compare(l.floor) < 0 || old.floor.Compare(l.floor) >= 0 ||
		len(l.chunks) > 0 && l.chunks[0].frames[0].Pos.Compare(l.floor) <= 0 {
		return
	}
	floor, bytes := old.floor, l.bytes
	var front []chunk
	for i := len(old.chunks) - 1; i >= 0; i-- {
		c := old.chunks[i]
		frames, size, whole := usable(c.frames, l.floor)
		if bytes+size > l.limit || !whole {
			floor = c.last().Pos
			break
		}
		bytes += size
		if len(frames) > 0 {
			front = append(front, chunk{frames: frames, bytes: size})
		}
	}
	if floor.Compare(l.floor) >= 0 {
		return
	}
	chunks := make([]chunk, 0, len(front)+len(l.chunks))
	for i := range front {
		first -= uint64(len(front[i].frames))
		front[i].first = first
	}
	for i := len(front) - 1; i >= 0; i-- {
		chunks = append(chunks, front[i])
	}
	l.chunks, l.bytes = append(chunks, l.chunks...), bytes
	l.spanFiles(old.files, floor)
	l.starts.prepend(&old.starts)
	l.floor, l.lowest = floor, first
}

// usable is the part of frames up to floor; whole is false where a config
// changed among them, before which nothing may be used.
func usable(frames []*frame.Frame, floor cdc.Position) (part []*frame.Frame, size int64, whole bool) {
	for i, f := range frames {
		if f.Notice() {
			return nil, 0, false
		}
		if f.Pos.Compare(floor) > 0 {
			return frames[:i:i], size, true
		}
		size += f.Size()
	}
	return frames[:len(frames):len(frames)], size, true
}

// spanFiles adds the files that lie before the first one known.
func (l *Log) spanFiles(older []cdc.Position, floor cdc.Position) {
	var front []cdc.Position
	for i, f := range older {
		passed := i+1 < len(older) && older[i+1].Compare(floor) <= 0
		if !passed && f.File() != l.files[0].File() && f.Compare(l.files[0]) < 0 {
			front = append(front, f)
		}
	}
	l.files = append(front, l.files...)
}
