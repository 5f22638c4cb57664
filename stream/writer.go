package stream

import (
	"slices"
	"sync"
	"time"

	"rowcast/cdc"
	"rowcast/stream/frame"
	"rowcast/stream/internal/history"
)

// stepBytes is about how much a writer takes from the log for one round of
// writes: under load many events become one write per client.
const stepBytes = 64 << 10

// writer serves a share of the clients whose sockets were taken over. All of them
// stand at the same place of the live log. Whoever holds mu may do its work. While
// there is little of it the log wakes the first writer alone, see lead.
type writer struct {
	all  *writers
	log  *history.Log
	base time.Time     // see clock
	kick chan struct{} // room for one: look at the log

	mu      sync.Mutex
	members []*socket // of all groups, in no order
	catalog *frame.Catalog
	index   *index
	seq     uint64 // the next frame for every member; in a flush, for who leaves as well
	losses  uint64
	sends   int          // in this round, or the last
	pos     cdc.Position // everything at or before it was written, or handed to a goroutine
	end     history.View // of the log's end, while members have all before it
	dirty   []*group
	buf     []byte         // what chunk lies in
	chunk   []byte         // the bytes of one round for one group
	built   []*frame.Frame // what chunk was made of
	lent    bool           // somebody who could not take all of chunk still has it
}

// clock is the time as sockets keep it, in 8 bytes.
func (w *writer) clock() int64 { return int64(time.Since(w.base)) }

// step writes the next frames to everybody; more is false at the log's end.
func (w *writer) step() (more bool, wake <-chan struct{}) {
	if len(w.members) == 0 {
		return false, w.log.Wait()
	}
	bytes, alone := 0, false // a big change goes alone: groups share its copy, whatever else they get
	for bytes < stepBytes {
		v, ok := w.log.Read(w.seq)
		if !ok {
			w.flush()
			w.fellOut(v)
			return true, nil
		}
		w.losses = v.Losses
		if len(v.Frames) == 0 {
			w.flush()
			w.ended(v)
			return false, v.Wake
		}
		w.end = history.View{}
		for _, f := range v.Frames {
			if f.Notice() {
				w.flush() // who leaves here has f still to come
				w.seq++
				w.turn(f)
				continue
			}
			big := len(f.Block) > bigBlock
			if f.Pos.Compare(w.pos) != 0 { // else a part of the same change: who leaves has done with pos
				if big || alone {
					w.flush()
				}
				alone = false
			}
			alone = alone || big
			w.seq++
			w.pos = f.Pos
			w.dirty = w.index.route(f, w.dirty)
			bytes += len(f.Block)
		}
		if bytes >= stepBytes {
			w.flush()
		}
	}
	return true, nil
}

// flush writes each group's frames to its members.
func (w *writer) flush() {
	if len(w.dirty) == 0 {
		return
	}
	sends := 0
	for _, g := range w.dirty {
		sends += len(g.socks)
	}
	w.count(sends)
	now, sent := w.clock(), 0
	for i, g := range w.dirty {
		sent += w.writeGroup(g, now)
		clear(g.pending) // a quiet group must not keep what its last frames are pieces of
		clear(g.frame[:])
		if g.pending = g.pending[:0]; cap(g.pending) > 256 {
			g.pending = g.frame[:0]
		}
		if len(g.socks) == 0 {
			w.index.remove(g)
		}
		w.dirty[i] = nil
	}
	w.dirty = w.dirty[:0]
	if cap(w.buf) > 16*stepBytes { // one big frame
		w.buf, w.chunk, w.built, w.lent = nil, nil, nil, false
	}
	w.all.server.metrics.bytes.Add(float64(sent))
}

// writeGroup builds the chunk once and writes it to every member, each with one
// call that does not wait.
func (w *writer) writeGroup(g *group, now int64) (sent int) {
	if !slices.Equal(w.built, g.pending) { // groups with parameters often get the same frames
		if w.lent {
			w.buf, w.lent = nil, false
		}
		w.buf = slices.Grow(w.buf[:0], room)[:room]
		for _, f := range g.pending {
			w.buf = append(w.buf, f.Block...)
		}
		w.built = append(w.built[:0], g.pending...)
		w.buf = append(w.buf, "\r\n"...)
		w.chunk = chunked(w.buf[:len(w.buf)-2])
	}
	last := g.pending[len(g.pending)-1].Pos
	for i := len(g.socks) - 1; i >= 0; i-- { // backwards: members may leave on the way
		k := g.socks[i]
		k.last, k.version = now, 0
		sent += w.write(k, w.chunk, last)
	}
	return sent
}

// write gives a member bytes without waiting. One that can't take all of them
// leaves for a goroutine, with b: a copy for each would be a big row's size times
// the clients. One whose connection is broken is let go.
func (w *writer) write(k *socket, b []byte, sent cdc.Position) int {
	n, full, err := k.write(b)
	switch {
	case err != nil:
		w.remove(k)
		w.all.close(k)
	case full:
		w.lent = true
		w.expel(k, b[n:], sent)
	}
	return n
}

