package cdc

import (
	"context"
	"time"
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
