package cdc

import (
	"context"

	"github.com/go-mysql-org/go-mysql/client"

	"rowcast/cdc/internal/ddl"
)

// Second readings: of groups that were too large to hold, and of XA transactions
// that were prepared before the reading began. Each has a connection of its own
// and ends with what it is for.

// again implements server.
func (s *Source) again(ctx context.Context, d *delivery, start Position, o outcome) error {
	clear(d.maps) // each group has table maps of its own
	defer clear(d.maps)
	r := rereading{place: place{file: start.file, end: uint64(start.pos)}, delivery: d, outcome: o}
	return s.each(ctx, start, func(e *event) (done bool, err error) {
		rotated, err := r.follow(e)
		if err == nil && !rotated {
			err = r.event(ctx, e)
		}
		return rotated || r.done, err
	})
}

// rereading reads one group.
type rereading struct {
	place
	*delivery
	outcome
	payload     payload
	rows        uint32 // rows events so far
	began, done bool
}

func (r *rereading) event(ctx context.Context, e *event) error {
	switch e.class().kind {
	case beginsGroup:
		r.began, r.done = true, r.began
	case mapsTable:
		return r.located(r.tableMap(e))
	case rowsOfTable:
		m, err := r.tableOf(e)
		if err != nil {
			return r.located(err)
		}
		h := heldRows{typ: byte(e.typ), table: m, event: r.rows}
		r.rows++
		if m != nil {
			return r.deliver(ctx, h, e.body, &r.outcome)
		}
	case commits, prepares:
		r.done = true
	case statement:
		q, err := parseQuery(e)
		if err != nil {
			return err
		}
		switch verb, _ := ddl.TransactionControl(q.text); verb {
		case "COMMIT", "ROLLBACK", "XA COMMIT", "XA ROLLBACK":
			r.done = true
		}
	case unpacks:
		return r.payload.each(e, func(inner *event) error { return r.event(ctx, inner) })
	}
	return nil
}

// each reads the events of a dump of its own from a checkpoint until f says that it is done.
func (s *Source) each(ctx context.Context, from Position, f func(*event) (done bool, err error)) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	return s.eachOn(ctx, c, from, f)
}

func (s *Source) eachOn(ctx context.Context, c *client.Conn, from Position, f func(*event) (bool, error)) error {
	d, err := s.dump(c, from, anyReplica(c))
	if err != nil {
		return err
	}
	defer s.end(ctx, d)
	var e event
	for seen := false; ; seen = true {
		if err := d.next(&e); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return s.judge(ctx, d, err, from, seen)
		}
		s.status.update(func(st *Status) { st.BytesRead += uint64(e.size) })
		if done, err := f(&e); done || err != nil {
			return err
		}
	}
}
