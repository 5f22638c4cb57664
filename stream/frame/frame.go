package frame

import (
	"bytes"
	"strconv"

	"rowcast/cdc"
)

// Frame is one SSE event, encoded once for everybody, or a notice to whoever
// reads frames. It is immutable, as are the bytes it refers to.
type Frame struct {
	Pos     cdc.Position // orders frames; its text is the id: line
	Block   []byte       // the complete block, with its blank line; nil for a notice
	Kind    Kind
	Op      cdc.Op // of an Event
	Stream  int    // index in the catalog's streams; of an Event or a Reset
	Key     []byte // which bindings it is for, see Renderer
	Tag     any
	Catalog *Catalog // that holds from here on; of a Swapped or a LostAll
	Loss    *Loss    // of a LostAll

	// Crossing: the change as it is for clients that have its row on one side only; see
	// During. It is for nobody else.
	Crossing bool
}

// Kind tells what a Frame is.
type Kind uint8

const (
	Event   Kind = iota
	Reset        // a reset event of Stream, for all its bindings
	Swapped      // from here on another config holds
	LostAll      // everybody lost exactness
)

// Notice tells whether the frame is for those who read frames, not an event for clients.
func (f *Frame) Notice() bool { return f.Kind >= Swapped }

// InGroup reports whether the frame is a reset that stands among the changes of a
// transaction: there may be several, of which a client needs the first.
func (f *Frame) InGroup() bool { return f.Kind == Reset && f.Pos.IsChange() }

// AppendNth begins the block as that of the n-th event, from 0, that a subscriber
// gets of the change: its id differs. rest is what follows.
func (f *Frame) AppendNth(b []byte, n int) (begun, rest []byte) {
	if n == 0 {
		return b, f.Block
	}
	end := bytes.IndexByte(f.Block, '\n') // of the id
	b = append(append(b, f.Block[:end]...), '.')
	return strconv.AppendInt(b, int64(n), 10), f.Block[end:]
}

// Nth is the frame as the n-th event, from 0, that a subscriber gets of the change.
func (f *Frame) Nth(n int) *Frame {
	if n == 0 {
		return f
	}
	nth := *f
	nth.Pos = f.Pos.Nth(n)
	begun, rest := f.AppendNth(make([]byte, 0, len(f.Block)+len(".63")), n)
	nth.Block = append(begun, rest...)
	return &nth
}

// Run is the part of frames, which are not empty, that begins them and stands at one
// place: what one change is to everybody, or one notice.
func Run(frames []*Frame) []*Frame {
	first, n := frames[0], 1
	for n < len(frames) && !first.Notice() && !frames[n].Notice() && frames[n].Pos.Same(&first.Pos) {
		n++
	}
	return frames[:n]
}

// Size is what a frame costs in memory, roughly: its bytes and itself.
func (f *Frame) Size() int64 { return int64(len(f.Block)) + overhead }

const overhead = 184 // unsafe.Sizeof(Frame{}) and a tag
