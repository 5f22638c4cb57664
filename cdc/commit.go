package cdc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rowcast/cdc/internal/ddl"
	"rowcast/cdc/internal/schema"
)

// rows takes a rows event: it is counted, and held if its table is wanted.
func (r *reader) rows(ctx context.Context, e *event) error {
	if len(e.body) < 8 {
		return fmt.Errorf("%w: rows event of %d bytes that ends at %s/%d", ErrCorrupt, len(e.body), r.file, r.end)
	}
	if m := r.maps[tableID(e.body)]; m != nil {
		if r.direct != nil {
			if err := r.deliver(ctx, heldRows{typ: byte(e.typ), table: m, event: r.group.events}, e.body, r.direct); err != nil {
				return err
			}
		} else {
			r.group.hold(byte(e.typ), m, e.body)
		}
	}
	r.group.events++
	return nil
}

// commit hands over what the group holds.
func (r *reader) commit(ctx context.Context, e *event) error {
	if !r.group.open {
		return fmt.Errorf("%w: %v that ends at %s/%d ends no group", ErrCorrupt, e.typ, r.file, r.end)
	}
	return r.finish(ctx, e)
}

// rollback ends a group that never happened.
func (r *reader) rollback(ctx context.Context, e *event) error {
	g := &r.group
	clear(g.held)
	g.held, g.overflow = g.held[:0], false
	return r.finish(ctx, e)
}

// prepare ends the first half of an XA transaction; its rows wait for XA COMMIT.
func (r *reader) prepare(ctx context.Context, e *event) error {
	xid, onePhase, err := parsePrepare(e.body)
	if err != nil || onePhase {
		if err == nil {
			err = r.commit(ctx, e)
		}
		return err
	}
	if r.direct == nil && r.group.open {
		r.forget(xid)
		if len(r.xa) < maxPrepared {
			p := r.group.prepare(maxHeld - r.xaBytes)
			r.xa[xid], r.xaBytes = p, r.xaBytes+len(p.arena)
		}
	}
	return r.rollback(ctx, e)
}

// forget takes a prepared transaction out of memory.
func (r *reader) forget(xid string) *prepared {
	p := r.xa[xid]
	if p != nil {
		r.xaBytes -= len(p.arena)
		delete(r.xa, xid)
	}
	return p
}

// commitPrepared ends the second half of an XA transaction. Its changes carry
// the position of this group: in binlog order they happened here.
func (r *reader) commitPrepared(ctx context.Context, e *event, xid string) error {
	if r.direct != nil {
		return r.finish(ctx, e)
	}
	g, p := &r.group, r.forget(xid)
	if p != nil && p.whole {
		clear(g.held)
		g.held, g.arena = append(g.held[:0], p.held...), append(g.arena[:0], p.arena...)
		return r.finish(ctx, e)
	}
	if p == nil {
		was, err := r.server.prepared(ctx, xid, g.start)
		if errors.Is(err, ErrPurged) {
			return r.tellAndFinish(ctx, e, fmt.Sprintf("XA COMMIT at %s: the binlog no longer holds what was prepared", g.start))
		}
		if err != nil {
			return err
		}
		if was.start.IsZero() {
			return r.finish(ctx, e) // it was ended before: nothing is left of it
		}
		p = &was.prepared
	}
	if err := r.server.again(ctx, r, p.start, g.start, r.commitTime(e), p.undone); err != nil {
		return fmt.Errorf("read the XA transaction prepared at %s again: %w", p.start, err)
	}
	return r.finish(ctx, e)
}

// rollbackPrepared: what was prepared never happened, unless the binlog says that
// it did. A server that is killed between the binlog and the engine has what it
// logged as committed, also in ONE PHASE, prepared when it is back.
func (r *reader) rollbackPrepared(ctx context.Context, e *event, xid string) error {
	if r.direct != nil || r.forget(xid) != nil {
		return r.rollback(ctx, e)
	}
	was, err := r.server.prepared(ctx, xid, r.group.start)
	switch {
	case errors.Is(err, ErrPurged) || err == nil && was.committed:
		r.group.note(Notice{
			Message: fmt.Sprintf("XA ROLLBACK at %s: the binlog does not hold it as prepared, and may have it as committed", r.group.start)})
	case err != nil:
		return err
	}
	return r.rollback(ctx, e)
}

func (r *reader) tellAndFinish(ctx context.Context, e *event, what string) error {
	r.group.note(Notice{Message: what})
	return r.finish(ctx, e)
}

// commitTime: where no GTID event says it, the end of the group does.
func (r *reader) commitTime(e *event) time.Time {
	if !r.group.time.IsZero() {
		return r.group.time
	}
	return time.Unix(int64(e.time), 0)
}

