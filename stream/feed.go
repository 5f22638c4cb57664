package stream

import (
	"context"
	"errors"
	"time"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

// pieceBytes is how much of one group becomes visible at once, at most: a log has
// room for several pieces. A smaller group appears whole.
const pieceBytes = 1 << 20

// feed is Source → Renderer → Log. The live feed and the lanes are feeds.
type feed struct {
	*frame.Encoder
	log     *Log
	ctx     context.Context // of the reading; ends a wait
	pending []*frame.Frame
	bytes   int64
	pace    func(ctx context.Context) error // waits before frames are published; may be nil
	reached func(p cdc.Position) error
	count   func(c *frame.Catalog, f *frame.Frame) // may be nil
}

func newFeed(c *frame.Catalog, limit int64) *feed {
	f := &feed{log: newLog(limit, c)}
	f.Encoder = frame.NewEncoder(c, frame.Output{Frame: f.add, Checkpoint: f.flush, Before: f.rest, Swapped: f.log.swap})
	return f
}

// add takes a frame of the group under way. Frames of one position stay in one
// piece: a cursor that moves between logs compares positions.
func (f *feed) add(fr *frame.Frame) error {
	if n := len(f.pending); f.bytes >= min(pieceBytes, f.log.limit/8) && fr.Pos.Compare(f.pending[n-1].Pos) != 0 {
		if err := f.flush(cdc.Position{}, time.Time{}); err != nil {
			return err
		}
	}
	f.pending = append(f.pending, fr)
	f.bytes += fr.Size()
	if f.count != nil {
		f.count(f.Catalog(), fr)
	}
	return nil
}

// rest publishes what a group without a checkpoint at its end has left.
func (f *feed) rest() error {
	if len(f.pending) == 0 {
		return nil
	}
	return f.flush(cdc.Position{}, time.Time{})
}

// flush makes what is pending visible and, where p is not zero, ends a group.
func (f *feed) flush(p cdc.Position, at time.Time) error {
	if f.pace != nil && len(f.pending) > 0 {
		if err := f.pace(f.ctx); err != nil {
			return err
		}
	}
	f.log.publish(f.pending, p, at)
	clear(f.pending)
	f.pending, f.bytes = f.pending[:0], 0
	if f.reached != nil {
		return f.reached(p)
	}
	return nil
}

// forget drops what a broken reading left behind.
func (f *feed) forget() {
	clear(f.pending)
	f.pending, f.bytes = f.pending[:0], 0
	f.Forget()
}

// again is how long the live feed waits before it begins anew after a loss.
const again = time.Second

// runLive follows the binlog until ctx ends or the source refuses for good.
func (s *Server) runLive(ctx context.Context) error {
	f := s.live
	for {
		reading, stop := s.reading(ctx)
		f.ctx = reading
		err := s.source.Read(reading, cdc.Position{}, f)
		why, ok := frame.LossOf(err)
		ended := errors.As(context.Cause(reading), &why)
		stop(nil)
		if ctx.Err() != nil {
			return nil
		}
		if !ok && !ended {
			return err
		}
		s.logger.Error("exactness is lost; every client gets a reset, and the live feed begins anew", "reason", why.Reason, "cause", err)
		f.forget()
		f.log.lose(why)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(again):
		}
	}
}

// Pacing of the live feed. It never waits for a slow client; but while everybody
// who wants the frames is behind by half of history, because one transaction is
// huge, a wait is cheaper than a replay for each. Readers slower than
// paceBytes in paceSlice count as slow and are not waited for.
const (
	paceSlice = 250 * time.Millisecond
	paceBytes = 1 << 20
	pacePoll  = 2 * time.Millisecond
)

// livePace waits while the fastest reader that is at work is far behind.
func (s *Server) livePace() func(ctx context.Context) error {
	gaveUp := false // until readers have caught up
	return func(ctx context.Context) error {
		behind, taken := s.live.log.backlog()
		if behind < s.live.log.limit/2 {
			gaveUp = gaveUp && behind > s.live.log.limit/4
			return nil
		}
		if gaveUp {
			return nil
		}
		slice, mark := time.Now(), taken
		for behind >= s.live.log.limit/2 {
			if err := pause(ctx, pacePoll); err != nil {
				return err
			}
			behind, taken = s.live.log.backlog()
			if time.Since(slice) < paceSlice {
				continue
			}
			if taken-mark < paceBytes {
				gaveUp = true
				return nil
			}
			slice, mark = time.Now(), taken
		}
		return nil
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
