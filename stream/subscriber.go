package stream

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"rowcast/stream/frame"
	"rowcast/stream/internal/history"
)

// subscriber is one client: a cursor and a way to it. A goroutine owns it while
// run is on its stack; a writer owns it otherwise.
type subscriber struct {
	history.Cursor
	server *Server
	wire   wire
	sock   *socket       // a connection taken over from net/http; nil: net/http's own
	gone   chan struct{} // closed when the client has left; nil while a writer owns it
	last   time.Time     // when something was sent
	poll   *pollWire     // of a long poll: it has no heartbeats; nil: a stream
}

// start brings a new client to where its id says and sends the first block.
// first is what the response begins with (retry, padding).
func (s *subscriber) start(ctx context.Context, id string, first []byte) error {
	buf := append(make([]byte, room, 512), first...) // a checkpoint follows, seldom more
	buf, err := s.server.history.Start(ctx, &s.Cursor, id, buf)
	if _, away := errors.AsType[later](err); away {
		buf = buf[:room] // a retry of its own takes the usual one's place
	}
	if err != nil {
		return s.finish(buf, err)
	}
	return s.send(buf)
}

// run serves the client until it leaves, the server drains, or a writer takes
// over. The error says why; errTaken is the last of these.
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
		buf, v, err := s.Next((*pooled)[:room], room+batchBytes, history.ToEnd)
		if len(buf) > room || s.Big != nil {
			if werr := s.deliver(buf, v); werr != nil {
				return werr
			}
			buf = buf[:room]
		}
		*pooled = buf[:room]
		buf, moved, err := s.server.history.Move(ctx, &s.Cursor, v, err, buf)
		if err != nil {
			return s.finish(buf, err)
		}
		if err := s.send(buf); err != nil {
			return err
		}
		switch {
		case s.server.draining.Load():
			return s.finish(buf[:room], later("the server is shutting down"))
		case ctx.Err() != nil:
			return ctx.Err()
		case s.answered(!moved && len(v.Frames) == 0):
			return errAnswered
		case moved || len(v.Frames) > 0:
			continue
		}
		if s.sock != nil && !s.Replaying() && !s.Ahead(v) {
			if joined, err := s.join(); joined || err != nil {
				return cmp.Or(err, errTaken)
			}
		}
		if err := s.idle(ctx, v, timer); err != nil {
			return err
		}
	}
}

// errTaken: a writer owns the subscriber now.
var errTaken = errors.New("a writer took over")

// batches holds the buffers of goroutines that are at work: small, since a big
// block never goes into one.
var batches = sync.Pool{New: func() any { b := make([]byte, room, room+batchBytes+2<<10); return &b }}

func (s *subscriber) deliver(buf []byte, v history.View) error {
	err := s.send(buf)
	if block := s.Big; block != nil && err == nil {
		s.Big = nil
		s.last = time.Now()
		s.server.metrics.bytes.Add(float64(len(block)))
		err = s.wire.block(block)
	}
	s.Took(v)
	return err
}

func (s *subscriber) send(buf []byte) error {
	if len(buf) == room {
		return nil
	}
	s.last = time.Now()
	s.server.metrics.bytes.Add(float64(len(buf) - room))
	return s.wire.send(buf)
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
		return s.send(s.heartbeat(make([]byte, room, 256)))
	case <-s.gone:
		return errLeft
	case <-s.server.drain:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

var errLeft = errors.New("the client has left")

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
		buf = s.server.appendLater(buf)
	}
	s.server.metrics.bytes.Add(float64(len(buf) - room))
	if werr := s.wire.end(buf); werr != nil {
		return werr
	}
	return err
}
