package cdc

import (
	"context"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
)

// Second readings: of groups that were too large to hold, and of XA transactions
// that were prepared before the reading began. Each has a connection of its own
// and ends with what it is for.

// again implements server.
func (s *Source) again(ctx context.Context, r *reader, start, as Position, at time.Time, undone []span) error {
	sub := newReader(r.h, r.server, r.cur)
	sub.direct = &direct{as: as, read: as, time: at, undone: undone}
	sub.flavor = r.flavor
	sub.first = true
	sub.place = place{file: start.file, end: uint64(start.pos)}
	err := s.each(ctx, start, func(e *event) (bool, error) {
		err := sub.event(ctx, e)
		return sub.direct.done, err
	})
	// Also after an error: the next try goes on behind what was handed over.
	r.cur = sub.cur
	if err != nil {
		return err
	}
	for _, n := range sub.group.notices {
		r.group.note(n)
	}
	return nil
}

// each reads the events of a dump of its own from a checkpoint until f says that it is done.
func (s *Source) each(ctx context.Context, from Position, f func(*event) (done bool, err error)) error {
	c, err := s.Connect(ctx)
	if err != nil {
		return err
	}
	return s.eachOn(ctx, c, from, f)
}

func (s *Source) eachOn(ctx context.Context, c *client.Conn, from Position, f func(*event) (bool, error)) error {
	d, err := s.dump(ctx, c, s.identify(c), from, false)
	if err != nil {
		return err
	}
	defer s.end(d)
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
