package fanout

import (
	"slices"
	"sync"
	"sync/atomic"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

const (
	// fewSends is how many writes a round does with one sender. For so little, more
	// cores cost more than they bring: each has to be woken, and takes the readers' turn.
	fewSends = 1000
	// shareSends is about how many writes a sender takes at a time: little enough that
	// all end at about the same time.
	shareSends = 128
)

// sender writes frames to sockets: one of those that share a round.
type sender struct {
	chunk  []byte         // the bytes of one group
	built  []*frame.Frame // what chunk was made of
	lent   bool           // somebody who could not take all of chunk still has it
	sent   int
	failed []failure
	_      [64]byte // senders work side by side: none waits for another's cache line
}

// failure is a member that could not take what it was given.
type failure struct {
	sock *socket
	rest []byte
	sent cdc.Position // the id that it holds with rest
	full bool         // else, with err, the connection is broken
	err  error
}

// share is a part of a round: groups as a whole, or some sockets of one that is large.
type share struct {
	groups []*group
	socks  []*socket // nil: all of the groups'
}

// flush writes the frames that were noted with the dirty groups to their members.
func (p *Pool) flush() {
	if p.dirty = p.index.number(p.dirty); len(p.dirty) == 0 {
		return
	}
	total := 0
	for _, g := range p.dirty {
		total += len(g.socks)
	}
	now := p.clock()
	if total <= p.few || len(p.senders) == 1 {
		p.senders[0].write(share{groups: p.dirty}, now)
	} else {
		p.sendTogether(shares(p.dirty), now)
	}
	p.settle()
}

// sendTogether has all senders work on the shares.
func (p *Pool) sendTogether(list []share, now int64) {
	var next atomic.Int64
	work := func(s *sender) {
		for i := next.Add(1); i <= int64(len(list)); i = next.Add(1) {
			s.write(list[i-1], now)
		}
	}
	var wg sync.WaitGroup
	for i := range p.senders[1:] {
		wg.Go(func() { work(&p.senders[i+1]) })
	}
	work(&p.senders[0])
	wg.Wait()
	for i := range list {
		if list[i].socks != nil {
			list[i].groups[0].settle()
		}
	}
}

// shares cuts the work of a round.
func shares(groups []*group) (list []share) {
	begin, n := 0, 0
	for i, g := range groups {
		if len(g.socks) < 2*shareSends {
			if n += len(g.socks); n >= shareSends {
				list = append(list, share{groups: groups[begin : i+1]})
				begin, n = i+1, 0
			}
			continue
		}
		if begin < i {
			list = append(list, share{groups: groups[begin:i]})
		}
		begin, n = i+1, 0
		for part := range slices.Chunk(g.socks, shareSends) {
			list = append(list, share{groups[i : i+1], part})
		}
	}
	if begin < len(groups) {
		list = append(list, share{groups: groups[begin:]})
	}
	return list
}

// write does a share's work.
func (s *sender) write(part share, now int64) {
	if part.socks != nil {
		s.group(part.groups[0], part.socks, now)
		return
	}
	for _, g := range part.groups {
		s.group(g, g.socks, now)
		g.settle()
	}
}

// group gives sockets of a group its frames, each by one write that does not wait.
func (s *sender) group(g *group, socks []*socket, now int64) {
	s.build(g.pending)
	last := g.pending[len(g.pending)-1].Pos
	for _, k := range socks {
		k.last, k.version = now, 0
		n, full, err := k.write(s.chunk)
		s.sent += n
		if full || err != nil {
			s.failed = append(s.failed, failure{k, s.chunk[n:], last, full, err})
			s.lent = s.lent || full
		}
	}
}

// build makes the chunk of frames, if it is not what the last group got.
func (s *sender) build(frames []*frame.Frame) {
	if slices.Equal(s.built, frames) { // groups with parameters often get the same frames
		return
	}
	if s.lent {
		s.chunk, s.lent = nil, false
	}
	size := 0
	for _, f := range frames {
		size += len(f.Block)
	}
	s.chunk = appendChunkHead(s.chunk[:0], size)
	s.chunk = slices.Grow(s.chunk, size+len("\r\n"))
	for _, f := range frames {
		s.chunk = append(s.chunk, f.Block...)
	}
	s.chunk = append(s.chunk, "\r\n"...)
	s.built = append(s.built[:0], frames...)
}

// settle ends a round: members that could not take all of it leave.
func (p *Pool) settle() {
	clear(p.dirty)
	p.dirty = p.dirty[:0]
	sent := 0
	for i := range p.senders {
		s := &p.senders[i]
		for _, f := range s.failed {
			p.part(f)
		}
		clear(s.failed)
		s.failed = s.failed[:0]
		sent += s.sent
		s.sent = 0
		if cap(s.chunk) > 16*stepBytes { // one big frame
			s.chunk, s.built, s.lent = nil, nil, false
		}
	}
	p.Sent(sent)
}

// part takes out a member that could not take what it was given.
func (p *Pool) part(f failure) {
	switch {
	case f.err != nil:
		p.remove(f.sock)
		p.close(f.sock)
	case f.full:
		p.expel(f.sock, f.rest, f.sent)
	}
}
