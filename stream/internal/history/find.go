package history

import (
	"sort"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

// where says what a Log can do for a position.
type where uint8

const (
	nowhere where = iota // the log has no position yet
	here                 // it holds everything past the position
	below                // the position is older than the floor
	above                // the position is past what was read
	foreign              // it is of another history
)

// place is the answer to a cursor that wants to begin at a position.
type place struct {
	where   where
	pos     cdc.Position // as asked for, with its file's lineage
	seq     uint64       // the first frame past the position
	bad     *frame.Loss  // no group begins where the position says so
	head    cdc.Position
	losses  uint64
	catalog *frame.Catalog
}

// find looks a position up; zero stands for the newest checkpoint.
func (l *Log) find(pos cdc.Position) place {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := place{seq: l.next, head: l.head, losses: l.losses, catalog: l.catalog}
	if l.head.IsZero() || l.lost != nil {
		return p
	}
	if pos.IsZero() {
		pos = l.head
	}
	for _, f := range l.files {
		pos = pos.WithLineage(f)
	}
	p.pos = pos
	switch {
	case l.foreignTo(pos):
		p.where = foreign
	case pos.Compare(l.floor) < 0:
		p.where = below
	case pos.Compare(l.reach) > 0:
		p.where = above
	default:
		p.where, p.seq, p.bad = here, l.past(pos), l.groups.judge(pos)
	}
	return p
}

func (l *Log) foreignTo(pos cdc.Position) bool {
	for _, f := range l.files {
		if !f.SameHistory(pos) {
			return true
		}
	}
	return false
}

// past is the number of the first frame past pos.
func (l *Log) past(pos cdc.Position) uint64 {
	i := sort.Search(len(l.chunks), func(i int) bool { return l.chunks[i].last().Pos.Compare(pos) > 0 })
	if i == len(l.chunks) {
		return l.next
	}
	c := &l.chunks[i]
	return c.first + uint64(sort.Search(len(c.frames), func(j int) bool { return c.frames[j].Pos.Compare(pos) > 0 }))
}

// Current is the config in force and the newest checkpoint; that is zero while
// exactness is lost, as the old one means nothing in the history that comes.
func (l *Log) Current() (*frame.Catalog, cdc.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost != nil {
		return l.catalog, cdc.Position{}
	}
	return l.catalog, l.head
}
