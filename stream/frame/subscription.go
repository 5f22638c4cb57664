package frame

import (
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"
)

// Subscription is what one subscriber asks for: streams and, for each, a binding.
// It is immutable and belongs to one catalog.
type Subscription struct {
	Parts []Part // one for each stream; in the order of the request where streams overlap, else by stream

	overlaps bool
	catalog  *Catalog
	names    []string          // as asked for
	params   map[string]string // as asked for
	asked    string            // rows, as asked for
	rows     []RowsPart
	rowsOf   uint32 // 24 bits of a hash of what rows are of: see cdc.Rows
	id       string
}

// Part is a subscription's choice of one stream.
type Part struct {
	Stream  int
	Key     string  // of binding; "": of none
	binding Binding // nil: every frame
}

// ID: within a catalog, equal IDs of one stream mean equal choices.
func (p *Part) ID() string {
	if p.binding == nil {
		return ""
	}
	return p.binding.ID()
}

func (s *Subscription) add(stream int, b Binding) {
	p := Part{Stream: stream, binding: b}
	if b != nil {
		p.Key = b.Key()
	}
	s.Parts = append(s.Parts, p)
}

func (s *Subscription) identify() {
	var id strings.Builder
	for _, p := range s.Parts {
		fmt.Fprintf(&id, "%d", p.Stream)
		if p.binding != nil {
			bid := p.binding.ID()
			fmt.Fprintf(&id, ":%d:%s", len(bid), bid)
		}
		id.WriteByte(';')
	}
	of := crc32.NewIEEE()
	for _, p := range s.rows {
		fmt.Fprintf(&id, "%d!%d;", p.Part.Stream, p.Limit)
		_, _ = io.WriteString(of, s.catalog.Renderer.(RowsRenderer).Fingerprint(p.Part.Stream)) // a hash takes everything
	}
	s.id, s.rowsOf = id.String(), of.Sum32()>>8
}

// Overlaps tells whether one change can be several events to the subscription:
// several of its streams may publish one table.
func (s *Subscription) Overlaps() bool { return s.overlaps }

// Catalog is what the subscription belongs to.
func (s *Subscription) Catalog() *Catalog { return s.catalog }

// ID: within a catalog, equal IDs mean equal subscriptions.
func (s *Subscription) ID() string { return s.id }

// Rebind is the same request under another config. An error means that the
// stream, or a parameter of it, is gone.
func (s *Subscription) Rebind(c *Catalog) (*Subscription, error) {
	if s.catalog == c {
		return s, nil
	}
	return c.SubscribeRows(s.names, s.params, s.asked)
}

// Wants reports whether an Event or Reset of s's catalog is for s. An error means
// that its binding can't judge the frame: Catalog.Unjudged then takes its place.
func (s *Subscription) Wants(f *Frame) (bool, error) {
	if f.Crossing {
		return false, nil
	}
	for i := range s.Parts {
		p := &s.Parts[i]
		switch {
		case p.Stream != f.Stream:
			continue
		case f.Kind == Reset:
			return true, nil
		case !p.fits(f.Key):
			return false, nil
		}
		return p.Matches(f)
	}
	return false, nil
}

// Choice is an event that a subscription gets of a change. With Err its binding can't
// judge the frame: Catalog.Unjudged then takes its place.
type Choice struct {
	*Frame
	Err  error
	Skip bool // the client does not get it: the rows that are to come have it
}

// Choose appends the events that s gets of run, the frames of one place, in their
// order: of each stream one at most, and one reset of all streams at most. The n-th of
// them has the n-th id of the change, whether it is sent or not: that depends on
// nothing but the subscription and the change. d is of a client in the midst of rows,
// else nil.
func (s *Subscription) Choose(to []Choice, run []*Frame, d *During) []Choice {
	reset := -1 // where it is in to
	for i := range s.Parts {
		p := &s.Parts[i]
		for _, f := range run {
			if p.Stream != f.Stream {
				continue
			}
			if f.Kind == Reset {
				c := Choice{Frame: f}
				if d != nil {
					c.Skip = !s.has(p, d)
					d.Missed = d.Missed || c.Skip
				}
				switch {
				case reset < 0:
					reset, to = len(to), append(to, c)
				case to[reset].Skip:
					to[reset] = c
				}
				break
			}
			if f.Crossing || !p.fits(f.Key) {
				continue
			}
			if ok, err := p.Matches(f); ok || err != nil {
				c := Choice{Frame: f, Err: err}
				if d != nil {
					c = s.during(p, c, run, d)
				}
				to = append(to, c)
				break
			}
		}
	}
	return to
}

// Sort puts frames of one change, one of each stream at most, into the order of its
// events.
func (s *Subscription) Sort(run []*Frame) {
	if len(run) < 2 {
		return
	}
	place := func(f *Frame) int {
		return slices.IndexFunc(s.Parts, func(p Part) bool { return p.Stream == f.Stream })
	}
	slices.SortFunc(run, func(a, b *Frame) int { return place(a) - place(b) })
}

// fits compares the bytes: a Key may be what keeps customers apart, and a hash
// of it would have to be beyond doubt.
func (p *Part) fits(key []byte) bool {
	return p.Key == "" || len(key) == 0 || p.Key == string(key)
}

// Matches judges all but the key: whoever looks frames up by it has done that.
func (p *Part) Matches(f *Frame) (bool, error) {
	if f.Tag == nil {
		return true, nil
	}
	if p.binding == nil {
		return true, nil
	}
	return p.binding.Match(f.Tag)
}
