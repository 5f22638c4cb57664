package fanout

import (
	"context"
	"time"
)

// Pace is for the live feed: it waits while members lag by so much that they would soon
// fall out of the Log, all of them, and need a replay, because this machine is busy or
// one transaction is huge. The pool waits for no client, so that a slow one holds nobody
// up here either. A pool that does not move is not waited for, until it has caught up.
func (p *Pool) Pace(ctx context.Context) error {
	if !p.lagging() {
		p.gaveUp = false
		return nil
	}
	if p.gaveUp {
		return nil
	}
	timer := time.NewTimer(p.Patience)
	defer timer.Stop()
	for p.lagging() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.moved:
			timer.Reset(p.Patience)
		case <-timer.C:
			p.gaveUp = true
			return nil
		}
	}
	return nil
}

func (p *Pool) lagging() bool {
	place := p.place.Load()
	return place > 0 && p.log.Lagging(place-1)
}

// note tells Pace where the pool stands; under mu.
func (p *Pool) note() {
	place := p.at.Seq + 1
	if len(p.members) == 0 {
		place = 0
	}
	if p.place.Swap(place) != place {
		select {
		case p.moved <- struct{}{}:
		default:
		}
	}
}
