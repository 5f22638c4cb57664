package history

import (
	"bytes"
	"errors"
	"math"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

// Place is where a reader stands in a Log.
type Place struct {
	Seq    uint64       // the next frame
	Losses uint64       // View.Losses as the reader knows it
	Pos    cdc.Position // everything at or before it is done with
}

// Cursor is what one client has seen and wants next. The zero Cursor with a Sub is
// one of a client that Store.Start has still to place. One goroutine owns it.
type Cursor struct {
	Place
	Sub  *frame.Subscription
	Sent cdc.Position // the id that the client holds; where Pos is before that change, its later events are still to come
	Big  []byte       // a block, or one without its id, that follows what Next has returned; see BigBlock

	// Rows that the client has still to get, before it goes on with changes alone. They
	// begin again with every reset.
	Rows   cdc.Rows
	During frame.During // how far it has come with them, while any are pending
	Why    string       // why they begin: see frame.AppendRows
	Begun  int          // how often they did
	Until  cdc.Position // frames past it have to wait for rows; zero: none have

	log    *Log
	seat   seat         // in the lane whose Log it is; nil: the live one
	active bool         // frames past Pos have begun to come
	lagged bool         // it fell out of history while connected
	reset  cdc.Position // the group of the binlog in which the client was last reset
}

// seat is a cursor's part in a Log that is paced by its readers.
type seat interface {
	// progress says that the reader has taken what the log had when its total was this.
	progress(total int64)
	// blamed tells whether the log is empty because its source refused pos.
	blamed(pos cdc.Position, why frame.Loss) bool
	leave()
}

// At is the cursor of a client that stands at a place of the live Log.
func (s *Store) At(p Place, sub *frame.Subscription, sent cdc.Position) Cursor {
	return Cursor{Place: p, Sub: sub, Sent: sent, log: s.live.log}
}

var (
	// errBehind: the log no longer holds the next frame.
	errBehind = errors.New("fell out of the log")
	// ErrGone: the config no longer has the stream; the buffer has the reset that says so.
	ErrGone = errors.New("the stream is gone from the config")
)

const (
	// ToEnd is the number that no frame has.
	ToEnd = math.MaxUint64
	// BigBlock is the size from which on a block is not copied into a client's
	// buffer: many clients that wait would hold as many copies of one big row.
	BigBlock = 16 << 10
)

// Replaying tells whether the cursor reads a lane rather than the live Log.
func (c *Cursor) Replaying() bool { return c.seat != nil }

// Next appends the wanted frames that follow, until buf has limit bytes, frame
// number until comes next, or the log's end is reached: then the View has no
// frames. What was appended is to be sent even if there is an error, which
// Store.Move deals with.
func (c *Cursor) Next(buf []byte, limit int, until uint64) ([]byte, View, error) {
	for {
		from := c.Seq
		v, ok := c.log.Read(from)
		if !ok {
			var err error
			if buf, err = c.find(v, buf); err != nil {
				return buf, v, err
			}
			continue
		}
		c.Losses = v.Losses
		if len(v.Frames) == 0 {
			if v.Reach.Compare(c.Pos) >= 0 {
				c.Pos, c.active = v.Reach, true
			}
			c.Took(v) // a cursor that joined at the end gets no frame by which a lane would know
			return buf, v, nil
		}
		for rest := v.Frames; len(rest) > 0; {
			run := frame.Run(rest)
			rest = rest[len(run):]
			if !c.Until.IsZero() && run[0].Pos.Compare(c.Until) > 0 {
				c.Pos = c.Until
				return buf, c.part(v, from), nil
			}
			var err error
			begun := c.Begun
			if buf, err = c.take(buf, run, limit); err != nil {
				return buf, v, err
			}
			if len(buf) >= limit || c.Seq == until || c.Big != nil || c.Begun != begun {
				return buf, c.part(v, from), nil
			}
		}
		c.Took(v)
	}
}

// part is the View of a cursor that has taken its frames, which begin with number from, up
// to where it stands: a lane must not drop the others.
func (c *Cursor) part(v View, from uint64) View {
	if c.Replaying() {
		for _, f := range v.Frames[c.Seq-from:] {
			v.total -= f.Size()
		}
	}
	return v
}

// find looks for the cursor's place where its number is no longer held.
func (c *Cursor) find(v View, buf []byte) ([]byte, error) {
	if v.Losses != c.Losses {
		seq, ok := c.log.LossNotice()
		if !ok { // what is here is of another history, and Pos must not be looked for in it
			return buf, errBehind
		}
		c.Losses, c.Seq = v.Losses, seq
		return buf, nil
	}
	// In a lane that begins with the start of a huge group, what has left the log
	// may all lie before Pos: then nothing is lost, and to begin again would end in
	// the same way.
	seq, ok := c.log.oldest(c.Place)
	if !ok {
		return buf, errBehind
	}
	c.Seq = seq
	return buf, nil
}

// take deals with the frames of one place. Where buf is full before all events of a
// change are in it, the cursor stays at the change.
func (c *Cursor) take(buf []byte, run []*frame.Frame, limit int) ([]byte, error) {
	first := run[0]
	if first.Notice() {
		c.Seq++
		return c.notice(buf, first)
	}
	switch {
	case first.Pos.Compare(c.Pos) <= 0:
	case len(run) == 1 && c.Rows.Pending == 0 && !c.Pos.IsBeforeChange(): // as a rule
		if wanted, err := c.Sub.Wants(first); wanted || err != nil {
			buf = c.event(buf, frame.Choice{Frame: first, Err: err}, 0)
		}
		c.Pos, c.active = first.Pos, true
	default:
		var all bool
		if buf, all = c.events(buf, run, limit); !all {
			return buf, nil
		}
		c.Pos = first.Pos
	}
	c.Seq += uint64(len(run))
	return buf, nil
}

// events appends what the client has still to get of a change; all: that fits into buf.
func (c *Cursor) events(buf []byte, run []*frame.Frame, limit int) (_ []byte, all bool) {
	c.active = true
	var room [4]frame.Choice
	choices := c.choose(room[:0], run)
	if c.Sent.Compare(run[0].Pos) < 0 {
		for _, f := range run { // of several streams that are reset, one reset is sent
			if f.Kind == frame.Reset {
				c.again(f.Stream)
			}
		}
	}
	for n, choice := range choices {
		at := run[0].Pos.Nth(n)
		if choice.Skip || c.Sent.Compare(at) >= 0 {
			continue
		}
		if len(buf) >= limit || c.Big != nil {
			c.Pos = run[0].Pos.BeforeChange()
			return buf, false
		}
		buf = c.event(buf, choice, n)
	}
	return buf, true
}

// event appends the n-th event that the client gets of a change.
func (c *Cursor) event(buf []byte, choice frame.Choice, n int) []byte {
	f := choice.Frame
	if choice.Err != nil || f.Kind == frame.Reset && c.Rows.Pending == 0 {
		c.again(f.Stream)
	}
	if choice.Err != nil || f.InGroup() { // one reset for each transaction is enough
		group := f.Pos.Group()
		if c.reset == group {
			return buf
		}
		c.reset = group
	}
	if choice.Err != nil {
		f = c.Sub.Catalog().Unjudged(f, choice.Err)
	}
	c.Sent = f.Pos.Nth(n)
	if c.Rows.Pending != 0 {
		whole, rest := f.AppendNth(nil, n)
		return frame.AppendDuring(buf, append(whole, rest...), &c.Rows)
	}
	buf, rest := f.AppendNth(buf, n)
	if len(rest) > BigBlock {
		c.Big = rest
		return buf
	}
	return append(buf, rest...)
}

func (c *Cursor) choose(to []frame.Choice, run []*frame.Frame) []frame.Choice {
	if c.Rows.Pending == 0 {
		return c.Sub.Choose(to, run, nil)
	}
	c.During.Rows = &c.Rows
	return c.Sub.Choose(to, run, &c.During)
}

// AgainHere has the rows that are under way begin again.
func (c *Cursor) AgainHere(why string) {
	c.Rows.Key, c.During, c.Why = nil, frame.During{}, why
	c.Begun++
}

// again has the rows of one stream begin again, if it has any, after a reset of it.
func (c *Cursor) again(stream int) {
	for i, p := range c.Sub.Rows() {
		if p.Part.Stream != stream || c.Rows.Pending>>i&1 != 0 && (i != c.Rows.Next() || c.After() == nil) {
			continue // they have not begun
		}
		c.Rows.Pending |= 1 << i
		if c.Rows.Next() == i { // else another stream's are under way, and go on
			c.Rows.Key, c.During = nil, frame.During{}
		}
		c.Why, c.Until = "reset", cdc.Position{}
		c.Begun++
	}
}

// Placed tells whether the cursor stands somewhere: changes past Pos are the client's.
func (c *Cursor) Placed() bool { return c.log != nil }

// After is the key of the last row that the client has of the stream whose rows are
// under way; nil: it has none.
func (c *Cursor) After() []byte {
	if c.During.Key != nil {
		return c.During.Key
	}
	return c.Rows.Key
}

// Rebind puts a client that has rows to come under another config; moved: it was
// another. The error is ErrGone, and buf has the reset that says so.
func (c *Cursor) Rebind(to *frame.Catalog, buf []byte) (moved bool, _ []byte, err error) {
	moved = to != c.Sub.Catalog()
	buf, err = c.bind(buf, to)
	return moved, buf, err
}

// Again has the rows of every stream begin again; why as in frame.AppendRows.
func (c *Cursor) Again(why string) {
	if len(c.Sub.Rows()) > 0 {
		c.Rows, c.During, c.Why, c.Until = c.Sub.AllRows(), frame.During{}, why, cdc.Position{}
		c.Begun++
	}
}

// appendReset tells the client of a loss that lies before pos, whence it goes on.
func (c *Cursor) appendReset(buf []byte, pos cdc.Position, why frame.Loss, lastID string) []byte {
	c.Again("reset")
	at := len(buf)
	buf = frame.AppendReset(buf, pos, why, lastID)
	if c.Rows.Pending != 0 {
		buf = frame.AppendDuring(buf[:at], bytes.Clone(buf[at:]), &c.Rows)
	}
	c.Sent = pos
	return buf
}

// notice deals with a new config, or with a loss that concerns everybody.
func (c *Cursor) notice(buf []byte, f *frame.Frame) ([]byte, error) {
	if why := f.Loss; why != nil {
		buf = c.appendReset(buf, f.Pos, *why, ID(c.Sent))
		c.Pos, c.active = f.Pos, true
	}
	return c.bind(buf, f.Catalog)
}

// attach moves the cursor to a place in a log.
func (c *Cursor) attach(l *Log, to seat, p place, pos cdc.Position, buf []byte) ([]byte, error) {
	if c.seat != to {
		c.Detach()
	}
	c.log, c.seat, c.Place = l, to, Place{p.seq, p.losses, pos}
	c.active = p.where == here
	return c.bind(buf, p.catalog)
}

// within is the config that what follows pos in its group has to come under: the client
// has a part of the group already. nil: it has not, or was not connected then.
func (c *Cursor) within(pos cdc.Position) *frame.Catalog {
	if c.log == nil || pos.IsCheckpoint() {
		return nil
	}
	return c.Sub.Catalog()
}

// Detach gives up the cursor's part in a lane. It must be called before the cursor
// is dropped.
func (c *Cursor) Detach() {
	if c.seat != nil {
		c.seat.leave()
		c.seat = nil
	}
}

// bind puts the subscription under another config.
func (c *Cursor) bind(buf []byte, to *frame.Catalog) ([]byte, error) {
	sub, err := c.Sub.Rebind(to)
	if err != nil {
		at := len(buf)
		buf = AppendGone(buf, Past(c.Pos, c.Sub), c.Sent, err)
		if c.Rows.Pending != 0 { // if the stream comes back, so do the rows
			buf = frame.AppendDuring(buf[:at], bytes.Clone(buf[at:]), &c.Rows)
		}
		return buf, ErrGone
	}
	was := c.Sub
	c.Sub = sub
	if was != sub && (c.Rows.Pending != 0 || !was.SameRows(sub)) {
		c.Rows = cdc.Rows{}
		c.Again("config")
	}
	return buf, nil
}

// AppendGone tells a client that its stream is no longer configured. The id is
// where it stood: if the stream comes back, so can the client.
func AppendGone(buf []byte, pos, sent cdc.Position, err error) []byte {
	if sent.Compare(pos) > 0 || pos.IsZero() {
		pos = sent
	}
	return frame.AppendReset(buf, pos, frame.Schema("the configuration changed: "+err.Error()), ID(sent))
}

// Past is the id of a client that has taken, or was not to get, everything up to pos.
// With several streams of a table the change's own id would stand for its first event.
func Past(pos cdc.Position, sub *frame.Subscription) cdc.Position {
	if sub.Overlaps() && pos.IsChange() && pos == pos.Change() {
		return pos.Nth(cdc.MaxEvents - 1)
	}
	return pos
}

// Took reports that the client has what Next returned with v: a lane is paced by
// its readers.
func (c *Cursor) Took(v View) {
	if c.seat != nil && c.active {
		c.seat.progress(v.total)
	}
}

// Checkpoint is the id with which an idle client may come back, where it moved. It
// asks the log itself: a head may move without a frame, and a client that has not
// taken everything before it must not get it.
func (c *Cursor) Checkpoint() (cdc.Position, bool) {
	if c.log == nil || c.Rows.Pending != 0 { // an id without rows to come would say that it has them
		return cdc.Position{}, false
	}
	v, ok := c.log.Read(c.Seq)
	ok = ok && len(v.Frames) == 0 && !v.Head.IsZero() && v.Head.Compare(c.Pos) >= 0 && v.Head.Compare(c.Sent) > 0
	return v.Head, ok
}

// ID is the text of a position; "" of none.
func ID(p cdc.Position) string {
	if p.IsZero() {
		return ""
	}
	return p.String()
}