// add makes a client a member.
func (w *writer) add(k *socket, sub *frame.Subscription) {
	k.place = int32(len(w.members))
	w.members = append(w.members, k)
	w.index.group(sub).add(k)
}

// remove takes a member out; its group stays in the index if it is being written.
func (w *writer) remove(k *socket) {
	w.forget(k)
	g := k.group
	g.remove(k)
	if len(g.socks) == 0 && len(g.pending) == 0 {
		w.index.remove(g)
	}
}

// forget strikes a member off the list.
func (w *writer) forget(k *socket) {
	var moved *socket
	w.members, moved = cut(w.members, k.place)
	moved.place = k.place
}

// expel hands a member to a goroutine, which writes rest first.
func (w *writer) expel(k *socket, rest []byte, sent cdc.Position) {
	sub := k.group.sub
	w.remove(k)
	s := w.all.subscriber(k)
	s.Cursor = w.all.server.history.At(history.Place{Seq: w.seq, Losses: w.losses, Pos: w.pos}, sub, sent)
	w.all.wg.Go(func() { s.catchUp(rest) })
}

// turn deals with a control frame.
func (w *writer) turn(f *frame.Frame) {
	w.count(len(w.members))
	if why := f.Loss; why != nil {
		block := frame.AppendReset(make([]byte, room, 512), f.Pos, *why, history.ID(w.pos))
		w.pos = f.Pos
		chunk, now := chunked(block), w.clock()
		w.each(func(k *socket) {
			k.last, k.version = now, 0
			w.write(k, chunk, f.Pos)
		})
	}
	if f.Catalog != w.catalog {
		w.rebind(f.Catalog)
	}
}

// rebind moves every group under another config. Members whose stream is gone
// are told and their responses ended.
func (w *writer) rebind(c *frame.Catalog) {
	old := w.index
	w.catalog, w.index = c, newIndex(c)
	for _, g := range old.byID {
		sub, err := g.sub.Rebind(c)
		if err == nil {
			to := w.index.group(sub)
			for _, k := range g.socks {
				to.add(k)
			}
			continue
		}
		for _, k := range g.socks {
			w.forget(k)
			k.group = nil
			s := w.all.subscriber(k)
			gone := history.AppendGone(make([]byte, room, 512), w.pos, w.pos, err)
			w.all.wg.Go(func() {
				_ = s.finish(gone, history.ErrGone)
				w.all.release(s.sock)
			})
		}
	}
}

// fellOut: the log no longer holds what comes next. After a loss the notice of it
// does; otherwise every member has to catch up on its own.
func (w *writer) fellOut(v history.View) {
	if seq, ok := w.log.LossNotice(); ok && v.Losses != w.losses {
		w.losses, w.seq = v.Losses, seq
		return
	}
	w.count(len(w.members))
	w.each(func(k *socket) { w.expel(k, nil, w.pos) })
}

// ended notes what the log says at its end, once members have all before it.
func (w *writer) ended(v history.View) {
	w.end = v
	if v.Reach.Compare(w.pos) > 0 {
		w.pos = v.Reach
	}
}

// each calls f for every member; f may remove it.
func (w *writer) each(f func(*socket)) {
	for i := len(w.members) - 1; i >= 0; i-- { // backwards: what takes a leaver's place has had its turn
		f(w.members[i])
	}
}

// beat sends heartbeats to members that have heard nothing for most of the
// interval; under the lock. Their share of it differs by client, which spreads
// the work.
func (w *writer) beat() {
	if len(w.members) == 0 {
		return
	}
	switch v, ok := w.log.Read(w.seq); {
	case !ok || v.Head.IsZero():
		w.end = history.View{} // exactness is lost
	case len(v.Frames) == 0:
		w.ended(v)
	}
	s := w.all.server
	v, every := w.end, s.config.Heartbeat // events may wait to be written, but not to these members
	comment := make([]byte, room, 128)
	if s.config.Ping == "" {
		comment = append(comment, ":\n"...)
	}
	comment = chunked(s.appendPing(comment))
	moved := comment
	if !v.Head.IsZero() && v.Head.Compare(w.pos) >= 0 {
		moved = chunked(s.appendPing(frame.AppendCheckpoint(make([]byte, room, 256), v.Head)))
	}
	now, sent := w.clock(), 0
	w.each(func(k *socket) {
		if now-k.last < int64(every-every/16-every/4/32*time.Duration(k.id%32)) {
			return
		}
		b := comment
		if k.version != v.Version {
			b = moved
			k.version = v.Version
		}
		k.last = now
		sent += w.write(k, b, w.pos)
	})
	s.metrics.bytes.Add(float64(sent))
}
