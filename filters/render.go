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
	case p.pred == nil:
		return sc.send(p, c, c.Op, nil, nil, emit)
	}
	sc.eval.Reset()
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
		if !p.keyed() {
			return sc.renderAny(p, c, rows, emit)
		}
		return sc.renderBound(p, c, rows, emit)
	}
	return sc.send(p, c, Become(rows[before] != nil, rows[after] != nil), nil, nil, emit)
}

func (r *rule) unjudged(err error) error {
	return &Fault{r.String() + ": where can't be judged for a change", err}
}

// Become is what a change is to who sees only rows that match; 0: nothing.
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
	emit(p.rule.index, op, p.event[op], data, key, tag, nil)
	return nil
}

// renderBound renders a change for subscriptions that differ in parameters.
func (sc *scratch) renderBound(p *plan, c *cdc.Change, rows [2]where.Row, emit Emit) error {
	keys := &sc.bound
	for side, row := range rows {
		if row == nil {
			continue
		}
		var ok bool
		if keys[side], ok = sc.eval.AppendKey(keys[side][:0], p.pred, row); !ok {
			rows[side] = nil
		}
	}
	if rows[before] == nil && rows[after] == nil {
		return nil
	}
	if rows[before] == nil || rows[after] == nil || !bytes.Equal(keys[before], keys[after]) {
		// To each of the two keys there is one row only.
		if rows[before] != nil {
			if err := sc.send(p, c, cdc.Delete, keys[before], p.tag(rows, matching, either), emit); err != nil {
				return err
			}
		}
		if rows[after] != nil {
			if err := sc.send(p, c, cdc.Insert, keys[after], p.tag(rows, either, matching), emit); err != nil {
				return err
			}
		}
		return nil
	}
	if err := sc.send(p, c, cdc.Update, keys[after], p.tag(rows, matching, matching), emit); err != nil {
		return err
	}
	if p.pred.HasResidual() {
		if err := sc.send(p, c, cdc.Insert, keys[after], p.tag(rows, missing, matching), emit); err != nil {
			return err
		}
		if err := sc.send(p, c, cdc.Delete, keys[after], p.tag(rows, matching, missing), emit); err != nil {
			return err
		}
	}
	return nil
}

// renderAny renders a change for bindings that each judge the whole row, since
// their keys have different formats.
func (sc *scratch) renderAny(p *plan, c *cdc.Change, rows [2]where.Row, emit Emit) error {
	kept := [2]where.Row{}
	for side, row := range rows {
		if row != nil {
			kept[side] = p.pred.Keep(row, true)
		}
	}
	send := func(op cdc.Op, wants ...want) error {
		return sc.send(p, c, op, nil, &frameTag{pred: p.pred, rows: kept, want: [2]want(wants), unkeyed: true}, emit)
	}
	switch {
	case rows[before] == nil && rows[after] == nil:
		return nil
	case rows[before] == nil:
		return send(cdc.Insert, either, matching)
	case rows[after] == nil:
		return send(cdc.Delete, matching, either)
	}
	if err := send(cdc.Update, matching, matching); err != nil {
		return err
	}
	if err := send(cdc.Insert, missing, matching); err != nil {
		return err
	}
	return send(cdc.Delete, matching, missing)
}

// tag copies the values that bindings need; nil where a look-up decides alone.
func (p *plan) tag(rows [2]where.Row, wants ...want) any {
	if !p.pred.HasResidual() {
		return nil
	}
	t := &frameTag{pred: p.pred, want: [2]want(wants)}
	for side, row := range rows {
		if row != nil && t.want[side] != either {
			t.rows[side] = p.pred.Keep(row, false)
		}
	}
	return t
}
