package stream

import "rowcast/cdc"

const (
	slabBytes  = 64 << 10 // blocks are cut from pieces this big
	slabFrames = 128      // and frames from pieces of so many
)

// press turns rows events into frames; one goroutine uses it at a time.
type press struct {
	out    func(f *Frame) error // takes each frame
	keep   bool                 // frames last; else they are gone once they were taken
	dec    cdc.Decoder
	ids    cdc.IDs
	slab   []byte
	frames []Frame

	catalog *catalog
	change  *cdc.Change // under way
	last    cdc.Position
	failed  map[int]string // by stream: why a change could not be rendered
	err     error          // of out, within one change
	render  func(c *cdc.Change) error
	emit    Emit // as render, bound once, so that a change costs no closure

	ahead bool // out collects the frames of a run; else it takes them one by one
}

func newPress(out func(*Frame) error, keep bool) *press {
	p := &press{out: out, keep: keep, failed: map[int]string{}}
	p.render, p.emit = p.one, p.take
	return p
}

// rows renders rows events of one group.
func (p *press) rows(c *catalog, batch []cdc.Rows) error {
	p.catalog, p.last = c, cdc.Position{}
	if !p.keep {
		p.slab, p.frames = p.slab[:0], p.frames[:0]
	}
	for _, rows := range batch {
		if err := rows.Each(&p.dec, p.render); err != nil {
			return err
		}
	}
	return nil
}

func (p *press) one(c *cdc.Change) error {
	p.change, p.err, p.last = c, nil, c.Pos
	p.catalog.Render(c, p.emit)
	p.change = nil
	return p.err
}

// take is what Render calls for each event of a change.
func (p *press) take(stream int, op cdc.Op, event string, data []byte, key string, tag any, err error) {
	if err != nil {
		if p.failed[stream] == "" {
			p.failed[stream] = err.Error()
		}
		return
	}
	if p.err != nil {
		return
	}
	f := p.place()
	f.Pos, f.Block = p.change.Pos, p.encode(p.change.Pos, event, data)
	f.Stream, f.Op, f.Time, f.Key, f.Tag = stream, op, p.change.Time.UnixMilli(), key, tag
	p.err = p.out(f)
}

// place is where the next frame goes.
func (p *press) place() *Frame {
	if !p.keep && !p.ahead {
		p.frames = p.frames[:0]
	}
	if n := cap(p.frames); len(p.frames) == n {
		if p.keep {
			n = 0 // a few frames must not keep many in memory
		}
		p.frames = make([]Frame, 0, max(slabFrames, 2*n))
	}
	p.frames = append(p.frames, Frame{})
	return &p.frames[len(p.frames)-1]
}

// encode cuts a block from the slab: one allocation for many frames.
func (p *press) encode(pos cdc.Position, event string, data []byte) []byte {
	need := len(data) + len(event) + 128
	if !p.keep && !p.ahead {
		p.slab = p.slab[:0]
	}
	if n := cap(p.slab); n-len(p.slab) < need {
		if p.keep {
			n = 0
		}
		p.slab = make([]byte, 0, max(slabBytes, need, 2*n))
	}
	start := len(p.slab)
	full := appendBlock(p.slab, &p.ids, pos, event, data)
	if cap(full) == cap(p.slab) { // else it outgrew the slab (many data lines) and lives on its own
		p.slab = full
	}
	return full[start:len(full):len(full)]
}
