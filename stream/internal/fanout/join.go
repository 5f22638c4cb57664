package fanout

import (
	"errors"
	"time"

	"rowcast/stream/internal/history"
)

// ErrLeft: the client has left.
var ErrLeft = errors.New("the client has left")

// Join makes a client a member that stands, or nearly stands, at the end of the live
// Log; c and r are the pool's then. last is when it was last sent something. Both
// have to stand at the same frame: the pool is brought forward to the client, then
// the client to the pool with one write that does not wait. Where that is not enough
// the client is not joined, and goes on with c alone.
func (p *Pool) Join(r *Response, c *history.Cursor, last time.Time) (joined bool, err error) {
	rest, joined, err := p.join(r, c, last)
	if len(rest) > 0 && err == nil {
		err = r.Rest(rest)
	}
	return joined, err
}

func (p *Pool) join(r *Response, c *history.Cursor, last time.Time) (rest []byte, joined bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.sock.phase == leaving {
		return nil, false, ErrLeft
	}
	if p.ended {
		return nil, false, nil
	}
	if len(p.members) == 0 {
		p.catalog, p.index = c.Sub.Catalog(), newIndex(c.Sub.Catalog())
		p.at, p.prior, p.end = c.Place, c.Place, history.View{}
	}
	for len(p.members) > 0 && p.at.Seq < c.Seq {
		more, _ := p.step()
		p.note()
		if !more && p.at.Seq < c.Seq {
			return nil, false, nil
		}
	}
	if len(p.members) > 0 && c.Seq < p.at.Seq {
		var ok bool
		if rest, ok, err = p.reach(r, c, &last); !ok || err != nil {
			return rest, false, err
		}
	}
	v, held := p.log.Read(p.at.Seq)
	if held && len(v.Frames) == 0 {
		p.ends(v) // the checkpoint moves without a frame, too, and nobody is woken for that
	}
	if len(p.members) == 0 && p.at.Seq != c.Seq || c.Sub.Catalog() != p.catalog || c.Pos.Compare(p.at.Pos) > 0 {
		return nil, false, nil
	}
	k := r.sock
	p.add(k, c.Sub)
	p.note()
	k.last, k.version = p.clock()-int64(time.Since(last)), 0
	if held && c.Sent.Compare(v.Head) == 0 {
		k.version = v.Version
	}
	select {
	case p.kick <- struct{}{}:
	default:
	}
	return nil, true, nil
}

// reach writes what the client lacks up to the pool's place, and sets last if that is
// anything. Not ok: it goes on alone, with nothing lost once it has rest.
func (p *Pool) reach(r *Response, c *history.Cursor, last *time.Time) (rest []byte, ok bool, err error) {
	before := *c
	buf, _, err := c.Next(make([]byte, 0, 4<<10), stepBytes, p.at.Seq)
	if err != nil || c.Seq != p.at.Seq || c.Big != nil || c.Rows.Pending != 0 {
		*c = before // nothing was sent: its goroutine does it again
		return nil, false, nil
	}
	if len(buf) == 0 {
		return nil, true, nil
	}
	chunk := chunkOf(buf)
	n, full, err := r.sock.write(chunk)
	*last = time.Now()
	p.Sent(n)
	return chunk[n:], !full, err
}
