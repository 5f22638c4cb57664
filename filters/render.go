package filters

import (
	"bytes"

	"rowcast/cdc"
	"rowcast/filters/internal/where"
)

// Emit takes what one change is to one stream. data is the payload as it goes
// after "data:", line breaks included, valid until Emit returns; event is "" for
// none. A frame is for a subscription whose binding has this key, if it has one,
// and whose Match gives true for the tag; an empty key, valid as long as data, and tag nil
// are for all. err says that the change can't be rendered for this stream, which
// must be told of the loss.
type Emit = func(stream int, op cdc.Op, event string, data, key []byte, tag any, err error)

// side is one of a change's two images.
const (
	before = 0
	after  = 1
)

// want is what a frame asks of a binding's verdict on one side.
type want uint8

const (
	either want = iota
	matching
	missing
)

// frameTag is what a binding's clauses need to know of a change. It is
// immutable and may be kept.
type frameTag struct {
	pred    *where.Predicate
	rows    [2]where.Row
	want    [2]want
	unkeyed bool // no clause was decided by a look-up
}

// Render hands what a change is to each stream that publishes its table to
// emit, in the order of the config. It is safe for concurrent use.
//
// A stream with parameters may get up to three variants of one update, of which
// each binding matches one at most: to some the row comes, to some it goes, to
// some it changes.
func (s *Set) Render(c *cdc.Change, emit Emit) {
	sc := s.scratch.Get().(*scratch)
	defer s.release(sc)
	if sc.table != c.Table {
		sc.table, sc.plans = c.Table, s.plansOf(c.Table, c.Pos)
	}
	for _, p := range sc.plans {
		if !p.rule.yields(c.Op) {
			continue
		}
		if err := sc.render(p, c, emit); err != nil {
			emit(p.rule.index, c.Op, "", nil, nil, nil, err)
		}
	}
}

func (sc *scratch) render(p *plan, c *cdc.Change, emit Emit) error {
	switch {
	case p.err != nil:
		return p.err
	}
	sc.eval.Reset()
	places, err := sc.places(p, c)
	if err != nil {
		return err
	}
	if p.pred == nil {
		return sc.sendAll(p, c, c.Op, places, emit)
	}
	var rows [2]where.Row // nil: there is no such image, or it fails the static clauses
	for side, im := range [2]*cdc.Image{c.Before, c.After} {
		if im == nil {
			continue
		}
		row, err := sc.eval.Load(side, p.pred, im)
		if err != nil {
			return p.rule.unjudged(err)
		}
		v, err := sc.eval.Eval(p.pred.Static(), row)
		if err != nil {
			return p.rule.unjudged(err)
		}
		if v == where.True {
			rows[side] = row
		}
	}
	if len(p.rule.params) > 0 {
		if !p.keyed() {
			sc.set.plans.observe([]*plan{p}, c.Pos) // it may be a definition that the table came back to
		}
		return sc.renderBound(p, c, rows, places, p.keyed(), emit)
	}
	return sc.sendAll(p, c, Become(rows[before] != nil, rows[after] != nil), places, emit)
}

// sendAll renders a change for a stream that has no parameters.
func (sc *scratch) sendAll(p *plan, c *cdc.Change, op cdc.Op, places *places, emit Emit) error {
	err := sc.send(p, c, op, nil, places.tag(nil, op, false), emit)
	if op == cdc.Update && places != nil && places.moves {
		for _, part := range []cdc.Op{cdc.Delete, cdc.Insert} {
			if err == nil {
				err = sc.send(p, c, part, nil, places.tag(nil, part, true), emit)
			}
		}
	}
	return err
}

func (r *rule) unjudged(err error) error {
	return &Fault{r.String() + ": where can't be judged for a change", err}
}

// Become is what a change is to a subscriber that sees only rows that match; 0: nothing.
func Become(before, after bool) cdc.Op {
	switch {
	case before && after:
		return cdc.Update
	case after:
		return cdc.Insert
	case before:
		return cdc.Delete
	}
	return 0
}

// send renders a change as op, if the stream has that.
func (sc *scratch) send(p *plan, c *cdc.Change, op cdc.Op, key []byte, tag any, emit Emit) error {
	if !p.rule.on[op] {
		return nil
	}
	data, err := sc.payload(p, c, op)
	if err != nil {
		return err
	}
	event, err := sc.eventName(p, c, op)
	if err != nil {
		return err
	}
	emit(p.rule.index, op, event, data, key, tag, nil)
	return nil
}

// renderBound renders a change for subscriptions that differ in parameters. If
// their keys have different formats, they are not keyed: each judges the whole row.
func (sc *scratch) renderBound(p *plan, c *cdc.Change, rows [2]where.Row, places *places, keyed bool, emit Emit) error {
	var keys [2][]byte
	for side, row := range rows {
		if row == nil || !keyed {
			continue
		}
		var ok bool
		if sc.bound[side], ok = sc.eval.AppendKey(sc.bound[side][:0], p.pred, row); !ok {
			rows[side] = nil
		}
		keys[side] = sc.bound[side]
	}
	judged := !keyed || p.pred.HasResidual()
	var kept [2]where.Row
	for side, row := range rows {
		if row != nil && judged {
			kept[side] = p.pred.Keep(row, !keyed)
		}
	}
	crossing := false
	send := func(op cdc.Op, side int, wants [2]want) error {
		if !judged || !p.rule.on[op] {
			return sc.send(p, c, op, keys[side], places.tag(nil, op, crossing), emit)
		}
		t := &frameTag{pred: p.pred, want: wants, unkeyed: !keyed}
		for i, w := range wants {
			if w != either {
				t.rows[i] = kept[i]
			}
		}
		return sc.send(p, c, op, keys[side], places.tag(t, op, crossing), emit)
	}
	if rows[before] == nil || rows[after] == nil || !bytes.Equal(keys[before], keys[after]) {
		// To each of the two keys there is one row only.
		var err error
		if rows[before] != nil {
			err = send(cdc.Delete, before, [2]want{matching, either})
		}
		if rows[after] != nil && err == nil {
			err = send(cdc.Insert, after, [2]want{either, matching})
		}
		return err
	}
	err := send(cdc.Update, after, [2]want{matching, matching})
	if err == nil && judged {
		err = send(cdc.Insert, after, [2]want{missing, matching})
	}
	if err == nil && judged {
		err = send(cdc.Delete, after, [2]want{matching, missing})
	}
	if crossing = places != nil && places.moves; crossing {
		for _, part := range []cdc.Op{cdc.Delete, cdc.Insert} {
			if err == nil {
				err = send(part, after, [2]want{matching, matching})
			}
		}
	}
	return err
}
