package stream

import (
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// attendance counts clients, and sends away those that are too many.
type attendance struct {
	max    int
	logger *slog.Logger

	count   atomic.Int64  // connections that are counted against max
	came    atomic.Uint64 // connections that were let in, ever; see tidy
	closing atomic.Bool   // set before closed is closed
	closed  chan struct{} // nobody is let in any more, and everybody is to leave
	once    sync.Once     // for closed
	empty   chan struct{} // closed when count falls to 0 after that

	mu       sync.Mutex
	isEmpty  bool      // empty is closed
	fullSaid time.Time // see warnFull
	next     time.Time // see comeBack
}

func newAttendance(max int, logger *slog.Logger) *attendance {
	return &attendance{max: max, logger: logger, closed: make(chan struct{}), empty: make(chan struct{})}
}

// shuttingDown is what clients are sent away with at the end.
const shuttingDown = later("the server is shutting down")

// admit counts a client; leave must follow. The error is a later.
func (a *attendance) admit() error {
	n := a.count.Add(1) // first, so that close either counts this client or is seen below
	var err error
	switch {
	case a.closing.Load():
		err = shuttingDown
	case n > int64(a.max):
		err = later("the connection limit is reached")
		a.warnFull()
	default:
		a.came.Add(1)
		return nil
	}
	a.leave()
	return err
}

func (a *attendance) leave() {
	if a.count.Add(-1) == 0 && a.closing.Load() {
		a.signalEmpty()
	}
}

// close lets nobody in any more, then has everybody sent away, once.
func (a *attendance) close(sendAway func()) {
	a.once.Do(func() {
		a.closing.Store(true)
		close(a.closed)
		sendAway()
		if a.count.Load() == 0 {
			a.signalEmpty()
		}
	})
}

func (a *attendance) signalEmpty() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.isEmpty {
		a.isEmpty = true
		close(a.empty)
	}
}

// fullEvery is how often the log says that clients are sent away.
const fullEvery = 10 * time.Second

func (a *attendance) warnFull() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now := time.Now(); now.Sub(a.fullSaid) >= fullEvery {
		a.fullSaid = now
		a.logger.Warn("clients are sent away, to come back later: the connection limit is reached; raise [stream] max_clients and the limit of open files, or start another rowcast", "clients", a.max)
	}
}

// comeBacks is how many clients are asked to come back within a second. All that
// come at once would keep a server that has just begun from getting anywhere, be
// sent away again, and come at once again.
const comeBacks = 2000

// comeBack gives each client that is sent away a time of its own: how long it should
// stay away on account of the others.
func (a *attendance) comeBack() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if a.next.Before(now) {
		a.next = now
	}
	wait := a.next.Sub(now)
	a.next = a.next.Add(time.Second / comeBacks)
	return wait
}

// retryMillis is the retry time of a client that is sent away: between half and
// twice the usual, and longer in a herd.
func (s *Server) retryMillis() int64 {
	ms := s.config.Retry.Milliseconds()
	return max(1, ms/2+rand.Int64N(3*ms/2+1)+s.clients.comeBack().Milliseconds())
}

func (s *Server) appendRetry(b []byte) []byte {
	b = append(b, "retry: "...)
	b = strconv.AppendInt(b, s.retryMillis(), 10)
	return append(b, "\n\n"...)
}
