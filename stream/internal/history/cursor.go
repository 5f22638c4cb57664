package history

import (
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
	Sent cdc.Position // the id that the client holds
	Big  []byte       // a block that follows what Next has returned, see BigBlock

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
		v, ok := c.log.Read(c.Seq)
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
		var passed cdc.Position // of a frame for others: what follows at the same place may be for this client
		for _, f := range v.Frames {
			c.Seq++
			var err error
			n := len(buf)
			fresh := f.Pos.Compare(c.Pos) > 0 || !passed.IsZero() && f.Pos.Compare(passed) == 0
			if buf, err = c.take(buf, f, fresh); err != nil {
				return buf, v, err
			}
			if passed = (cdc.Position{}); fresh && len(buf) == n && c.Big == nil {
				passed = f.Pos
			}
			if len(buf) >= limit || c.Seq == until || c.Big != nil {
				return buf, v, nil
			}
		}
		c.Took(v)
	}
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
	p := c.log.find(c.Pos)
	if p.losses != c.Losses || p.where != here && p.where != above {
		return buf, errBehind
	}
	return c.attach(c.log, c.seat, p, c.Pos, buf)
}

// take deals with one frame. One change may have several, each for other bind
// values: the first of them must not make the others look old, so that the caller
// says whether the frame is fresh.
func (c *Cursor) take(buf []byte, f *frame.Frame, fresh bool) ([]byte, error) {
	if f.Notice() {
		return c.notice(buf, f)
	}
	if !fresh {
		return buf, nil
	}
	c.Pos, c.active = f.Pos, true
	wanted, err := c.Sub.Wants(f)
	if !wanted && err == nil {
		return buf, nil
	}
	if err != nil || f.InGroup() { // one reset for each transaction is enough
		group := f.Pos.Group()
		if c.reset == group {
			return buf, nil
		}
		c.reset = group
	}
	if err != nil {
		f = c.Sub.Catalog().Unjudged(f, err)
	}
	c.Sent = f.Pos
	if len(f.Block) > BigBlock {
		c.Big = f.Block
		return buf, nil
	}
	return append(buf, f.Block...), nil
}

// notice deals with a new config, or with a loss that concerns everybody.
func (c *Cursor) notice(buf []byte, f *frame.Frame) ([]byte, error) {
	if why := f.Loss; why != nil {
		buf = frame.AppendReset(buf, f.Pos, *why, ID(c.Sent))
		c.Pos, c.Sent, c.active = f.Pos, f.Pos, true
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
		return AppendGone(buf, c.Pos, c.Sent, err), ErrGone
	}
	c.Sub = sub
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
	if c.log == nil {
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
