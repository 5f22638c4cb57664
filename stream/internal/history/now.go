package history

import (
	"context"
	"errors"
	"sync"
	"time"

	"rowcast/cdc"
)

// nowCache asks the server for its binlog's end, once for all who ask at a time:
// ids that lie ahead are client input and must not become a load.
type nowCache struct {
	mu    sync.Mutex
	at    time.Time // when the newest question began
	pos   cdc.Position
	err   error
	ready chan struct{} // a question under way
}

// get returns the binlog's end, as it was when get was called or later, unless an
// older answer is not before id. An id may be newer than such an answer: its
// client got it from another instance a moment ago, and is not ahead for that.
func (n *nowCache) get(ctx context.Context, src Source, id cdc.Position) (cdc.Position, error) {
	for late := false; ; late = true {
		n.mu.Lock()
		ready, pos, err := n.ready, n.pos, n.err
		fresh := !n.at.IsZero() && time.Since(n.at) < nowLasts
		if ready == nil && fresh && (err != nil || id.Compare(pos) <= 0) {
			n.mu.Unlock()
			return pos, err
		}
		if ready == nil {
			ready = make(chan struct{})
			n.ready = ready
			wait := nowPause - time.Since(n.at)
			n.mu.Unlock()
			return n.ask(ctx, src, wait, ready)
		}
		n.mu.Unlock()
		select {
		case <-ready:
		case <-ctx.Done():
			return cdc.Position{}, ctx.Err()
		}
		if late { // that question began after this call
			n.mu.Lock()
			defer n.mu.Unlock()
			return n.pos, n.err
		}
	}
}

// ask puts the question. Others wait for the answer: it must not end with the
// client that asked first.
func (n *nowCache) ask(ctx context.Context, src Source, wait time.Duration, ready chan struct{}) (cdc.Position, error) {
	ctx = context.WithoutCancel(ctx)
	_ = pause(ctx, wait) // that context never ends
	begun := time.Now()
	ctx, cancel := context.WithTimeout(ctx, nowTimeout)
	defer cancel()
	pos, err := cdc.Position{}, errors.New("the question for the binlog's end failed") // what others hear of a panic
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.pos, n.err, n.at, n.ready = pos, err, begun, nil
		close(ready)
	}()
	pos, err = src.Now(ctx)
	return pos, err
}
