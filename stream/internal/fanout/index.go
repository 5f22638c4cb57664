package fanout

import (
	"slices"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

// group is the members that have one subscription: they get the same bytes.
type group struct {
	pending []*frame.Frame // noted in the round under way
	socks   []*socket
	sub     *frame.Subscription
	at      []int // of each part of sub: the place in its list of the index

	// Room for the first element of each list. Most groups are one client's, with a
	// parameter of its own, and a list elsewhere would be one more cache miss for each
	// of its frames.
	frame [1]*frame.Frame
	sock  [1]*socket
	seat  [1]seat
}

// settle forgets what was noted, once it is written. A quiet group must not keep what
// its last frames are pieces of.
func (g *group) settle() {
	clear(g.pending)
	clear(g.frame[:])
	if g.pending = g.pending[:0]; cap(g.pending) > 256 {
		g.pending = g.frame[:0]
	}
}

func (g *group) add(k *socket) {
	k.group, k.index = g, int32(len(g.socks))
	if g.socks = append(g.socks, k); len(g.socks) > 1 {
		g.sock[0] = nil // the list lies elsewhere now
	}
}

func (g *group) remove(k *socket) {
	var moved *socket
	g.socks, moved = cut(g.socks, k.index)
	moved.index, k.group = k.index, nil
}

// cut takes out the socket at i; the last one moves there.
func cut(list []*socket, i int32) (_ []*socket, moved *socket) {
	last := len(list) - 1
	moved = list[last]
	list[i], list[last] = moved, nil // nil last: i may be it
	return list[:last], moved
}

// index finds the groups that a frame is for without asking each of them.
type index struct {
	byID     map[string]*group // by subscription id
	streams  []streamIndex
	failures failures
	overlaps bool     // there has been a group to which one change can be several events
	restart  []*group // whose rows have to begin again with the frame that was routed last
}

// streamIndex lists the groups that have a stream: those whose binding names a
// key by that key, the others in any.
type streamIndex struct {
	any   []seat
	keyed map[string][]seat
}

// seat is a group's entry in a list, for one part of its subscription.
type seat struct {
	group *group
	part  *frame.Part
}

func newIndex(c *frame.Catalog) *index {
	return &index{byID: map[string]*group{}, streams: make([]streamIndex, c.Len())}
}

// list is the one list of a part's stream where its groups stand.
func (x *index) list(p *frame.Part) []seat {
	s := &x.streams[p.Stream]
	if p.Key == "" {
		return s.any
	}
	return s.keyed[p.Key]
}

func (x *index) setList(p *frame.Part, list []seat) {
	s := &x.streams[p.Stream]
	switch {
	case p.Key == "":
		s.any = list
	case len(list) == 0:
		delete(s.keyed, p.Key)
	default:
		if s.keyed == nil {
			s.keyed = map[string][]seat{}
		}
		s.keyed[p.Key] = list
	}
}

// group finds or makes the group of a subscription.
func (x *index) group(sub *frame.Subscription) *group {
	if g := x.byID[sub.ID()]; g != nil {
		return g
	}
	g := &group{sub: sub, at: make([]int, len(sub.Parts))}
	g.pending, g.socks = g.frame[:0], g.sock[:0]
	x.byID[sub.ID()] = g
	x.overlaps = x.overlaps || sub.Overlaps()
	for i := range sub.Parts {
		p := &sub.Parts[i]
		list := x.list(p)
		if list == nil && i == 0 {
			list = g.seat[:0]
		}
		g.at[i] = len(list)
		x.setList(p, append(list, seat{g, p}))
	}
	return g
}

// remove takes out a group that has no clients left.
func (x *index) remove(g *group) {
	delete(x.byID, g.sub.ID())
	x.failures.forget(g)
	for i := range g.sub.Parts {
		p := &g.sub.Parts[i]
		list := x.list(p)
		last := len(list) - 1
		moved := list[last]
		list[g.at[i]] = moved
		j := slices.IndexFunc(moved.group.sub.Parts, func(q frame.Part) bool { return q.Stream == p.Stream })
		moved.group.at[j] = g.at[i]
		list[last] = seat{}
		if list = list[:last]; last == 0 {
			list = nil // it may be a part of g
		}
		x.setList(p, list)
	}
}

// route notes the frame with each group that it is for; groups that had nothing
// before are added to dirty.
func (x *index) route(f *frame.Frame, dirty []*group) []*group {
	if f.Crossing {
		return dirty
	}
	s := &x.streams[f.Stream]
	for _, t := range s.any {
		dirty = x.note(t, f, dirty)
	}
	if len(f.Key) == 0 { // a reset, or a frame that each has to judge
		for _, list := range s.keyed {
			for _, t := range list {
				dirty = x.note(t, f, dirty)
			}
		}
		return dirty
	}
	if len(s.keyed) > 0 {
		for _, t := range s.keyed[string(f.Key)] {
			dirty = x.note(t, f, dirty)
		}
	}
	return dirty
}

func (x *index) note(t seat, f *frame.Frame, dirty []*group) []*group {
	g, event := t.group, f.Kind == frame.Event
	if f.Kind == frame.Reset && g.sub.HasRows(f.Stream) {
		x.again(g)
		return dirty
	}
	if f.InGroup() && !x.failures.first(g, f) {
		return dirty
	}
	if f.Tag != nil {
		ok, err := t.part.Matches(f)
		switch {
		case err == nil && !ok:
			return dirty
		case err == nil:
		case g.sub.HasRows(f.Stream):
			x.again(g)
			return dirty
		default:
			f = x.failures.take(g, f, err)
		}
		if f == nil {
			return dirty
		}
	}
	n := len(g.pending)
	if n > 0 && f.Pos.Compare(g.pending[n-1].Pos) == 0 && (!event || !g.sub.Overlaps() || g.noted(f)) {
		return dirty // of each stream one frame at most, and one reset where several streams were reset
	}
	if n == 0 {
		dirty = append(dirty, g)
	}
	g.pending = append(g.pending, f)
	return dirty
}

// noted tells whether the group has a frame of f's change and stream already.
func (g *group) noted(f *frame.Frame) bool {
	for _, other := range slices.Backward(g.pending) {
		if other.Pos.Compare(f.Pos) != 0 {
			return false
		}
		if other.Stream == f.Stream {
			return true
		}
	}
	return false
}

// number puts the events of each change into the order of the groups' requests, and
// gives the later ones ids of their own. Groups for which nothing is left go.
func (x *index) number(dirty []*group) []*group {
	if !x.overlaps {
		return dirty
	}
	nth := numbered{}
	return slices.DeleteFunc(dirty, func(g *group) bool {
		if g.sub.Overlaps() {
			g.number(nth)
		}
		return len(g.pending) == 0
	})
}

func (g *group) number(nth numbered) {
	to := g.pending[:0]
	for rest := g.pending; len(rest) > 0; {
		run := frame.Run(rest)
		rest = rest[len(run):]
		g.sub.Sort(run)
		for n, f := range run {
			if f.Block != nil {
				to = append(to, nth.frame(f, n))
			}
		}
	}
	clear(g.pending[len(to):])
	g.pending = to
}

// numbered has the frames of a round with the ids that they got: groups share them.
type numbered map[nthFrame]*frame.Frame

// nthFrame is a frame as the n-th event of its change.
type nthFrame struct {
	of *frame.Frame
	n  int
}

func (m numbered) frame(f *frame.Frame, n int) *frame.Frame {
	if n == 0 {
		return f
	}
	key := nthFrame{f, n}
	if m[key] == nil {
		m[key] = f.Nth(n)
	}
	return m[key]
}

// again notes a group whose members have a reset to come, and then their rows.
func (x *index) again(g *group) {
	if !slices.Contains(x.restart, g) {
		x.restart = append(x.restart, g)
	}
}

// failures are the groups that were reset within one group of the binlog: their
// binding could not judge a frame, or rows could not be decoded.
type failures struct {
	at    cdc.Position
	told  map[*group]bool
	reset *frame.Frame // the last one: it is the same for all groups
}

// take returns the reset that g gets in place of f. If g was reset already that is nil,
// or, where events of the same change may follow, a frame that is only counted.
func (x *failures) take(g *group, f *frame.Frame, err error) *frame.Frame {
	if !x.first(g, f) {
		if g.sub.Overlaps() {
			return &frame.Frame{Kind: frame.Reset, Pos: f.Pos, Stream: f.Stream}
		}
		return nil
	}
	if x.reset == nil || x.reset.Pos != f.Pos || x.reset.Stream != f.Stream {
		x.reset = g.sub.Catalog().Unjudged(f, err)
	}
	return x.reset
}

// first reports whether g was not reset yet in f's group of the binlog.
func (x *failures) first(g *group, f *frame.Frame) bool {
	if at := f.Pos.Group(); x.told == nil || at != x.at {
		x.at, x.told = at, map[*group]bool{}
	}
	known := x.told[g]
	x.told[g] = true
	return !known
}

// forget drops a group that has no clients left, and with it its bindings.
func (x *failures) forget(g *group) { delete(x.told, g) }