// finish ends the group: its changes, what it says as a whole, its checkpoint.
func (r *reader) finish(ctx context.Context, e *event) error {
	if r.direct != nil {
		r.direct.done = true
		return nil
	}
	g := &r.group
	// Events of this group only: a GTID event that ends it belongs to the next.
	next := r.place
	if e.beginsGroup() {
		next.end -= uint64(e.size)
	}
	cp, ok := next.checkpoint()
	if !ok {
		// No dump can start past 4 GiB: until the next file begins, the group is what to go back to.
		cp = g.start
		cp.kind = pastGroup
	}
	d := direct{as: g.start, read: cp.Group(), time: r.commitTime(e), undone: g.undone}
	if g.overflow {
		if err := r.server.again(ctx, r, g.start, g.start, d.time, d.undone); err != nil {
			return fmt.Errorf("read the large transaction at %s again: %w", g.start, err)
		}
	}
	for _, h := range g.held {
		if err := r.deliver(ctx, h, g.arena[h.off:h.off+h.len], &d); err != nil {
			return err
		}
	}
	for _, n := range g.notices {
		n.At = cp
		if err := r.h.Notice(n); err != nil {
			return err
		}
	}
	r.cur, r.committed = cp, d.time
	r.group.reset()
	if !ok {
		return nil
	}
	return r.h.Checkpoint(cp, d.time)
}

// deliver decodes one rows event and hands over its changes, but for those up to
// cur. What can't be decoded is told at the group's end, never guessed or dropped.
func (r *reader) deliver(ctx context.Context, h heldRows, body []byte, d *direct) error {
	for _, u := range d.undone {
		if h.event >= u.from && h.event < u.to {
			return nil
		}
	}
	t, err := r.define(ctx, h.table, d)
	if err != nil {
		return r.undecodable(h, d.as, err)
	}
	if t == nil {
		return nil
	}
	rows, err := parseRows(h.typ, body)
	if err == nil {
		err = rows.bind(t, &r.inflater)
	}
	if err != nil {
		return r.undecodable(h, d.as, err)
	}
	c := &r.change
	*c = Change{Pos: d.as.change(h.event, 0), Table: t, Time: d.time}
	r.setOp(c, rows.op)
	err = r.each(&rows, c, func(err error) error { return r.undecodable(h, d.as, err) })
	r.before.Release() // a huge row may go
	r.after.Release()
	return err
}

// setOp makes c an op of the row that was read.
func (r *reader) setOp(c *Change, op Op) {
	c.Op, c.Before, c.After = op, &r.before, &r.after
	switch op {
	case Insert:
		c.Before = nil
	case Delete:
		c.After = nil
	}
}

// each hands over the changes of one rows event behind cur, and moves cur over them.
func (r *reader) each(rows *rowsEvent, c *Change, undecodable func(error) error) error {
	again := c.Pos.Compare(r.cur) <= 0 // some of them were handed over before the connection broke
	versioned := c.Table.RowEnd() >= 0
	for {
		ok, err := rows.next(&r.before, &r.after)
		if err != nil {
			return undecodable(err)
		}
		if !ok {
			return nil
		}
		hand := !again || c.Pos.Compare(r.cur) > 0
		if hand && versioned {
			op, err := seen(c.Table, rows.op, &r.before, &r.after)
			if err != nil {
				return undecodable(err)
			}
			r.setOp(c, op)
			hand = op != 0
		}
		if hand {
			if err := r.h.Change(c); err != nil {
				return err
			}
			r.cur = c.Pos
		}
		c.Pos.row++
	}
}

// define finds a mapped table's columns, once; nil for a sequence, which has no rows to hand over.
func (r *reader) define(ctx context.Context, m *mapped, d *direct) (*Table, error) {
	if m.defined != nil || m.err != nil {
		return m.defined, m.err
	}
	var def *schema.Table
	if m.tm.needsDef() {
		var err error
		if name := (ddl.Name{Schema: m.schema, Table: m.table}); m.tm.placed() {
			def, err = r.server.define(ctx, name, d.as, d.read)
		} else {
			def, err = r.server.hint(ctx, name, d.as)
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
	m.defined = r.server.same(m.defined)
	return m.defined, nil
}

// undecodable keeps an error of the data for the group's end; others are the caller's.
func (r *reader) undecodable(h heldRows, at Position, err error) error {
	for _, target := range []error{ErrSchema, ErrNoTable, ErrValue, ErrCorrupt} {
		if errors.Is(err, target) {
			r.group.note(Notice{Schema: h.table.schema, Table: h.table.table,
				Message: fmt.Sprintf("rows of %s.%s at %s can't be decoded: %v", h.table.schema, h.table.table, at.change(h.event, 0), err)})
			return nil
		}
	}
	return err
}
