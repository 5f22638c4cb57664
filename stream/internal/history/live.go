package history

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

// liveFeed follows the binlog for ever.
//
// A RESET of the binlog does not end the dump that is under way: the server lets
// it hang until the new file has outgrown the old one, and until then ids of the
// old binlog would seem fine. At rest the server is not asked, so the question is
// put when a client comes, for all that come meanwhile at once: soon for one with
// an id, which could be of the old binlog, now and then for others.
type liveFeed struct {
	*feed
	paced  func(ctx context.Context) error // Options.Pace
	source Source
	logger *slog.Logger
	lost   bool // exactness, and the next reading's first checkpoint has still to come

	follower Follower

	rechecks  chan struct{} // capacity 1: one look at the server serves all that asked for it
	rechecked atomic.Int64  // when the newest look began, unix nanoseconds

	mu  sync.Mutex
	end context.CancelCauseFunc // of the reading under way
}

func newLiveFeed(c *frame.Catalog, src Source, o Options) *liveFeed {
	f := &liveFeed{feed: newFeed(c, o.History), source: src, logger: o.Logger, rechecks: make(chan struct{}, 1)}
	f.count, f.paced = o.Published, o.Pace
	if f.follower = o.Follower; f.follower == nil {
		f.follower = nobody{}
	}
	f.swapped = f.follower.Swap
	return f
}

// Follower sees what the live feed reads, on its goroutine: it knows the tables as they
// are at each checkpoint that the live Log has.
type Follower interface {
	Begin(at cdc.Position)      // a group begins; also again, after a reconnect
	Change(c *cdc.Change)       // of the group; valid until it returns
	Notice(n cdc.Notice)        // what the group did to a table is not known
	Checkpoint(at cdc.Position) // the group has ended and its frames are in the Log
	Swap(c *frame.Catalog)      // another config holds from here on
	Lost()                      // the feed begins again elsewhere
}

// nobody follows.
type nobody struct{}

func (nobody) Begin(cdc.Position)      {}
func (nobody) Change(*cdc.Change)      {}
func (nobody) Notice(cdc.Notice)       {}
func (nobody) Checkpoint(cdc.Position) {}
func (nobody) Swap(*frame.Catalog)     {}
func (nobody) Lost()                   {}

// Begin implements cdc.Handler, as do the next three.
func (f *liveFeed) Begin(at cdc.Position) error {
	if err := f.feed.Begin(at); err != nil {
		return err
	}
	f.follower.Begin(at)
	return nil
}

func (f *liveFeed) Change(c *cdc.Change) error {
	f.follower.Change(c)
	return f.feed.Change(c)
}

func (f *liveFeed) Notice(n cdc.Notice) error {
	f.follower.Notice(n)
	return f.feed.Notice(n)
}

func (f *liveFeed) Checkpoint(p cdc.Position, at time.Time) error {
	if err := f.feed.Checkpoint(p, at); err != nil {
		return err
	}
	f.follower.Checkpoint(p)
	return nil
}

// run follows the binlog until ctx ends or the source refuses for good.
func (f *liveFeed) run(ctx context.Context) error {
	for {
		reading, end := f.begin(ctx)
		if f.paced != nil {
			f.pace = func() error { return f.paced(reading) }
		}
		err := f.source.Read(reading, cdc.Position{}, f)
		why, ok := frame.LossOf(err)
		ended := errors.As(context.Cause(reading), &why)
		end(nil)
		if ctx.Err() != nil {
			return nil
		}
		if !ok && !ended {
			return err
		}
		f.logger.Error("exactness is lost; every client gets a reset, and the live feed begins again", "reason", why.Reason, "cause", err)
		f.drop() // what the reading has left of a group
		f.Forget()
		f.log.lose(why)
		f.follower.Lost()
		f.lost = true
		if pause(ctx, again) != nil {
			return nil
		}
	}
}

// begin begins a reading that a recheck can end.
func (f *liveFeed) begin(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, end := context.WithCancelCause(ctx)
	f.rechecked.Store(time.Now().UnixNano()) // it asks the server itself
	f.mu.Lock()
	defer f.mu.Unlock()
	f.end = end
	return ctx, end
}

// reading is what ends the reading that is under way at the moment of the call.
func (f *liveFeed) reading() (end context.CancelCauseFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.end
}

// recheck asks for a look at the server, without waiting for it.
func (f *liveFeed) recheck(resumes bool) {
	if !resumes && time.Since(time.Unix(0, f.rechecked.Load())) < recheckLazy {
		return
	}
	select {
	case f.rechecks <- struct{}{}:
	default: // one is due already
	}
}

// runRechecks ends the live reading if the server's binlog is not the one it reads.
func (f *liveFeed) runRechecks(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.rechecks:
		}
		f.rechecked.Store(time.Now().UnixNano())
		end := f.reading() // before head is known: a reading that begins meanwhile must not end for what the last one read
		if head := f.log.headNow(); !head.IsZero() && f.source.Status().Connected {
			ask, cancel := context.WithTimeout(ctx, nowTimeout)
			now, err := f.source.Now(ask)
			cancel()
			if err == nil && replaced(head, now) {
				end(frame.Foreign)
			}
		}
		if pause(ctx, recheckPause) != nil {
			return
		}
	}
}

// replaced tells whether a binlog that ends at now, asked for later, can't be the
// one that was read up to head.
func replaced(head, now cdc.Position) bool {
	return !now.SameHistory(head) || now.Compare(head) < 0
}
