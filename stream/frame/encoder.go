package frame

import (
	"fmt"
	"sync"
	"time"

	"rowcast/cdc"
)

const (
	slabBytes  = 64 << 10 // blocks are cut from pieces this big
	slabFrames = 128      // and frames from pieces of so many
)

// Output takes what an Encoder makes of a reading, on the goroutine that reads.
type Output struct {
	Frame      func(f *Frame) error                     // may keep f
	Checkpoint func(p cdc.Position, at time.Time) error // a group has ended; may be nil
	Before     func() error                             // a group is about to begin; may be nil
	Swapped    func(c *Catalog)                         // c is in force from here on; may be nil
}

// Encoder renders changes into frames: a cdc.Handler. Its methods are called by
// one goroutine, except for Swap, which any may call.
type Encoder struct {
	out Output

	mu      sync.Mutex // guards what Swap changes, at group boundaries only
	catalog *Catalog
	pending *Catalog
	inGroup bool

	begin  cdc.Position // the group being read
	last   cdc.Position // its newest change
	failed map[int]error
	resets map[int]bool // streams of this group that have their reset
	ids    cdc.IDs
	slab   []byte
	frames []Frame
	emit   Emit        // bound once, so that a change costs no closure
	change *cdc.Change // what emit is about
	err    error       // of Output.Frame, within one Render
}

// NewEncoder makes an encoder that begins with c.
func NewEncoder(c *Catalog, out Output) *Encoder {
	e := &Encoder{out: out, catalog: c, failed: map[int]error{}, resets: map[int]bool{}}
	e.emit = e.emitted
	return e
}

// Catalog is the config in force; for the goroutine that reads.
func (e *Encoder) Catalog() *Catalog { return e.catalog }

// Swap changes the config between two groups: at once, if none is being read.
func (e *Encoder) Swap(c *Catalog) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pending = c
	if !e.inGroup {
		e.swapPending()
	}
}

// Within has the encoder begin in the group at: a Swap waits for that group's end.
func (e *Encoder) Within(at cdc.Position) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.inGroup, e.begin = true, at
}

// swapPending puts the pending config in force; under mu.
func (e *Encoder) swapPending() {
	if e.pending == nil {
		return
	}
	e.catalog, e.pending = e.pending, nil
	if e.out.Swapped != nil {
		e.out.Swapped(e.catalog)
	}
}

// Forget drops what a reading that was given up has left: nothing of its last
// group was rendered to its end.
func (e *Encoder) Forget() { clear(e.failed) }

// Begin implements cdc.Handler.
func (e *Encoder) Begin(at cdc.Position) error {
	if e.inGroup && at == e.begin {
		return nil // the source has reconnected: it is the same group, under the same config, with what failed in it
	}
	// A group that ends past 4 GiB has no checkpoint: its resets come here.
	if err := e.resetFailed(e.last); err != nil {
		return err
	}
	if e.out.Before != nil {
		if err := e.out.Before(); err != nil {
			return err
		}
	}
	e.mu.Lock()
	e.swapPending() // there was none at its end, if no checkpoint followed it
	e.inGroup = true
	e.mu.Unlock()
	e.begin, e.last = at, cdc.Position{}
	clear(e.resets)
	return nil
}

// Wants implements cdc.Handler. A source may also ask before the first group.
func (e *Encoder) Wants(schema, table []byte) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.catalog.Wants(schema, table)
}

// Change implements cdc.Handler.
func (e *Encoder) Change(c *cdc.Change) error {
	e.change, e.err, e.last = c, nil, c.Pos
	e.catalog.Render(c, e.emit)
	e.change = nil
	return e.err
}

// emitted is what Render calls for each event of a change.
func (e *Encoder) emitted(stream int, op cdc.Op, event string, data, key []byte, tag any, err error) {
	if err != nil {
		if e.failed[stream] == nil {
			e.failed[stream] = err
		}
		return
	}
	if e.err != nil {
		return
	}
	f := e.place()
	f.Pos, f.Stream, f.Op, f.Tag = e.change.Pos, stream, op, tag
	f.Block, f.Key = e.encode(e.change.Pos, event, data, key)
	if c, ok := tag.(interface{ Crossing() bool }); ok {
		f.Crossing = c.Crossing()
	}
	e.err = e.out.Frame(f)
}

// place is where the next frame goes.
func (e *Encoder) place() *Frame {
	if len(e.frames) == cap(e.frames) {
		e.frames = make([]Frame, 0, slabFrames)
	}
	e.frames = append(e.frames, Frame{})
	return &e.frames[len(e.frames)-1]
}

// encode cuts a block, and a copy of the key, from the slab: one allocation for
// many frames.
func (e *Encoder) encode(pos cdc.Position, event string, data, key []byte) (block, keyCopy []byte) {
	need := len(data) + len(event) + len(key) + 128
	if cap(e.slab)-len(e.slab) < need {
		e.slab = make([]byte, 0, max(slabBytes, need))
	}
	start := len(e.slab)
	full := appendBlock(e.slab, &e.ids, pos, event, data)
	end := len(full)
	full = append(full, key...)
	if cap(full) == cap(e.slab) { // else it outgrew the slab (many data lines) and lives on its own
		e.slab = full
	}
	return full[start:end:end], full[end:len(full):len(full)]
}

// Notice implements cdc.Handler: a reset for each stream that publishes the table.
func (e *Encoder) Notice(n cdc.Notice) error {
	for _, stream := range e.catalog.Affected(n.Schema, n.Table) {
		if err := e.reset(stream, n.At, n.Message, n.Message); err != nil {
			return err
		}
	}
	return nil
}

// Checkpoint implements cdc.Handler. What could not be rendered becomes resets
// that stand after the group, before p.
func (e *Encoder) Checkpoint(p cdc.Position, at time.Time) error {
	ends := !e.inGroup || p.Compare(e.begin) > 0 // else the source reconnected in mid-group
	if ends {
		if err := e.resetFailed(p); err != nil {
			return err
		}
	}
	var err error
	if e.out.Checkpoint != nil {
		err = e.out.Checkpoint(p, at)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if ends {
		e.inGroup = false
		e.swapPending()
	}
	return err
}

// resetFailed resets the streams that a change could not be rendered for.
func (e *Encoder) resetFailed(at cdc.Position) error {
	if len(e.failed) == 0 {
		return nil
	}
	defer clear(e.failed)
	for stream := range e.catalog.Len() {
		if cause := e.failed[stream]; cause != nil {
			if err := e.reset(stream, at, publicText(cause), cause.Error()); err != nil {
				return err
			}
		}
	}
	return nil
}

// reset puts the notice into the stream, with message, and cause into the log.
func (e *Encoder) reset(stream int, at cdc.Position, message, cause string) error {
	within := at.IsChange() // one for each place: clients that come back in between need the later ones
	if !within && e.resets[stream] {
		return nil
	}
	e.resets[stream] = true
	name := e.catalog.Name(stream)
	e.catalog.resets.warn(name, e.begin, cause)
	if message == "" {
		message = fmt.Sprintf("the events of stream %s are not exact here", name)
	}
	last := ""
	if !e.begin.IsZero() {
		last = e.begin.String()
	}
	id := at
	if within {
		e.last = at
	} else if !at.IsCheckpoint() && !e.last.IsZero() {
		id = e.last // at only orders: it stands after a group past which no dump can start
	}
	f := e.place()
	f.Kind, f.Pos, f.Stream = Reset, at, stream
	f.Block = AppendReset(nil, id, Schema(message+refetch), last)
	return e.out.Frame(f)
}
