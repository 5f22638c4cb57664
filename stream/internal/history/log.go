package history

import (
	"math"
	"sort"
	"sync"
	"time"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

// Log is the bounded record of the most recent frames, in binlog order, numbered
// without gaps. One feed appends; any number of readers read. A position at or above
// its floor can be resumed from here. Safe for concurrent use.
type Log struct {
	limit int64 // bytes

	mu      sync.Mutex
	chunks  []chunk
	next    uint64       // number of the frame that comes next
	bytes   int64        // held
	total   int64        // ever appended
	taken   int64        // what total was after the last frame that may be dropped; see keep
	floor   cdc.Position // readers that come stand at it, or past it
	gone    cdc.Position // of the newest frame that was dropped
	missed  uint64       // the number after that of the newest notice that was dropped; 0: none was
	head    cdc.Position // the newest checkpoint; zero: none yet
	reach   cdc.Position // everything at or before it is or was here: head, or a frame of an unfinished group
	headAt  time.Time
	version uint64         // counts the moves of head
	files   []cdc.Position // a position in each file between floor and head, for their lineages
	groups  groups
	lost    *frame.Loss    // exactness is lost; the next checkpoint begins another history
	losses  uint64         // how often that happened
	catalog *frame.Catalog // the config that made the newest frames
	wake    chan struct{}  // closed by the next append, where somebody waits
	closed  error          // a lane that ended, and why
}

// chunk is a run of frames. Its slice only grows, so that readers may hold a part
// of it. Frames of one position, which are published at once, are never in two
// chunks: a reader that has come to the end of what it was given has passed all
// frames of its position.
type chunk struct {
	first  uint64
	frames []*frame.Frame
	bytes  int64
	total  int64  // Log.total after its last frame
	notice uint64 // the number after that of its newest notice; 0: it has none
}

func (c *chunk) last() *frame.Frame { return c.frames[len(c.frames)-1] }
func (c *chunk) full(size int64) bool {
	return len(c.frames) == cap(c.frames) || c.bytes+size > chunkBytes
}
func (c *chunk) end() uint64 { return c.first + uint64(len(c.frames)) }

func newLog(limit int64, c *frame.Catalog) *Log {
	return &Log{limit: limit, taken: math.MaxInt64, catalog: c}
}

// keep has the log hold what came after its total was this, however much it is: the
// reader that a lane waits for has not taken it. MaxInt64: there is none.
func (l *Log) keep(taken int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken = taken
}

// publish appends frames and, where head is not zero, moves the checkpoint
// past them. Both become visible at once.
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
	before := l.total
	for _, f := range frames {
		l.append(f)
	}
	if !head.IsZero() {
		l.advance(head, at)
	}
	l.evict(before)
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
	if f.Notice() {
		c.notice = l.next
	}
	if f.Pos.Compare(l.reach) > 0 {
		l.reach = f.Pos
	}
}

// advance moves the checkpoint, forward only: a source that reconnects begins
// at the start of the group that it was in, and a client must never be sent back.
func (l *Log) advance(head cdc.Position, at time.Time) {
	if l.head.IsZero() {
		l.floor, l.reach = head, head
	} else if head.Compare(l.head) <= 0 {
		return
	}
	l.head, l.headAt = head, at
	l.groups.add(head)
	l.version++
	if head.Compare(l.reach) > 0 {
		l.reach = head
	}
	if n := len(l.files); n == 0 || l.files[n-1].File() != head.File() {
		l.files = append(l.files, head)
	}
}

// evict makes room. What was appended after total was before stays: a piece with a big
// row may be larger than the log, and nobody has seen it yet.
func (l *Log) evict(before int64) {
	drop := 0
	for l.bytes > l.limit && drop < len(l.chunks)-1 && l.chunks[drop].total <= min(before, l.taken) {
		l.bytes -= l.chunks[drop].bytes
		l.gone, l.missed = l.chunks[drop].last().Pos, max(l.missed, l.chunks[drop].notice)
		if l.gone.Compare(l.floor) > 0 {
			l.floor = l.gone
		}
		l.chunks[drop] = chunk{}
		drop++
	}
	if drop > 0 {
		l.chunks = l.chunks[drop:]
		l.groups.passed(l.floor)
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

// swap puts a new config in force. Frames of the old one stay for cursors that are
// attached; clients that come later are served from the binlog by the new one.
func (l *Log) swap(c *frame.Catalog) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.catalog = c
	before := l.total
	l.append(&frame.Frame{Pos: l.reach, Stream: -1, Kind: frame.Swapped, Catalog: c})
	l.floor = l.reach
	l.evict(before)
	l.wakeAll()
}

// seal keeps the frames for cursors that are attached, as swap does: the keys of
// later ones have another form.
func (l *Log) seal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.head.IsZero() {
		l.floor = l.reach
	}
}

