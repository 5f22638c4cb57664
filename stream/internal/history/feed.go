package history

import (
	"context"
	"time"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

// feed is Source → Encoder → Log. The live feed and the lanes are feeds.
type feed struct {
	*frame.Encoder
	log     *Log
	pending []*frame.Frame
	bytes   int64
	pace    func() error                           // waits before frames are published; may be nil
	reached func(p cdc.Position) error             // called after; p is zero in mid-group
	count   func(c *frame.Catalog, f *frame.Frame) // may be nil
	swapped func(c *frame.Catalog)                 // another config is in force; may be nil
}

func newFeed(c *frame.Catalog, limit int64) *feed {
	f := &feed{log: newLog(limit, c)}
	f.Encoder = frame.NewEncoder(c, frame.Output{Frame: f.add, Checkpoint: f.flush, Before: f.rest, Swapped: f.swap})
	return f
}

func (f *feed) swap(c *frame.Catalog) {
	f.log.swap(c)
	if f.swapped != nil {
		f.swapped(c)
	}
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
		if err := f.pace(); err != nil {
			return err
		}
	}
	f.log.publish(f.pending, p, at)
	f.drop()
	return f.reached(p)
}

// drop empties pending.
func (f *feed) drop() {
	clear(f.pending)
	f.pending, f.bytes = f.pending[:0], 0
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
