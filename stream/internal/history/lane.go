package history

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

// Why a lane ended; anything else is the source's error.
var (
	errMet      = errors.New("the lane has met the live log")
	errUnwanted = errors.New("nobody reads the lane any more")
	errSealed   = errors.New("the lane's frames have keys of an old form")
	errLost     = errors.New("the lane reads a history that is gone")
	errBudget   = errors.New("the lane has read its share")
)

// movesOn tells whether a lane's readers go on elsewhere at once.
func movesOn(err error) bool {
	return errors.Is(err, errMet) || errors.Is(err, errUnwanted) || errors.Is(err, errSealed) || errors.Is(err, errLost)
}

// lane is a feed of older frames, shared by clients whose ids lie below the live
// log's floor. It ends where the live log begins.
type lane struct {
	*feed
	lanes  *lanes
	opened time.Time
	ctx    context.Context // of the reading; ends a wait
	end    context.CancelCauseFunc
	news   chan struct{} // capacity 1: a reader has moved or left, and all may have

	// Under lanes.mu:
	state state
	from  cdc.Position // the oldest that is wanted; fixed once reading
	seats map[*laneSeat]bool

	// Of the lane's goroutine:
	last    cdc.Position // checkpoint
	read    int64        // bytes of binlog up to it
	rushing int64        // Log.total up to which nobody is waited for
}

type state uint8

const (
	gathering state = iota // waits for others that need a lane
	reading
	ended  // its readers may take what is left
	sealed // they alone: its keys are of an old form, or its history is gone
)

// laneSeat is a client of a lane as the lane's pacing sees it.
type laneSeat struct {
	lane  *lane
	start cdc.Position // frames up to here are not for it
	total atomic.Int64 // Log.total that it has come to
}

func (s *laneSeat) progress(total int64) {
	s.total.Store(total)
	s.lane.look()
}

// leave frees the seat; with the last one the lane ends.
func (s *laneSeat) leave() {
	l := s.lane
	l.lanes.mu.Lock()
	defer l.lanes.mu.Unlock()
	delete(l.seats, s)
	if len(l.seats) == 0 {
		l.state = max(l.state, ended)
		l.end(errUnwanted)
	}
	l.look()
}

// blamed tells whether a refusal of the lane's start holds for pos as well. Others
// that share the lane may well be served.
func (s *laneSeat) blamed(pos cdc.Position, why frame.Loss) bool {
	l := s.lane
	if l.log.moved() {
		return false
	}
	l.lanes.mu.Lock()
	defer l.lanes.mu.Unlock()
	return pos.File() == l.from.File() && (why.Reason != frame.Invalid.Reason || pos.Offset() == l.from.Offset())
}

// look has whoever waits for readers look at them again.
func (l *lane) look() {
	select {
	case l.news <- struct{}{}:
	default:
	}
}

// run reads until the lane has met the live log, nobody wants it, or it fails.
func (l *lane) run(all context.Context) {
	defer l.end(nil)
	err := pause(l.ctx, l.lanes.Gather)
	if err == nil {
		l.lanes.mu.Lock()
		if l.state == gathering {
			l.state = reading
		}
		from := l.from
		l.lanes.mu.Unlock()
		// From the group's start: others may stand earlier in it.
		err = l.lanes.source.Replay(l.ctx, from.Group(), l)
	}
	if cause := context.Cause(l.ctx); cause != nil {
		err = cause
	}
	l.log.close(err)
	l.finish(all, err)
}

// finish lets readers take what is left, for a while, and gives the slot back.
func (l *lane) finish(all context.Context, err error) {
	m := l.lanes
	m.mu.Lock()
	l.state = max(l.state, ended)
	m.mu.Unlock()
	linger, stop := context.WithTimeout(all, m.Linger)
	defer stop()
	for ctx := linger.Done(); ctx != nil && l.count() > 0; {
		select {
		case <-l.news:
		case <-ctx:
			ctx = nil
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.active = slices.DeleteFunc(m.active, func(other *lane) bool { return other == l })
	if movesOn(err) && l.state == ended && l.joined() {
		m.keep(l)
	} else {
		l.log.discard()
	}
	close(m.freed)
	m.freed = make(chan struct{})
}

// group is the one that the lane renders, or renders next; p is a place in its log.
func (l *lane) group(p place) cdc.Position {
	if p.head.IsZero() {
		return l.from.Group()
	}
	return p.head
}

func (l *lane) count() int {
	l.lanes.mu.Lock()
	defer l.lanes.mu.Unlock()
	return len(l.seats)
}

// joined tells whether the live log has what follows: then the lane's frames are
// as good as its own. Not if it is under another config: it still has a group to
// end under the old one, or the lane has. A lane that has not begun has joined nothing.
func (l *lane) joined() bool {
	reach, _ := l.log.extent()
	if reach.IsZero() {
		return false
	}
	config, _ := l.log.Current()
	p := l.lanes.live.find(reach)
	return (p.where == here || p.where == above) && p.catalog == config
}

// check ends the reading where the live log has what follows.
func (l *lane) check(p cdc.Position) error {
	if l.joined() {
		return errMet
	}
	if p.IsZero() {
		return nil
	}
	if l.last.File() == p.File() {
		l.read += int64(p.Offset()) - int64(l.last.Offset())
	}
	l.last = p
	if l.read > l.lanes.Bytes && l.overdue() {
		return errBudget
	}
	return nil
}

// overdue tells whether others want the lane's slot, and it had its time.
func (l *lane) overdue() bool {
	l.lanes.mu.Lock()
	defer l.lanes.mu.Unlock()
	return time.Since(l.opened) > l.lanes.Turn && time.Since(l.lanes.refused) < l.lanes.Turn
}

// wait keeps the lane near its fastest reader, so that frames are still there
// when it comes for them. Readers that the lane has not come to yet are not made
// to wait for a slow one: then the lane goes on when its patience has ended.
func (l *lane) wait() error {
	begin := time.Now()
	tick := time.NewTicker(l.lanes.Patience) // time alone may end the wait
	defer tick.Stop()
	for {
		if l.ctx.Err() != nil { // a huge group must not be rendered to its end for nobody
			return context.Cause(l.ctx)
		}
		reach, total := l.log.extent()
		fastest, any, waiting := l.pacers(reach)
		if !any || total < l.rushing {
			l.log.keep(math.MaxInt64)
			return nil
		}
		if total-fastest <= l.lanes.Window/2 {
			l.log.keep(fastest)
			return nil
		}
		if waiting && time.Since(begin) >= l.lanes.Patience {
			l.rushing = total + l.lanes.Window/2
			l.log.keep(math.MaxInt64)
			return nil
		}
		if l.overdue() {
			return errBudget // slow readers must not hold a slot that others wait for
		}
		select {
		case <-l.ctx.Done():
		case <-l.news:
		case <-tick.C:
		}
	}
}

// pacers looks at the readers that the lane has come to.
func (l *lane) pacers(reach cdc.Position) (fastest int64, any, waiting bool) {
	l.lanes.mu.Lock()
	defer l.lanes.mu.Unlock()
	for s := range l.seats {
		if s.start.Compare(reach) > 0 {
			waiting = true
			continue
		}
		any = true
		fastest = max(fastest, s.total.Load())
	}
	return fastest, any, waiting
}
