package stream

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

// subscriber is one client: a cursor and a way to it. A goroutine owns it while
// run is on its stack; a writer owns it otherwise.
type subscriber struct {
	cursor
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
	pos, err := cdc.Position{}, error(nil)
	source := "now"
	if id != "" {
		source = "history"
		pos, err = cdc.ParsePosition(id)
	}
	switch {
	case err != nil:
		err = frame.Loss{Reason: frame.Invalid.Reason, Message: frame.Invalid.Message + " (" + err.Error() + ")"}
	case !s.server.source.Status().Connected:
		err = later{"the database can't be reached"} // who is here already stays, and misses nothing
	default:
		s.sent = pos
		buf, err = s.server.locate(ctx, &s.cursor, pos, buf)
	}
	var why frame.Loss
	switch {
	case errors.As(err, &why):
		buf, err = s.server.restart(ctx, &s.cursor, why, id, buf)
	case err == nil:
		if s.lane != nil {
			source = "binlog"
		}
		s.server.metrics.resumes.WithLabelValues(source, "").Inc()
		s.sent = s.pos
		buf = frame.AppendCheckpoint(buf, s.pos)
	}
	if _, away := errors.AsType[later](err); away {
		buf = buf[:room] // the retry of who is sent away takes the usual one's place
	}
	if err != nil {
		return s.finish(buf, err)
	}
	return s.send(buf)
}

// run serves the client until it leaves, the server drains, or a writer takes
// over. The error says why; errTaken is the last of these.
func (s *subscriber) run(ctx context.Context) error {
	defer s.detach()
	if s.poll != nil {
		s.poll.from = s.pos
	}
	pooled := batches.Get().(*[]byte)
	defer batches.Put(pooled)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		buf, v, err := s.next((*pooled)[:room], room+batchBytes, toEnd)
		if len(buf) > room || s.big != nil {
			if werr := s.deliver(buf, v); werr != nil {
				return werr
			}
			buf = buf[:room]
		}
		*pooled = buf[:room]
		moved, err := s.move(ctx, v, err, buf)
		switch {
		case err != nil:
			return err
		case s.server.draining.Load():
			return s.finish(buf[:room], later{"the server is shutting down"})
		case ctx.Err() != nil:
			return ctx.Err()
		case s.answered(!moved && len(v.frames) == 0):
			return errAnswered
		case moved || len(v.frames) > 0:
			continue
		}
		skipping := s.pos.Compare(v.reach) > 0
		if s.sock != nil && s.lane == nil && !skipping {
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

func (s *subscriber) deliver(buf []byte, v view) error {
	s.log.working(+1, 0)
	err := s.send(buf)
	if block := s.big; block != nil && err == nil {
		s.big = nil
		s.last = time.Now()
		s.server.metrics.bytes.Add(float64(len(block)))
		err = s.wire.block(block)
	}
	s.log.working(-1, v.total)
	s.tell(v)
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

// move deals with everything but the common case, and sends what there is to say.
func (s *subscriber) move(ctx context.Context, v view, err error, buf []byte) (moved bool, _ error) {
	moved = true
	switch {
	case errors.Is(err, errBehind):
		if s.lane == nil {
			s.lagged = true
			s.server.metrics.resumes.WithLabelValues("binlog", "").Inc()
		}
		buf, err = s.relocate(ctx, buf)
	case err != nil:
	case s.lane != nil && s.goesOnLive():
		buf, err = s.relocate(ctx, buf)
	case len(v.frames) > 0:
		return false, nil
	case s.pos.Compare(v.reach) > 0 && s.log.find(s.pos).where == foreign:
		buf, err = s.reset(ctx, frame.Foreign, buf)
	case v.closed != nil:
		buf, err = s.afterLane(ctx, v, buf)
	default:
		return false, nil
	}
	if err != nil {
		return true, s.finish(buf, err)
	}
	return true, s.send(buf)
}

// goesOnLive tells whether the live log has what follows. Not under another config:
// one transaction is judged by one.
func (s *subscriber) goesOnLive() bool {
	p := s.server.live.log.find(s.pos)
	return p.where == here && p.catalog == s.sub.Catalog()
}

func (s *subscriber) relocate(ctx context.Context, buf []byte) ([]byte, error) {
	buf, err := s.server.locate(ctx, &s.cursor, s.pos, buf)
	var why frame.Loss
	if errors.As(err, &why) {
		return s.reset(ctx, why, buf)
	}
	return buf, err
}

func (s *subscriber) reset(ctx context.Context, why frame.Loss, buf []byte) ([]byte, error) {
	if s.lagged && why.Reason == "purged" {
		why = frame.Slow
	}
	s.lagged = false
	return s.server.restart(ctx, &s.cursor, why, idText(s.sent), buf)
}

// afterLane decides for a client that has taken all of a lane that ended. Only
// the client from whose position the lane began is judged by what the source
// said of it: others that shared the lane may well be served.
func (s *subscriber) afterLane(ctx context.Context, v view, buf []byte) ([]byte, error) {
	why, refused := frame.LossOf(v.closed)
	progress := v.version > 1 || s.lane.log.totalNow() > 0 // its start alone is none
	switch {
	case refused && !progress && s.lane.culprit(s.pos, why):
		return s.reset(ctx, why, buf)
	case refused || errors.Is(v.closed, errMet) || errors.Is(v.closed, errUnwanted) || errors.Is(v.closed, errSealed):
		return s.relocate(ctx, buf)
	}
	if p, ok := s.checkpoint(); ok {
		s.sent = p
		buf = frame.AppendCheckpoint(buf, p)
	}
	return buf, later{v.closed.Error()}
}

// culprit tells whether a refusal of the lane's start holds for pos as well.
func (l *lane) culprit(pos cdc.Position, why frame.Loss) bool {
	return pos.File() == l.from.File() && (why.Reason != "invalid" || pos.Offset() == l.from.Offset())
}

// idle waits for frames, a heartbeat, or the end.
func (s *subscriber) idle(ctx context.Context, v view, timer *time.Timer) error {
	next := s.last.Add(s.server.config.Heartbeat)
	if s.poll != nil {
		next = s.due()
	}
	timer.Reset(time.Until(next))
	select {
	case <-v.wake:
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
	if p, ok := s.checkpoint(); ok {
		s.sent = p
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
