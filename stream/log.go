package stream

import (
	"sort"
	"sync"
	"time"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

// chunkBytes is how much is dropped from, and read from, a Log at a time.
const chunkBytes = 64 << 10

// Log is the bounded record of the most recent frames, in binlog order, numbered
// without gaps. One feed appends; any number of cursors read. What leaves it is
// told by its floor: a position at or above the floor can be resumed from here.
type Log struct {
	limit int64 // bytes

	mu      sync.Mutex
	chunks  []chunk
	next    uint64 // number of the frame that comes next
	lowest  uint64 // lowest number ever given out
	bytes   int64  // held
	total   int64  // ever appended
	floor   cdc.Position
	head    cdc.Position // the newest checkpoint; zero: none yet
	reach   cdc.Position // everything at or before it is or was here: head, or a frame of an unfinished group
	headAt  time.Time
	version uint64         // counts the moves of head
	files   []cdc.Position // a position in each file between floor and head, for their lineages
	starts  starts
	lost    *frame.Loss    // exactness is lost; the next checkpoint begins anew
	losses  uint64         // how often that happened
	catalog *frame.Catalog // the config that made the newest frames
	wake    chan struct{}  // closed by the next append, where somebody waits
	closed  error          // a lane that ended, and why

	busy  int   // readers that are writing frames to sockets
	taken int64 // of total: how far the fastest of them has come
}

// chunk is a run of frames. Its slice only grows, so that readers may hold a part
// of it. Frames of one position, which are published at once, are never in two
// chunks: a reader that has come to the end of what it was given has passed all
// frames of its position.
type chunk struct {
	first  uint64
	frames []*frame.Frame
	bytes  int64
	total  int64 // Log.total behind its last frame
}

func (c *chunk) last() *frame.Frame { return c.frames[len(c.frames)-1] }
func (c *chunk) full(size int64) bool {
	return len(c.frames) == cap(c.frames) || c.bytes+size > chunkBytes
}
func (c *chunk) end() uint64 { return c.first + uint64(len(c.frames)) }

// firstNumber leaves room for frames that are put in front (see prepend).
const firstNumber = 1 << 48

func newLog(limit int64, c *frame.Catalog) *Log {
	return &Log{limit: limit, next: firstNumber, lowest: firstNumber, catalog: c}
}

// publish appends frames and, where head is not zero, moves the checkpoint
// behind them. Both become visible at once.
func (l *Log) publish(frames []*frame.Frame, head cdc.Position, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost != nil {
		if head.IsZero() {
			return
		}
		l.restart(head)
		frames = nil
	}
	for _, f := range frames {
		l.append(f)
	}
	if !head.IsZero() {
		l.advance(head, at)
	}
	l.evict()
	if len(frames) > 0 {
		l.wakeAll()
	}
}

func (l *Log) append(f *frame.Frame) {
	size := f.Size()
	n := len(l.chunks)
	if n == 0 || l.chunks[n-1].full(size) && l.chunks[n-1].last().Pos.Compare(f.Pos) != 0 {
		l.chunks = append(l.chunks, chunk{first: l.next, frames: make([]*frame.Frame, 0, 32)})
		n = len(l.chunks)
	}
	c := &l.chunks[n-1]
	c.frames = append(c.frames, f)
	c.bytes += size
	l.bytes += size
	l.total += size
	c.total = l.total
	l.next++
	if f.Pos.Compare(l.reach) > 0 {
		l.reach = f.Pos
	}
}

// advance moves the checkpoint, forward only: a source that connects anew begins
// at the start of the group that it was in, and a client must never be sent back.
func (l *Log) advance(head cdc.Position, at time.Time) {
	if l.head.IsZero() {
		l.floor, l.reach = head, head
	} else if head.Compare(l.head) <= 0 {
		return
	}
	l.head, l.headAt = head, at
	l.starts.add(head)
	l.version++
	if head.Compare(l.reach) > 0 {
		l.reach = head
	}
	if n := len(l.files); n == 0 || l.files[n-1].File() != head.File() {
		l.files = append(l.files, head)
	}
}

func (l *Log) evict() {
	drop := 0
	for l.bytes > l.limit && drop < len(l.chunks)-1 {
		l.bytes -= l.chunks[drop].bytes
		if p := l.chunks[drop].last().Pos; p.Compare(l.floor) > 0 {
			l.floor = p
		}
		l.chunks[drop] = chunk{}
		drop++
	}
	if drop > 0 {
		l.chunks = l.chunks[drop:]
		l.starts.passed(l.floor)
	}
	for len(l.files) > 1 && l.files[1].Compare(l.floor) <= 0 {
		l.files = l.files[1:]
	}
}

func (l *Log) wakeAll() {
	if l.wake != nil {
		close(l.wake)
		l.wake = nil
	}
}

// swap puts a new config in force. Frames of the old one stay for cursors that
// are attached; who comes later is served from the binlog by the new one.
func (l *Log) swap(c *frame.Catalog) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.catalog = c
	l.append(&frame.Frame{Pos: l.reach, Stream: -1, Kind: frame.Swapped, Catalog: c})
	l.floor = l.reach
	l.evict()
	l.wakeAll()
}

