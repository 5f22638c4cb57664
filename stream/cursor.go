package stream

import (
	"errors"
	"math"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

// cursor is what one client has seen and wants next.
type cursor struct {
	log    *Log
	lane   *lane   // whose Log it is; nil: the live one
	reader *reader // the lane's note of it
	sub    *frame.Subscription
	seq    uint64       // the next frame
	losses uint64       // Log.losses as the cursor knows it
	pos    cdc.Position // everything at or before it is done with
	sent   cdc.Position // the id that the client holds
	active bool         // frames behind pos have begun to come
	lagged bool         // it fell out of history while connected
	big    []byte       // a block that follows what next has returned, see bigBlock
	reset  cdc.Position // the group of the binlog that last had a frame that could not be judged
}

var (
	// errBehind: the log no longer holds the next frame.
	errBehind = errors.New("fell out of the log")
	// errGone: the config no longer has the stream; the client has been told.
	errGone = errors.New("the stream is gone from the config")
)

// toEnd is the number that no frame has.
const toEnd = math.MaxUint64

// next appends the wanted frames that follow, until buf has limit bytes, frame
// number until comes next, or the log's end is reached: then the view has no
// frames. The error is errBehind or
// errGone; what was appended before is to be sent in either case.
func (c *cursor) next(buf []byte, limit int, until uint64) ([]byte, view, error) {
	for {
		v, ok := c.log.read(c.seq)
		if !ok && v.losses != c.losses {
			seq, ok := c.log.lossNotice()
			if !ok { // what is here is of another history, and pos must not be looked for in it
				return buf, v, errBehind
			}
			c.losses, c.seq = v.losses, seq
			continue
		}
		if !ok {
			// In a lane that begins with the start of a huge group, what has left the
			// log may all lie before pos: then nothing is lost, and to begin anew
			// would end in the same way.
			p := c.log.find(c.pos)
			if p.losses != c.losses || p.where != here && p.where != above {
				return buf, v, errBehind
			}
			var err error
			if buf, err = c.attach(c.log, c.lane, p, c.pos, buf); err != nil {
				return buf, v, err
			}
			continue
		}
		c.losses = v.losses
		if len(v.frames) == 0 {
			if v.reach.Compare(c.pos) >= 0 {
				c.pos, c.active = v.reach, true
			}
			c.tell(v) // who joined at the end gets no frame by which a lane would know
			return buf, v, nil
		}
		var passed cdc.Position // of a frame for others: what follows at the same place may be for this client
		for _, f := range v.frames {
			c.seq++
			var err error
			n := len(buf)
			fresh := f.Pos.Compare(c.pos) > 0 || !passed.IsZero() && f.Pos.Compare(passed) == 0
			if buf, err = c.take(buf, f, fresh); err != nil {
				return buf, v, err
			}
			if passed = (cdc.Position{}); fresh && len(buf) == n && c.big == nil {
				passed = f.Pos
			}
			if len(buf) >= limit || c.seq == until || c.big != nil {
				return buf, v, nil
			}
		}
		c.tell(v)
	}
}

// take deals with one frame. One change may have several, each for other bind
// values: the first of them must not make the others look old, so that the caller
// says whether the frame is fresh.
func (c *cursor) take(buf []byte, f *frame.Frame, fresh bool) ([]byte, error) {
	if f.Notice() {
		return c.turn(buf, f)
	}
	if !fresh {
		return buf, nil
	}
	c.pos, c.active = f.Pos, true
	switch wanted, err := c.sub.Wants(f); {
	case err != nil:
		group := f.Pos.Group()
		if c.reset == group {
			return buf, nil
		}
		c.reset = group
		f = c.sub.Catalog().Unjudged(f, err)
	case !wanted:
		return buf, nil
	}
	c.sent = f.Pos
	if len(f.Block) > bigBlock {
		c.big = f.Block
		return buf, nil
	}
	return append(buf, f.Block...), nil
}

// turn deals with a new config, or with a loss that concerns everybody.
func (c *cursor) turn(buf []byte, f *frame.Frame) ([]byte, error) {
	if why := f.Loss; why != nil {
		buf = frame.AppendReset(buf, f.Pos, *why, idText(c.sent))
		c.pos, c.sent, c.active = f.Pos, f.Pos, true
	}
	return c.bind(buf, f.Catalog)
}

// bind puts the subscription under another config.
func (c *cursor) bind(buf []byte, to *frame.Catalog) ([]byte, error) {
	sub, err := c.sub.Rebind(to)
	if err != nil {
		return appendGone(buf, c.pos, c.sent, err), errGone
	}
	c.sub = sub
	return buf, nil
}

// appendGone tells a client that its stream is no longer configured. The id is
// where it stood: if the stream comes back, so can the client.
func appendGone(buf []byte, pos, sent cdc.Position, err error) []byte {
	if sent.Compare(pos) > 0 || pos.IsZero() {
		pos = sent
	}
	return frame.AppendReset(buf, pos, frame.Schema("the configuration changed: "+err.Error()), idText(sent))
}

// tell reports progress to whoever paces the log.
func (c *cursor) tell(v view) {
	if c.lane != nil && c.active {
		c.lane.progress(c, v.total)
	}
}

// checkpoint is the id with which an idle client may come back, where it moved. It
// asks the log itself: a head may move without a frame, and is for nobody who has
// not taken everything before it.
func (c *cursor) checkpoint() (cdc.Position, bool) {
	v, ok := c.log.read(c.seq)
	ok = ok && len(v.frames) == 0 && !v.head.IsZero() && v.head.Compare(c.pos) >= 0 && v.head.Compare(c.sent) > 0
	return v.head, ok
}

func idText(p cdc.Position) string {
	if p.IsZero() {
		return ""
	}
	return p.String()
}