// lose says that exactness is lost for everybody: nothing can be resumed until
// the next checkpoint, where every cursor finds the notice.
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
	l.chunks, l.bytes, l.files, l.groups, l.lost = nil, 0, nil, groups{}, nil
	l.losses++
	l.floor, l.reach, l.head, l.gone = head, head, cdc.Position{}, cdc.Position{}
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

// View is what a reader finds at its place.
type View struct {
	Frames  []*frame.Frame  // none: the end was reached
	Head    cdc.Position    // the newest checkpoint; zero: none yet, or exactness is lost
	Reach   cdc.Position    // the newest position, of a checkpoint or a frame
	Version uint64          // counts the moves of Head
	Losses  uint64          // counts the losses of exactness
	Wake    <-chan struct{} // closed when more has come; set at the end only

	total  int64 // Log.total after Frames
	closed error // nothing more will come
}

// Read gives frames from number seq on; ok is false where they are no longer held.
func (l *Log) Read(seq uint64) (v View, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v = View{Head: l.head, Reach: l.reach, Version: l.version, Losses: l.losses, total: l.total, closed: l.closed}
	if l.lost != nil {
		v.Head = cdc.Position{} // nobody may get a checkpoint of a history that is gone
	}
	if seq == l.next {
		v.Wake = l.waking()
		return v, true
	}
	if len(l.chunks) == 0 || seq < l.chunks[0].first || seq > l.next {
		return v, false
	}
	i := sort.Search(len(l.chunks), func(i int) bool { return l.chunks[i].end() > seq })
	c := &l.chunks[i]
	v.Frames, v.total = c.frames[seq-c.first:], c.total
	return v, true
}

// oldest is the number of the oldest frame that is held, for a reader whose next one
// was dropped; ok: nothing was dropped that lies past the reader's place, and no notice
// that it has not seen. The floor does not count: it is raised for those that come, by
// a new config for one, and what a reader of this log still wants may lie below.
func (l *Log) oldest(of Place) (seq uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seq = l.next
	if len(l.chunks) > 0 {
		seq = l.chunks[0].first
	}
	return seq, l.lost == nil && l.losses == of.Losses && l.missed <= of.Seq && of.Seq < seq && of.Pos.Compare(l.gone) >= 0
}

// Lagging tells whether a reader that comes to frame number seq next would soon find
// that the log has dropped it: more than half of what may be held is past it.
func (l *Log) Lagging(seq uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if seq >= l.next || len(l.chunks) == 0 {
		return false
	}
	i := min(sort.Search(len(l.chunks), func(i int) bool { return l.chunks[i].end() > seq }), len(l.chunks)-1)
	return l.total-l.chunks[i].total > l.limit/2
}

// Wait is closed by the next append.
func (l *Log) Wait() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waking()
}

func (l *Log) waking() <-chan struct{} {
	if l.wake == nil {
		l.wake = make(chan struct{})
	}
	return l.wake
}

// LossNotice is the number of the newest loss's notice, where it is still held.
func (l *Log) LossNotice() (seq uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.chunks) == 0 || l.chunks[0].frames[0].Kind != frame.LostAll {
		return 0, false
	}
	return l.chunks[0].first, true
}

// discard drops every frame of a lane that has ended. The floor rises with them: a
// cursor that has not taken them all must not find its place here any more, or it
// would take the end for its own.
func (l *Log) discard() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.chunks {
		l.missed = max(l.missed, l.chunks[i].notice)
	}
	l.chunks, l.bytes, l.floor, l.gone = nil, 0, l.reach, l.reach
	l.wakeAll()
}

// Held is how many bytes of frames there are.
func (l *Log) Held() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes
}

// Span is what can be resumed from: any position from floor to reach.
func (l *Log) Span() (floor, reach cdc.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.floor, l.reach
}

// End is the number of the frame that comes next.
func (l *Log) End() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next
}

// extent is how far the log has come: in the binlog, and in bytes of frames.
func (l *Log) extent() (reach cdc.Position, total int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reach, l.total
}

// moved tells whether the log has come further than its start.
func (l *Log) moved() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.version > 1 || l.total > 0
}

func (l *Log) headNow() cdc.Position {
	_, head := l.Current()
	return head
}