// seal keeps the frames for cursors that are attached, as swap does.
func (l *Log) seal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.head.IsZero() {
		l.floor = l.reach
	}
}

// lose says that exactness is lost for everybody: nothing can be resumed until
// the next checkpoint, where every cursor is told.
func (l *Log) lose(why frame.Loss) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.head.IsZero() {
		l.lost = &why
	}
}

// restart empties the log and begins at head, which may lie before everything
// that was here (another server, or RESET).
func (l *Log) restart(head cdc.Position) {
	why := l.lost
	l.chunks, l.bytes, l.files, l.starts, l.lost = nil, 0, nil, starts{}, nil
	l.losses++
	l.floor, l.reach, l.head = head, head, cdc.Position{}
	// With the config: the notice of a new one may be among the frames that are gone.
	l.append(&frame.Frame{Pos: head, Stream: -1, Kind: frame.LostAll, Loss: why, Catalog: l.catalog})
	l.wakeAll()
}

// close ends a lane's log: nothing more will come.
func (l *Log) close(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed == nil {
		l.closed = err
		l.wakeAll()
	}
}

// view is what a cursor finds at its place.
type view struct {
	frames  []*frame.Frame // none: the end was reached
	total   int64          // Log.total behind them: see working
	head    cdc.Position
	reach   cdc.Position
	version uint64
	losses  uint64
	wake    <-chan struct{} // closed when more has come; set at the end only
	closed  error
}

// read gives frames from number seq on; ok is false where they are no longer held.
func (l *Log) read(seq uint64) (v view, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v = view{total: l.total, head: l.head, reach: l.reach, version: l.version, losses: l.losses, closed: l.closed}
	if l.lost != nil {
		v.head = cdc.Position{} // nobody may be told a checkpoint of a history that is gone
	}
	if seq == l.next {
		if l.wake == nil {
			l.wake = make(chan struct{})
		}
		v.wake = l.wake
		return v, true
	}
	if len(l.chunks) == 0 || seq < l.chunks[0].first || seq > l.next {
		return v, false
	}
	i := sort.Search(len(l.chunks), func(i int) bool { return l.chunks[i].end() > seq })
	c := &l.chunks[i]
	v.frames, v.total = c.frames[seq-c.first:], c.total
	return v, true
}

// lossNotice is the number of the newest loss's notice, where it is still held.
func (l *Log) lossNotice() (seq uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.chunks) == 0 || l.chunks[0].frames[0].Kind != frame.LostAll {
		return 0, false
	}
	return l.chunks[0].first, true
}

// backlog is how many bytes the fastest reader that is writing frames is behind;
// none where nobody is at work.
func (l *Log) backlog() (behind, taken int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy == 0 {
		return 0, l.taken
	}
	return l.total - l.taken, l.taken
}

// working counts the readers that are writing frames to sockets.
func (l *Log) working(delta int, took int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy += delta
	l.taken = max(l.taken, took)
}
