package stream

import (
	"context"
	"errors"
	"sync"
	"time"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

// later says that the client shall come back: 200, a jittered retry, a close.
type later struct{ why string }

func (e later) Error() string { return e.why }

// locate puts the cursor where everything behind pos can be had; zero: from now
// on. buf takes what the client has to hear of a config that changed. Errors:
// loss, later, errGone.
func (s *Server) locate(ctx context.Context, c *cursor, pos cdc.Position, buf []byte) ([]byte, error) {
	s.recheck(!pos.IsZero())
	p := s.live.log.find(pos)
	switch p.where {
	case nowhere:
		return buf, later{"the database can't be reached"}
	case foreign:
		return buf, frame.Foreign
	case below: // also from now on, while a group that is larger than history is being read
		return s.lanes.join(ctx, c, p.pos, buf)
	case above:
		now, err := s.now.get(ctx, s.source, pos)
		switch {
		case err != nil:
			return buf, later{"the database can't be reached"}
		case !now.SameHistory(pos):
			return buf, frame.Foreign
		case pos.Compare(now) > 0 && begunBefore(pos, now):
			return buf, frame.Foreign
		case pos.Compare(now) > 0:
			return buf, frame.Ahead
		}
	case here:
		if why, ok := s.live.log.judge(pos); !ok && !pos.IsZero() {
			return buf, why
		}
	}
	return c.attach(s.live.log, nil, p, p.pos, buf)
}

// begunBefore: files are numbered in the order in which they are begun, so a file
// of a higher number that was begun earlier is of before a RESET.
func begunBefore(pos, now cdc.Position) bool {
	begun, ok := pos.Lineage()
	newest, known := now.Lineage()
	return ok && known && pos.File() != now.File() && begun < newest
}

// attach moves the cursor to a place in a log.
func (c *cursor) attach(l *Log, lane *lane, p place, pos cdc.Position, buf []byte) ([]byte, error) {
	if c.lane != nil && c.lane != lane {
		c.lane.leave(c)
	}
	c.log, c.lane, c.seq, c.losses, c.pos = l, lane, p.seq, p.losses, pos
	c.active = p.where == here
	return c.bind(buf, p.catalog)
}

// detach lets go of a lane.
func (c *cursor) detach() {
	if c.lane != nil {
		c.lane.leave(c)
		c.lane = nil
	}
}

// restart puts the cursor at the newest checkpoint and tells the client why.
func (s *Server) restart(ctx context.Context, c *cursor, why frame.Loss, lastID string, buf []byte) ([]byte, error) {
	p := s.live.log.find(cdc.Position{})
	if p.where == nowhere {
		return buf, later{"the database can't be reached"}
	}
	s.metrics.resumes.WithLabelValues("reset", why.Reason).Inc()
	buf = frame.AppendReset(buf, p.head, why, lastID)
	c.sent = p.head
	if p.where == below { // as in locate
		return s.lanes.join(ctx, c, p.head, buf)
	}
	return c.attach(s.live.log, nil, p, p.head, buf)
}

// nowCache asks the server for its binlog's end, once for all who ask at a time:
// ids that lie ahead are client input and must not become a load.
type nowCache struct {
	mu    sync.Mutex
	at    time.Time // when the newest question began
	pos   cdc.Position
	err   error
	ready chan struct{} // a question under way
}

const (
	nowLasts   = time.Second            // an answer that an id is not ahead of, and a failure
	nowPause   = 100 * time.Millisecond // between two questions
	nowTimeout = 5 * time.Second
)

// get returns the binlog's end, as it was when get was called or later, unless an
// older answer already lies behind id. An id may be newer than such an answer: its
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
