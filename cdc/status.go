package cdc

import (
	"sync"
	"time"
)

// Status is what a Source knows of itself, for health checks and metrics.
type Status struct {
	Connected  bool          // the live reading has a dump open
	CaughtUp   bool          // it has read what the server held when it connected, and lags no more than lagLimit since
	Flavor     Flavor        // "" until a server was reached
	Version    string        // as the server says it
	Position   Position      // the checkpoint that the live reading has reached
	EventTime  time.Time     // of the newest event that it read
	Lag        time.Duration // how old that event was when it was read
	LagBytes   uint64        // of binlog that the server held when it was connected and that is still to be read
	LastError  string        // why it is not connected; "" while it is
	Reconnects uint64
	BytesRead  uint64 // of binlog events, live and replays
	Dumps      int64  // open dump connections, live and replays
}

// lagLimit is how old the newest event may be when it is read for a Source to count as caught up.
const lagLimit = 10 * time.Second

// status guards the changing part of Status.
type status struct {
	mu sync.Mutex
	s  Status
}

func (st *status) update(f func(*Status)) {
	st.mu.Lock()
	defer st.mu.Unlock()
	f(&st.s)
}

func (st *status) get() Status {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.s
}
