package stream

import (
	"context"
	"time"
)

// fewSends is how many writes the first writer does by itself, for all shares.
// For so little, more cores cost more than they bring: each has to be woken,
// to fetch the frames and to look each up, and takes the readers' turn.
const fewSends = 2000

// serve is the writer's goroutine. What wakes it: the log, if it is the first or
// there is much to do (busy); a kick of the first, which found much, or found the
// lock taken; a kick of a client that has joined; the tick, for heartbeats.
func (w *writer) serve(ctx context.Context) {
	tick := time.NewTicker(max(w.all.server.config.Heartbeat/32, time.Millisecond))
	defer tick.Stop()
	for {
		wake := w.follow(ctx, tick.C)
		if w.all.list[0] == w {
			w.lead()
		} else if !w.all.busy.Load() {
			wake = nil // the first writer does it, or kicks
		}
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-w.kick:
		case <-tick.C:
			w.mu.Lock()
			w.beat()
			w.mu.Unlock()
		}
	}
}

// follow writes up to the log's end.
func (w *writer) follow(ctx context.Context, tick <-chan time.Time) (wake <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sends = 0
	for more := true; more && ctx.Err() == nil; {
		more, wake = w.step()
		select {
		case <-tick:
			w.beat()
		default:
		}
		w.mu.Unlock() // for a moment: clients can join and leave
		w.mu.Lock()
	}
	return wake
}

// lead sees to the shares of the other writers, when the first has come to the
// log's end: it does what is little, and leaves what is more to them.
func (w *writer) lead() {
	w.mu.Lock()
	busy := w.much()
	w.mu.Unlock()
	for _, other := range w.all.list[1:] {
		busy = busy || !other.help()
	}
	w.all.busy.Store(busy)
	if busy {
		w.all.share()
	}
}

// help does a share's work for its writer; false: it is too much, or was in the
// last round, or somebody is at it.
func (w *writer) help() bool {
	if !w.mu.TryLock() {
		return false
	}
	defer w.mu.Unlock()
	if w.much() {
		return false
	}
	w.sends = 0
	for more := true; more; {
		if more, _ = w.step(); w.much() {
			return false
		}
	}
	return true
}

// much tells whether a share has more to write than the first writer does alone.
func (w *writer) much() bool { return w.sends*len(w.all.list) > w.all.few }

// count notes writes that are about to be done. Where they are much in one share
// they mostly are in others, whose writers begin at once.
func (w *writer) count(sends int) {
	if w.sends += sends; w.much() && !w.all.busy.Swap(true) {
		w.all.share()
	}
}

// look makes the writer's goroutine look at the log.
func (w *writer) look() {
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// share has the writers behind the first look at the log themselves.
func (ws *writers) share() {
	for _, w := range ws.list[1:] {
		w.look()
	}
}
