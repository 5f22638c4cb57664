package cdc

import (
	"context"
	"slices"
	"time"
)

// Rows are the changes of one rows event, packed as the binlog has them. They
// are valid until the Handler that got them returns.
type Rows interface {
	// Len is how many bytes they are, unfolded if they are compressed.
	Len() int
	// Each decodes the changes, one after the other, and hands each to f; an error
	// of f ends that and is returned. What can't be decoded ends it too, without an
	// error: a Notice tells of it. One goroutine may do this for these Rows while
	// others do it for others, each with a Decoder of its own.
	Each(d *Decoder, f func(*Change) error) error
}

// Decoder is what decoding Rows needs, kept so that a change costs no
// allocation. The zero Decoder is ready; it is not safe for concurrent use.
type Decoder struct {
	before, after Image
	inflater      inflater
	change        Change // the one that is handed over
}

// packedRows implements Rows.
type packedRows struct {
	held  heldRows
	body  []byte
	table *Table
	pos   Position // of its first change
	time  time.Time
	done  Position // changes up to here were handed over before: the connection broke
	last  Position // the newest that was handed over; zero: none
	err   error    // what could not be decoded
}

// Len implements Rows.
func (p *packedRows) Len() int {
	if rows, err := parseRows(p.held.typ, p.body); err == nil && rows.compressed {
		return inflatedSize(rows.rows)
	}
	return len(p.body)
}

// Each implements Rows.
func (p *packedRows) Each(d *Decoder, f func(*Change) error) error {
	rows, err := parseRows(p.held.typ, p.body)
	if err == nil {
		err = rows.bind(p.table, &d.inflater)
	}
	if err != nil {
		p.err = err
		return nil
	}
	c := &d.change
	*c = Change{Pos: p.pos, Table: p.table, Time: p.time, Op: rows.op}
	if c.Op != Insert {
		c.Before = &d.before
	}
	if c.Op != Delete {
		c.After = &d.after
	}
	defer d.inflater.shrink()
	again := c.Pos.Compare(p.done) <= 0
	for {
		ok, err := rows.next(&d.before, &d.after)
		if err != nil {
			p.err = err
			return nil
		}
		if !ok {
			return nil
		}
		if !again || c.Pos.Compare(p.done) > 0 {
			if err := f(c); err != nil {
				return err
			}
			p.last = c.Pos
		}
		c.Pos.row++
	}
}

// maxBatch is how many rows events a Handler gets at once.
const maxBatch = 256

// deliver hands over the changes of rows events, but for those up to cur, and
// moves cur over them. What can't be decoded is told at the group's end, never
// guessed or dropped.
func (r *reader) deliver(ctx context.Context, held []heldRows, arena []byte, d *direct) error {
	for len(held) > 0 {
		n := min(len(held), maxBatch)
		if err := r.batch(ctx, held[:n], arena, d); err != nil {
			return err
		}
		held = held[n:]
	}
	return nil
}

func (r *reader) batch(ctx context.Context, held []heldRows, arena []byte, d *direct) error {
	defer func() { clear(r.packed) }() // the tables and bytes they point to may go
	r.packed, r.handed = slices.Grow(r.packed[:0], len(held)), r.handed[:0]
	for _, h := range held {
		if slices.ContainsFunc(d.undone, func(u span) bool { return h.event >= u.from && h.event < u.to }) {
			continue
		}
		t, err := r.define(ctx, h.table, d.as)
		if err != nil {
			if err := r.undecodable(h, d.as, err); err != nil {
				return err
			}
			continue
		}
		r.packed = append(r.packed, packedRows{held: h, body: arena[h.off : h.off+h.len], table: t, pos: d.as.change(h.event, 0), time: d.time, done: r.cur})
		r.handed = append(r.handed, &r.packed[len(r.packed)-1])
	}
	if len(r.handed) == 0 {
		return nil
	}
	if err := r.h.Rows(r.handed); err != nil {
		return err
	}
	for i := range r.packed {
		p := &r.packed[i]
		if !p.last.IsZero() {
			r.cur = p.last
		}
		if p.err != nil {
			if err := r.undecodable(p.held, d.as, p.err); err != nil {
				return err
			}
		}
	}
	return nil
}
