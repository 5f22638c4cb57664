package filters

import (
	"bytes"
	"strconv"
	"time"

	"rowcast/cdc"
	"rowcast/filters/internal/where"
)

// scratch is what one rendering works with. It is reused, so that rendering
// allocates nothing once its buffers have grown.
type scratch struct {
	set    *Set
	masker masker
	out    []byte    // the payload
	key    []byte    // the key before
	bound  [2][]byte // what bindings are looked up by, of both images
	value  []byte
	name   []byte // of the event
	place  []byte
	eval   where.Evaluator

	current cdc.Change // a row, for Render of rows

	// Of the previous change: the next is mostly of the same table and commit.
	table *cdc.Table
	plans []*plan
	at    time.Time
	ts    []byte // its milliseconds
}

// maxScratch is how much a scratch may keep: a single huge row must not stay
// in memory for ever.
const maxScratch = 1 << 20

func newScratch(s *Set, maskKey string) *scratch {
	return &scratch{set: s, masker: newMasker(maskKey)}
}

func (s *Set) release(sc *scratch) {
	for _, b := range [][]byte{sc.out, sc.value, sc.key, sc.bound[before], sc.bound[after], sc.masker.text, sc.name, sc.place} {
		if cap(b) > maxScratch {
			return
		}
	}
	if sc.eval.Small() {
		s.scratch.Put(sc)
	}
}

// payload renders what goes after "data:" into sc.out. op is what the change
// is to this stream: an update may be an insert or a delete to it.
func (sc *scratch) payload(p *plan, c *cdc.Change, op cdc.Op) ([]byte, error) {
	b, err := sc.appendPayload(sc.out[:0], p, c, op)
	sc.out = b[:0]
	return b, err
}

func (sc *scratch) appendPayload(b []byte, p *plan, c *cdc.Change, op cdc.Op) ([]byte, error) {
	row := c.After
	if op == cdc.Delete {
		row = c.Before
	}
	switch p.rule.form {
	case formRow:
		return sc.appendRow(b, p, row)
	case formText:
		return p.rule.text.append(b, p, sc, row)
	}
	b = append(b, p.head[op]...)
	b, err := sc.appendKeys(b, p, c, op)
	if err != nil {
		return b, err
	}
	if op != cdc.Delete {
		b = append(b, `,"row":`...)
		if b, err = sc.appendRow(b, p, row); err != nil {
			return b, err
		}
	}
	if op == opRow {
		return append(b, '}'), nil
	}
	if p.rule.before && op != cdc.Insert {
		b = append(b, `,"before":`...)
		if b, err = sc.appendRow(b, p, c.Before); err != nil {
			return b, err
		}
	}
	b = append(b, `,"ts":`...)
	if c.Time != sc.at || len(sc.ts) == 0 {
		sc.at, sc.ts = c.Time, strconv.AppendInt(sc.ts[:0], c.Time.UnixMilli(), 10)
	}
	return append(append(b, sc.ts...), '}'), nil
}

// appendKeys adds "key", and "old_key" where an update changes it. To a
// delete, be it one only to this stream, the key is the one that was sent.
func (sc *scratch) appendKeys(b []byte, p *plan, c *cdc.Change, op cdc.Op) ([]byte, error) {
	if p.key == nil {
		return b, nil
	}
	first, second := c.After, c.Before
	if op == cdc.Delete {
		first, second = c.Before, c.After
	}
	start := len(b)
	b = append(b, `,"key":`...)
	value := len(b)
	b, ok, err := sc.appendKey(b, p, first, second)
	if err != nil || !ok {
		return b[:start], err
	}
	if op != cdc.Update {
		return b, nil
	}
	sc.key, ok, err = sc.appendKey(sc.key[:0], p, c.Before, nil)
	if err != nil || !ok || bytes.Equal(sc.key, b[value:]) {
		return b, err
	}
	b = append(b, `,"old_key":`...)
	return append(b, sc.key...), nil
}

// appendKey takes each part from the first image that holds it: a MINIMAL
// image after an update holds only what was set. ok is false where none does.
func (sc *scratch) appendKey(b []byte, p *plan, im, other *cdc.Image) (_ []byte, ok bool, err error) {
	sep := byte('{')
	for _, c := range p.key {
		from := im
		if from == nil || !from.Has(c.index) {
			if from = other; from == nil || !from.Has(c.index) {
				return b, false, nil
			}
		}
		b = append(b, sep)
		b = append(b, c.label...)
		if b, err = sc.masker.append(b, from, c.index, c.mask, &sc.set.format); err != nil {
			return b, false, err
		}
		sep = ','
	}
	return append(b, '}'), true, nil
}

// appendRow adds the row object. What the image lacks is left out.
func (sc *scratch) appendRow(b []byte, p *plan, im *cdc.Image) ([]byte, error) {
	var err error
	sep := byte('{')
	for i := range p.cols {
		c := &p.cols[i]
		if !im.Has(c.index) {
			continue
		}
		b = append(b, sep)
		b = append(b, c.label...)
		if b, err = sc.masker.append(b, im, c.index, c.mask, &sc.set.format); err != nil {
			return b, err
		}
		sep = ','
	}
	if sep == '{' {
		b = append(b, sep)
	}
	return append(b, '}'), nil
}
