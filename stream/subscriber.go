package stream

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"rowcast/stream/frame"
	"rowcast/stream/internal/fanout"
	"rowcast/stream/internal/history"
)

// subscriber is one client while a goroutine serves it: a cursor and a way to it.
type subscriber struct {
	history.Cursor
	server *Server
	wire   wire
	taken  *fanout.Response // the wire, where it is a connection taken over from net/http; else nil
	last   time.Time        // when something was sent
	poll   *pollWire        // the wire of a long poll, which has no heartbeats; else nil

	sentRows int // of the stream whose rows are under way
}

// serve is start, run and release.
func (s *subscriber) serve(ctx context.Context, id string) error {
	err := s.start(ctx, id, s.server.greeting())
	if err == nil {
		err = s.run(ctx)
	} else {
		s.Detach()
	}
	s.release(err)
	return err
}

// release closes the connection, unless the pool has it now.
func (s *subscriber) release(err error) {
	if s.taken != nil && !errors.Is(err, errJoined) {
		s.server.pool.Release(s.taken)
	}
}

// start brings a new client to where its id says and sends the first block.
// first is what the response begins with (retry, padding).
func (s *subscriber) start(ctx context.Context, id string, first []byte) error {
	buf := append(make([]byte, 0, 512), first...) // a checkpoint follows, seldom more
	buf, err := s.server.history.Start(ctx, &s.Cursor, id, buf)
	if _, away := errors.AsType[later](err); away {
		buf = buf[:0] // a retry of its own takes the usual one's place
	}
	if err != nil {
		return s.finish(buf, err)
	}
	return s.send(buf)
}

// run serves the client until it leaves, the server drains, or it joins the pool.
// The error says why; errJoined is the last of these.
func (s *subscriber) run(ctx context.Context) error {
	defer s.Detach()
	if s.poll != nil {
		s.poll.from = s.Pos
		defer func() { s.poll.replayed = s.Replaying() }()
	}
	pooled := batches.Get().(*[]byte)
	defer batches.Put(pooled)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if s.Rows.Pending != 0 {
			if err := s.sendRows(ctx); err != nil {
				return err
			}
		}
		buf, v, err := s.Next((*pooled)[:0], batchBytes, history.ToEnd)
		if len(buf) > 0 || s.Big != nil {
			if werr := s.deliver(buf, v); werr != nil {
				return werr
			}
			buf = buf[:0]
		}
		*pooled = buf[:0]
		if s.Rows.Pending != 0 && err == nil {
			continue
		}
		buf, moved, err := s.server.history.Move(ctx, &s.Cursor, v, err, buf)
		if err != nil {
			return s.finish(buf, err)
		}
		if err := s.send(buf); err != nil {
			return err
		}
		switch {
		case s.server.clients.closing.Load():
			return s.finish(buf[:0], shuttingDown)
		case ctx.Err() != nil:
			return ctx.Err()
		case s.answered(!moved && len(v.Frames) == 0):
			return errAnswered
		case moved || len(v.Frames) > 0:
			continue
		}
		if s.taken != nil && !s.Replaying() && !s.Ahead(v) {
			if joined, err := s.server.pool.Join(s.taken, &s.Cursor, s.last); joined || err != nil {
				return cmp.Or(err, errJoined)
			}
		}
		if err := s.idle(ctx, v, timer); err != nil {
			return err
		}
	}
}

// errJoined: the pool serves the client now.
var errJoined = errors.New("the client has joined the pool")

// batches holds the buffers of goroutines that are at work: small, since a big
// block never goes into one.
var batches = sync.Pool{New: func() any { b := make([]byte, 0, batchBytes+2<<10); return &b }}

func (s *subscriber) deliver(buf []byte, v history.View) error {
	err := s.send(buf)
	if block := s.Big; block != nil && err == nil {
		s.Big = nil
		err = s.send(block)
	}
	s.Took(v)
	return err
}

func (s *subscriber) send(parts ...[]byte) error {
	n := 0
	for _, b := range parts {
		n += len(b)
	}
	if n == 0 {
		return nil
	}
	s.last = time.Now()
	s.server.metrics.wrote(n)
	return s.wire.Send(parts...)
}

// idle waits for frames, a heartbeat, or the end.
func (s *subscriber) idle(ctx context.Context, v history.View, timer *time.Timer) error {
	next := s.last.Add(s.server.config.Heartbeat)
	if s.poll != nil {
		next = s.due()
	}
	timer.Reset(time.Until(next))
	select {
	case <-v.Wake:
		return nil
	case <-timer.C:
		if s.poll != nil {
			return nil
		}
		return s.send(s.heartbeat(nil))
	case <-s.gone():
		return fanout.ErrLeft
	case <-s.server.clients.closed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// gone is closed when a client whose connection was taken over has left; net/http has
// the context end.
func (s *subscriber) gone() <-chan struct{} {
	if s.taken == nil {
		return nil
	}
	return s.taken.Gone()
}

// heartbeat is the checkpoint where it moved, else the shortest comment.
func (s *subscriber) heartbeat(b []byte) []byte {
	if p, ok := s.Checkpoint(); ok {
		s.Sent = p
		b = frame.AppendCheckpoint(b, p)
	} else if s.server.config.Ping == "" {
		b = append(b, ":\n"...)
	}
	return s.server.appendPing(b)
}

func (s *Server) appendPing(b []byte) []byte {
	if s.config.Ping == "" {
		return b
	}
	b = append(append(b, "event: "...), s.config.Ping...)
	b = append(b, "\ndata: {\"time\":\""...)
	b = time.Now().UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
	return append(b, "\"}\n\n"...)
}

// finish ends the response. later asks the client to come back at a time of its own.
func (s *subscriber) finish(buf []byte, err error) error {
	if _, ok := errors.AsType[later](err); ok {
		buf = s.server.appendRetry(buf)
	}
	s.server.metrics.wrote(len(buf))
	if werr := s.wire.End(buf); werr != nil {
		return werr
	}
	return err
}
