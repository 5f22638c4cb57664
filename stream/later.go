package stream

import (
	"math/rand/v2"
	"strconv"
	"sync"
	"time"
)

// comeBacks is how many clients are asked to come back within a second. All that
// come at once would keep a server that has just begun from getting anywhere, be
// sent away again, and come at once again.
const comeBacks = 2000

// appointments gives clients that are sent away a time each.
type appointments struct {
	mu   sync.Mutex
	next time.Time
}

// wait is how long the next one should stay away on account of the others.
func (a *appointments) wait() time.Duration {
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

// laterMillis is the retry time of a client that is sent away: between half and
// twice the usual, and longer in a herd.
func (s *Server) laterMillis() int64 {
	ms := s.config.Retry.Milliseconds()
	return max(1, ms/2+rand.Int64N(3*ms/2+1)+s.appointments.wait().Milliseconds())
}

func (s *Server) appendLater(b []byte) []byte {
	b = append(b, "retry: "...)
	b = strconv.AppendInt(b, s.laterMillis(), 10)
	return append(b, "\n\n"...)
}
