package stream

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"rowcast/cdc"
)

// laneOptions bound lanes in time and size. A test may set others before Run.
type laneOptions struct {
	// gather is how long a new lane waits for others that need one: after a
	// restart clients come in a herd, and it starts at the oldest of them.
	gather time.Duration
	// ending is how long a client waits for a lane that is ending.
	ending time.Duration
	// linger is how long readers may take what a lane that has ended has left.
	linger time.Duration
	// A lane ends after it has read bytes of the binlog and lasted for turn, if
	// others were refused one in the meantime: its clients come back and queue up
	// after them.
	bytes int64
	turn  time.Duration
	// near: a lane this many bytes before a position is joined even if another
	// lane is free.
	near int64
	// window bounds the bytes of a lane's Log.
	window int64
}

func newLaneOptions(history int64) laneOptions {
	return laneOptions{
		gather: 50 * time.Millisecond,
		ending: time.Second,
		linger: 30 * time.Second,
		bytes:  1 << 30,
		turn:   10 * time.Second,
		near:   256 << 20,
		window: max(minHistory, min(history/4, 16<<20)),
	}
}

// Why a lane ended; anything else is the source's error.
var (
	errMet      = errors.New("the lane has met the live log")
	errUnwanted = errors.New("nobody reads the lane any more")
	errSealed   = errors.New("the lane's frames have keys of an old form")
	errBudget   = errors.New("the lane has read its share")
)

// lane is a feed of older frames, shared by clients whose ids lie below the live
// log's floor. It ends where the live log begins.
type lane struct {
	*feed
	lanes  *lanes
	opened time.Time
	from   cdc.Position // the oldest that is wanted; fixed once started
	cancel context.CancelCauseFunc

	// Under lanes.mu:
	started bool
	dead    bool
	readers map[*cursor]*reader

	last    cdc.Position // checkpoint; one goroutine
	read    int64        // bytes of binlog up to it
	rushing int64        // Log.total up to which nobody is waited for
	losses  uint64       // of the live log when the lane began
}

// reader is a client of a lane as the lane's pacing sees it.
type reader struct {
	start cdc.Position // frames up to here are not for it
	total atomic.Int64 // Log.total that it has come to
}

// run reads until the lane has met the live log, nobody wants it, or it fails.
func (l *lane) run(all, ctx context.Context) {
	defer l.cancel(nil)
	err := pause(ctx, l.lanes.gather)
	if err == nil {
		l.lanes.mu.Lock()
		l.started = true
		from := l.from
		l.lanes.mu.Unlock()
		// From the group's start: others may stand earlier in it.
		err = l.lanes.server.source.Replay(ctx, from.Group(), l)
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if errors.Is(err, errUnwanted) { // its readers may have gone on to the live log before it has noticed
		l.lanes.server.live.log.prepend(l.log, l.losses)
	}
	l.finish(all, err)
}

// finish lets readers take what is left, for a while, and gives the slot back.
func (l *lane) finish(ctx context.Context, err error) {
	m := l.lanes
	m.mu.Lock()
	l.dead = true
	m.mu.Unlock()
	l.log.close(err)
	deadline := time.Now().Add(m.linger)
	for time.Now().Before(deadline) && ctx.Err() == nil {
		m.mu.Lock()
		n := len(l.readers)
		m.mu.Unlock()
		if n == 0 {
			break
		}
		_ = pause(ctx, 10*time.Millisecond) // ends early only with ctx, which the loop sees
	}
	l.log.discard()
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.active {
		if m.active[i] == l {
			m.active = append(m.active[:i:i], m.active[i+1:]...)
			break
		}
	}
}

// check ends the reading where the live log holds what follows.
func (l *lane) check(p cdc.Position) error {
	m := l.lanes
	live := m.server.live.log
	config, _ := l.log.current()
	// Under another config the live feed still has a group to end, or the lane has.
	if met := live.find(l.log.reachNow()); (met.where == here || met.where == above) && met.catalog == config {
		live.prepend(l.log, l.losses) // at once: hanging up takes its time, and others come meanwhile
		return errMet
	}
	if p.IsZero() {
		return nil
	}
	if l.last.File() == p.File() {
		l.read += int64(p.Offset()) - int64(l.last.Offset())
	}
	l.last = p
	if l.read > l.lanes.bytes && l.overdue() {
		return errBudget
	}
	return nil
}

// overdue tells whether others want the lane's slot, and it had its time.
func (l *lane) overdue() bool {
	l.lanes.mu.Lock()
	defer l.lanes.mu.Unlock()
	return time.Since(l.opened) > l.lanes.turn && time.Since(l.lanes.refused) < l.lanes.turn
}

// wait keeps the lane near its fastest reader, so that frames are still there
// when it comes for them. Readers that the lane has not come to yet are not made
// to wait for a slow one: then the lane goes on after a second.
func (l *lane) wait(ctx context.Context) error {
	begin := time.Now()
	for {
		if ctx.Err() != nil { // a huge group must not be rendered to its end for nobody
			return context.Cause(ctx)
		}
		total := l.log.totalNow()
		fastest, any, waiting := l.pacers()
		if !any || total-fastest <= l.lanes.window/2 || total < l.rushing {
			return nil
		}
		if waiting && time.Since(begin) > time.Second {
			l.rushing = total + l.lanes.window/2
			return nil
		}
		if l.overdue() {
			return errBudget // slow readers must not hold a slot that others wait for
		}
		if err := pause(ctx, pacePoll); err != nil {
			return err
		}
	}
}

// pacers looks at the readers that the lane has come to.
func (l *lane) pacers() (fastest int64, any, waiting bool) {
	reach := l.log.reachNow()
	l.lanes.mu.Lock()
	defer l.lanes.mu.Unlock()
	for _, r := range l.readers {
		if r.start.Compare(reach) > 0 {
			waiting = true
			continue
		}
		any = true
		fastest = max(fastest, r.total.Load())
	}
	return fastest, any, waiting
}

// progress notes how far a reader has come.
func (l *lane) progress(c *cursor, total int64) {
	if c.reader != nil {
		c.reader.total.Store(total)
	}
}
