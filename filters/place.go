package filters

import (
	"bytes"

	"rowcast/cdc"
	"rowcast/filters/internal/where"
)

// places are where the row of a change stands in the order of the primary key, before
// and after it.
type places struct {
	format string
	at     [2][]byte // nil: there is no such row
	moves  bool      // both are there, and differ
}

// bindPlaces finds the order of the primary key, where a change has to say how it
// stands to rows that are being sent.
func (p *plan) bindPlaces() {
	if !p.rule.rows.Any() {
		return
	}
	byKey, err := keySorting(p.table)
	if err != nil {
		return // CheckTable reports it; without places no client is told of a change in the midst of rows
	}
	p.keySorts = byKey.sorts
	for _, s := range p.keySorts {
		p.placeFormat += s.Name() + ":" + s.Format() + ";"
	}
}

// places finds the places of a change; nil where nobody needs them, or where the images
// lack the key.
func (sc *scratch) places(p *plan, c *cdc.Change) (*places, error) {
	if p.keySorts == nil {
		return nil, nil
	}
	pl := &places{format: p.placeFormat}
	for side, images := range [2][2]*cdc.Image{{c.Before, c.After}, {c.After, c.Before}} {
		if images[0] == nil {
			continue
		}
		place, ok, err := sc.eval.AppendPlace(sc.place[:0], p.keySorts, images[:]...)
		if err != nil || !ok {
			return nil, err
		}
		sc.place = place
		if side == after && c.Before != nil && where.ComparePlaces(p.keySorts, nil, pl.at[before], place) == 0 {
			pl.at[after] = pl.at[before]
			break
		}
		pl.at[side], pl.moves = bytes.Clone(place), c.Op == cdc.Update && side == after
	}
	return pl, nil
}

// rowsTag is the tag of a frame of a stream with rows. It is immutable and may be kept.
type rowsTag struct {
	*frameTag // nil: no clause is left to be judged
	places    *places
	op        cdc.Op
	crossing  bool
}

// tag adds the places to a frame's tag: both are nil for most streams.
func (pl *places) tag(t *frameTag, op cdc.Op, crossing bool) any {
	switch {
	case pl != nil:
		return &rowsTag{t, pl, op, crossing}
	case t != nil:
		return t
	}
	return nil
}

// Crossing reports whether the frame is only for clients in the midst of rows, of
// whose sent rows a change takes one away, or to which it adds one: the change is an
// update to all others.
func (t *rowsTag) Crossing() bool { return t.crossing }

// clauses are what a binding has to judge of a frame; nil: nothing.
func clauses(tag any) (t *frameTag, ok bool) {
	switch t := tag.(type) {
	case *frameTag:
		return t, true
	case *rowsTag:
		return t.frameTag, true
	}
	return nil, false
}
