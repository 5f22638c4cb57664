package cdc

import (
	"context"
	"time"
)

// Second readings: of groups that were too large to hold, of XA transactions
// that were prepared before the reading began, and of statements between then
// and now. Each has a connection of its own and ends with what it is for.

// again implements server.
func (s *Source) again(ctx context.Context, r *reader, start, as Position, at time.Time, undone []span) error {
	sub := newReader(r.h, s, r.cur)
	sub.direct = &direct{as: as, time: at, undone: undone}
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

// scan calls f with each event between two checkpoints, after p moved over it.
func (s *Source) scan(ctx context.Context, from, to Position, f func(p *place, e *event) error) error {
	p := place{file: from.file, end: uint64(from.pos)}
	reached := func() bool {
		cp, ok := p.checkpoint()
		return p.known && ok && cp.Compare(to.Group()) >= 0
	}
	return s.each(ctx, from, func(e *event) (bool, error) {
		if _, err := p.follow(e); err != nil {
			return true, err
		}
		if reached() && p.file != to.file {
			return true, nil // the file that to is in is gone, or was passed
		}
		err := f(&p, e)
		return reached(), err
	})
}
