package cdc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rowcast/cdc/internal/ddl"
	"rowcast/cdc/internal/schema"
)

// delivery decodes the rows events of wanted tables and hands over their changes: what
// a reader has in common with its second readings of a group.
type delivery struct {
	h       Handler
	server  server
	flavor  Flavor
	cur     Position // everything up to here was handed over
	refused error    // what the Handler returned: it ends the reading
	notices []Notice // for the end of the group
	maps    map[uint64]*mapped
	witness func(*Change) // hears of the first change that has a primary key; nil: nobody does

	// Used again for each event or row.
	before, after Image
	inflater      inflater
	change        Change
}

// mapped is a table map of a wanted table.
type mapped struct {
	body          []byte
	schema, table string
	tm            *tableMap
	defined       *Table // nil until rows are to be decoded
	err           error  // why it can't be
}

// outcome is what the end of a group says of its rows, or of those of the XA
// transaction that it commits.
type outcome struct {
	as         Position // the group whose changes they are
	read       Position // everything up to here was read before
	time       time.Time
	rolledBack []span
}

// handled keeps an error that the Handler returned, which ends the reading: errors of
// the reading itself are tried again.
func (d *delivery) handled(err error) error {
	if err != nil {
		d.refused = err
	}
	return err
}

// note keeps a notice for the group's end, one for each table: the first says enough.
func (d *delivery) note(n Notice) {
	if !slices.ContainsFunc(d.notices, func(o Notice) bool { return o.Schema == n.Schema && o.Table == n.Table }) {
		d.notices = append(d.notices, n)
	}
}

func (d *delivery) tableMap(e *event) error {
	id, schema, table, err := tableMapName(e.body)
	if err != nil {
		return err
	}
	if !d.h.Wants(schema, table) {
		delete(d.maps, id)
		return nil
	}
	if m := d.maps[id]; m != nil && bytes.Equal(m.body, e.body) {
		return nil
	}
	m := &mapped{body: bytes.Clone(e.body), schema: string(schema), table: string(table)}
	m.tm, m.err = parseTableMap(m.body, d.flavor)
	d.maps[id] = m
	return nil
}

// tableOf is the map of the table that a rows event is of; nil: nobody wants its rows.
func (d *delivery) tableOf(e *event) (*mapped, error) {
	if len(e.body) < 8 {
		return nil, fmt.Errorf("%w: rows event of %d bytes", ErrCorrupt, len(e.body))
	}
	return d.maps[tableID(e.body)], nil
}

// deliver decodes one rows event and hands over its changes, but for those up to
// cur. What can't be decoded becomes a notice in its place; it is never guessed or dropped.
func (d *delivery) deliver(ctx context.Context, h heldRows, body []byte, o *outcome) error {
	for _, u := range o.rolledBack {
		if h.event >= u.from && h.event < u.to {
			return nil
		}
	}
	t, err := d.define(ctx, h.table, o)
	if err != nil {
		return d.undecodable(h, o.as, err)
	}
	if t == nil {
		return nil
	}
	rows, err := parseRows(h.typ, body)
	if err == nil {
		err = rows.bind(t, &d.inflater)
	}
	if err != nil {
		return d.undecodable(h, o.as, err)
	}
	c := &d.change
	*c = Change{Pos: o.as.change(h.event, 0), Table: t, Time: o.time}
	d.setOp(c, rows.op)
	err = d.each(&rows, c, func(err error) error { return d.undecodable(h, o.as, err) })
	d.before.Release() // a huge row may go
	d.after.Release()
	return err
}

// setOp makes c an op of the row that was read.
func (d *delivery) setOp(c *Change, op Op) {
	c.Op, c.Before, c.After = op, &d.before, &d.after
	switch op {
	case Insert:
		c.Before = nil
	case Delete:
		c.After = nil
	}
}

// each hands over the changes of one rows event after cur, and moves cur over them.
func (d *delivery) each(rows *rowsEvent, c *Change, undecodable func(error) error) error {
	again := c.Pos.Compare(d.cur) <= 0 // some of them were handed over before the connection broke
	versioned := c.Table.RowEnd() >= 0
	for {
		ok, err := rows.next(&d.before, &d.after)
		if err != nil {
			return undecodable(err)
		}
		if !ok {
			return nil
		}
		hand := !again || c.Pos.Compare(d.cur) > 0
		if hand && versioned {
			op, err := seen(c.Table, rows.op, &d.before, &d.after)
			if err != nil {
				return undecodable(err)
			}
			d.setOp(c, op)
			hand = op != 0
		}
		if hand {
			if d.witness != nil && len(c.Table.Key) > 0 {
				d.witness(c)
				d.witness = nil
			}
			if err := d.handled(d.h.Change(c)); err != nil {
				return err
			}
			d.cur = c.Pos
		}
		c.Pos.row++
	}
}

// define finds a mapped table's columns, once; nil for a sequence, which has no rows to hand over.
func (d *delivery) define(ctx context.Context, m *mapped, o *outcome) (*Table, error) {
	if m.defined != nil || m.err != nil {
		return m.defined, m.err
	}
	var def *schema.Table
	if m.tm.needsDef() {
		var err error
		if name := (ddl.Name{Schema: m.schema, Table: m.table}); m.tm.placed() {
			def, err = d.server.define(ctx, name, o.as, o.read)
		} else {
			def, err = d.server.hint(ctx, name, o.as)
		}
		if err != nil {
			if errors.Is(err, ErrSchema) || errors.Is(err, ErrNoTable) {
				m.err = err
			}
			return nil, err
		}
	}
	if m.tm.isSequence(def) {
		return nil, nil
	}
	if m.defined, m.err = m.tm.table(def); m.err != nil {
		return nil, m.err
	}
	m.defined = d.server.same(m.defined)
	return m.defined, nil
}

// undecodable makes a notice of an error of the data; others are the caller's. It comes
// at once: whoever has seen a later change of the group must have heard of the rows, as
// the next reading may be able to decode them, and say nothing.
func (d *delivery) undecodable(h heldRows, group Position, err error) error {
	for _, target := range []error{ErrSchema, ErrNoTable, ErrValue, ErrCorrupt} {
		if errors.Is(err, target) {
			at := group.pastEvent(h.event)
			if at.Compare(d.cur) <= 0 {
				return nil // it came before the connection broke
			}
			d.cur = at
			return d.handled(d.h.Notice(Notice{At: at, Schema: h.table.schema, Table: h.table.table,
				Message: fmt.Sprintf("rows of %s.%s at %s can't be decoded: %v", h.table.schema, h.table.table, group.change(h.event, 0), err)}))
		}
	}
	return err
}
