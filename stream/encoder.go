package stream

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"rowcast/cdc"
)

// Encoder renders changes into frames: a cdc.Handler without HTTP. `rowcast
// tail` uses it as the feeds do. Its methods are called by one goroutine, save
// Swap, which may be called by any. Many rows at once are rendered by several.
type Encoder struct {
	log        *slog.Logger
	press      *press
	checkpoint func(p cdc.Position, at time.Time) error
	before     func() error // called before each group; may be nil

	mu      sync.Mutex // guards what Swap changes, at group boundaries only
	catalog *catalog
	pending *catalog
	inGroup bool
	swapped func(c *catalog) // may be nil; called under mu, between groups

	begin  cdc.Position // the group being read
	last   cdc.Position // its newest change
	failed map[int]string
	resets map[int]bool // streams of this group that have their reset
	ahead  []*ahead     // more presses, for many rows at once
	runs   [][]cdc.Rows
	warned time.Time
}

// NewEncoder makes an encoder that hands each frame to frame and each checkpoint
// to checkpoint (which may be nil), from one goroutine. A frame and its bytes are
// valid only until frame returns.
func NewEncoder(r Renderer, log *slog.Logger, frame func(*Frame) error, checkpoint func(cdc.Position, time.Time) error) *Encoder {
	return newEncoder(newCatalog(r), log, newPress(frame, false), checkpoint)
}

func newEncoder(c *catalog, log *slog.Logger, p *press, checkpoint func(cdc.Position, time.Time) error) *Encoder {
	return &Encoder{log: log, press: p, checkpoint: checkpoint, catalog: c, failed: map[int]string{}, resets: map[int]bool{}}
}

// swap changes the config, between two groups.
func (e *Encoder) swap(c *catalog) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pending = c
	if !e.inGroup {
		e.turn()
	}
}

// turn puts the pending config in force; under mu.
func (e *Encoder) turn() {
	if e.pending == nil {
		return
	}
	e.catalog, e.pending = e.pending, nil
	if e.swapped != nil {
		e.swapped(e.catalog)
	}
}

// Begin implements cdc.Handler.
func (e *Encoder) Begin(at cdc.Position) error {
	// A group that ends behind 4 GiB has no checkpoint: what failed is told here.
	if err := e.tellFailed(e.last); err != nil {
		return err
	}
	if e.before != nil {
		if err := e.before(); err != nil {
			return err
		}
	}
	e.mu.Lock()
	e.turn() // there was none at its end, if no checkpoint followed it
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

// Rows implements cdc.Handler.
func (e *Encoder) Rows(batch []cdc.Rows) error {
	e.runs = split(e.runs[:0], batch)
	defer func() { clear(e.runs) }() // what they point to may go
	if n := cores(e.runs); n > 1 {
		return e.sideBySide(e.runs, n)
	}
	err := e.press.rows(e.catalog, batch)
	e.collect(e.press)
	return err
}

// collect takes over what a press has noted.
func (e *Encoder) collect(p *press) {
	if !p.last.IsZero() {
		e.last = p.last
	}
	for stream, message := range p.failed {
		if e.failed[stream] == "" {
			e.failed[stream] = message
		}
	}
	clear(p.failed)
}

// Notice implements cdc.Handler: one reset for each stream that publishes the table.
func (e *Encoder) Notice(n cdc.Notice) error {
	for _, stream := range e.catalog.Affected(n.Schema, n.Table) {
		if err := e.reset(stream, n.At, n.Message); err != nil {
			return err
		}
	}
	return nil
}

// Checkpoint implements cdc.Handler. What could not be rendered becomes resets
// that stand behind the group, before p.
func (e *Encoder) Checkpoint(p cdc.Position, at time.Time) error {
	ends := !e.inGroup || p.Compare(e.begin) > 0 // else the source connected anew, in mid-group
	if ends {
		if err := e.tellFailed(p); err != nil {
			return err
		}
	}
	var err error
	if e.checkpoint != nil {
		err = e.checkpoint(p, at)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if ends {
		e.inGroup = false
		e.turn()
	}
	return err
}

// tellFailed resets the streams that a change could not be rendered for.
func (e *Encoder) tellFailed(at cdc.Position) error {
	if len(e.failed) == 0 {
		return nil
	}
	defer clear(e.failed)
	for stream := range e.catalog.infos {
		if message, failed := e.failed[stream]; failed {
			if err := e.reset(stream, at, message); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *Encoder) reset(stream int, at cdc.Position, message string) error {
	if e.resets[stream] {
		return nil
	}
	e.resets[stream] = true
	name := e.catalog.infos[stream].Name
	e.warn("stream reset: its events are not exact here", "stream", name, "at", e.begin, "cause", message)
	if message == "" {
		message = fmt.Sprintf("the events of stream %s are not exact here", name)
	}
	last := ""
	if !e.begin.IsZero() {
		last = e.begin.String()
	}
	id := at
	if !at.IsCheckpoint() && !e.last.IsZero() {
		id = e.last // at only orders: it stands behind a group after which no dump can start
	}
	f := e.press.place()
	f.Pos, f.Stream, f.ctl = at, stream, &control{reset: true}
	f.Block = appendReset(nil, id, "schema", last, message+"; fetch the table anew")
	return e.press.out(f)
}

// warn logs at most once a second: a damaged table may fail for every row.
func (e *Encoder) warn(text string, args ...any) {
	if now := time.Now(); e.log != nil && now.Sub(e.warned) >= time.Second {
		e.warned = now
		e.log.Warn(text, args...)
	}
}
