package fanout

import (
	"slices"
	"time"

	"rowcast/stream/frame"
	"rowcast/stream/internal/history"
)

// stepBytes is about how much is taken from the log for one round of writes: under
// load many events become one write per client.
const stepBytes = 64 << 10

// step writes the next frames to everybody; more is false at the log's end.
func (p *Pool) step() (more bool, wake <-chan struct{}) {
	if len(p.members) == 0 {
		return false, p.log.Wait()
	}
	bytes, alone := 0, false // a big change goes alone: groups share its copy, whatever else they get
	for bytes < stepBytes {
		v, ok := p.log.Read(p.at.Seq)
		if !ok {
			p.flush()
			p.fellOut(v)
			return true, nil
		}
		p.at.Losses = v.Losses
		if len(v.Frames) == 0 {
			p.flush()
			p.ends(v)
			return false, v.Wake
		}
		p.end = history.View{}
		for _, f := range v.Frames {
			if f.Notice() {
				p.flush() // members that leave here have f still to come
				if f.Loss != nil || f.Catalog != p.catalog {
					p.restartRows(f)
				}
				p.at.Seq++
				p.notice(f)
				continue
			}
			big := len(f.Block) > history.BigBlock
			if f.Pos.Compare(p.at.Pos) != 0 { // else a part of the same change: members that leave have done with the position
				if big || alone {
					p.flush()
				}
				alone = false
				p.prior = p.at
			}
			alone = alone || big
			p.at.Seq++
			p.at.Pos = f.Pos
			p.dirty = p.index.route(f, p.dirty)
			p.restart()
			bytes += len(f.Block)
		}
		if bytes >= stepBytes {
			p.flush()
		}
	}
	return true, nil
}

// restart hands the members of groups whose rows have to begin again to goroutines,
// with all frames of that place still to come.
func (p *Pool) restart() {
	if len(p.index.restart) == 0 {
		return
	}
	after := p.at
	p.at = p.prior
	for _, g := range p.index.restart {
		n := len(g.pending) // without what is noted of that place
		for n > 0 && g.pending[n-1].Pos.Compare(after.Pos) == 0 {
			n--
		}
		if n == 0 {
			p.dirty = slices.DeleteFunc(p.dirty, func(o *group) bool { return o == g })
		}
		clear(g.pending[n:])
		g.pending = g.pending[:n]
		p.sendOff(g)
	}
	p.at = after
	clear(p.index.restart)
	p.index.restart = p.index.restart[:0]
}

// sendOff hands all members of a group to goroutines, with what is noted for it as their
// rest.
func (p *Pool) sendOff(g *group) {
	sent := p.at.Pos
	var rest []byte
	if g.sub.Overlaps() {
		g.number(numbered{})
	}
	if n := len(g.pending); n > 0 {
		sent = g.pending[n-1].Pos
		for _, f := range g.pending {
			rest = append(rest, f.Block...)
		}
		rest = chunkOf(rest)
		p.dirty = slices.DeleteFunc(p.dirty, func(o *group) bool { return o == g })
		g.settle()
	}
	for i := len(g.socks) - 1; i >= 0; i-- {
		p.expel(g.socks[i], rest, sent)
	}
}

// restartRows does so for all groups with rows that a notice makes begin again.
func (p *Pool) restartRows(f *frame.Frame) {
	for _, g := range p.index.byID {
		if len(g.sub.Rows()) == 0 {
			continue
		}
		if f.Loss == nil {
			if sub, err := g.sub.Rebind(f.Catalog); err != nil || g.sub.SameRows(sub) {
				continue
			}
		}
		p.sendOff(g)
	}
}

// fellOut: the log no longer holds what comes next. After a loss the notice of it
// does; otherwise every member has to catch up on its own.
func (p *Pool) fellOut(v history.View) {
	if seq, ok := p.log.LossNotice(); ok && v.Losses != p.at.Losses {
		p.at.Losses, p.at.Seq = v.Losses, seq
		return
	}
	p.each(func(k *socket) { p.expel(k, nil, p.at.Pos) })
}

// ends notes what the log says at its end, once members have all before it.
func (p *Pool) ends(v history.View) {
	p.end = v
	if v.Reach.Compare(p.at.Pos) > 0 {
		p.at.Pos = v.Reach
	}
}

// notice deals with a loss that concerns everybody, or a new config.
func (p *Pool) notice(f *frame.Frame) {
	if why := f.Loss; why != nil {
		chunk := chunkOf(frame.AppendReset(nil, f.Pos, *why, history.ID(p.at.Pos)))
		p.at.Pos = f.Pos
		now, sent := p.clock(), 0
		p.each(func(k *socket) {
			k.last, k.version = now, 0
			sent += p.write(k, chunk)
		})
		p.Sent(sent)
	}
	if f.Catalog != p.catalog {
		p.rebind(f.Catalog)
	}
}

// rebind moves every group under another config. The responses of members whose
// stream is gone end.
func (p *Pool) rebind(c *frame.Catalog) {
	old := p.index
	p.catalog, p.index = c, newIndex(c)
	for _, g := range old.byID {
		sub, err := g.sub.Rebind(c)
		if err == nil {
			to := p.index.group(sub)
			for _, k := range g.socks {
				to.add(k)
			}
			continue
		}
		for _, k := range g.socks {
			p.strike(k)
			k.group = nil
			at := history.Past(p.at.Pos, g.sub)
			p.dismiss(k, history.AppendGone(nil, at, at, err))
		}
	}
}

// beat sends heartbeats to members that have heard nothing for most of the
// interval. Their share of it differs by client, which spreads the work.
func (p *Pool) beat() {
	if len(p.members) == 0 {
		return
	}
	switch v, ok := p.log.Read(p.at.Seq); {
	case !ok || v.Head.IsZero():
		p.end = history.View{} // exactness is lost
	case len(v.Frames) == 0:
		p.ends(v)
	}
	v := p.end // events may wait to be written, but not to these members
	comment := p.Ping(nil)
	if len(comment) == 0 {
		comment = []byte(":\n")
	}
	comment = chunkOf(comment)
	moved := comment
	if !v.Head.IsZero() && v.Head.Compare(p.at.Pos) >= 0 {
		moved = chunkOf(p.Ping(frame.AppendCheckpoint(nil, v.Head)))
	}
	now, sent := p.clock(), 0
	p.each(func(k *socket) {
		if now-k.last < int64(p.Heartbeat-p.Heartbeat/16-p.Heartbeat/4/32*time.Duration(k.id%32)) {
			return
		}
		b := comment
		if k.version != v.Version {
			b = moved
			k.version = v.Version
		}
		k.last = now
		sent += p.write(k, b)
	})
	p.Sent(sent)
}

// write gives a member bytes that are not frames, without waiting.
func (p *Pool) write(k *socket, b []byte) (sent int) {
	n, full, err := k.write(b)
	p.part(failure{k, b[n:], p.at.Pos, full, err})
	return n
}
