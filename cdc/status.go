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

// lag is what the server held when the reading connected.
type lag struct {
	target Position
	files  []binlogFile
	caught bool          // the target was reached
	clock  time.Duration // how much its clock is ahead of ours
}

// progress keeps the status. Once an event, so it is kept cheap.
func (s *Source) progress(r *reader, e *event, held *lag) {
	if !held.caught {
		held.caught = r.cur.Compare(held.target) >= 0
	}
	now := time.Now()
	s.status.mu.Lock()
	defer s.status.mu.Unlock()
	st := &s.status.s
	st.BytesRead += uint64(e.size)
	st.Position = r.cur
	if r.committed != st.EventTime {
		st.EventTime = r.committed
		st.Lag = max(now.Add(held.clock).Sub(r.committed), 0)
	}
	if e.class().kind == heartbeat { // the server has nothing more to send
		st.Lag = 0
	}
	st.CaughtUp = held.caught && st.Lag <= lagLimit
	if st.LagBytes = 0; !held.caught {
		st.LagBytes = between(held.files, r.cur, held.target)
	}
}

// between is how many bytes of binlog lie between two places of the files.
func between(files []binlogFile, from, to Position) (n uint64) {
	inside := false
	for _, f := range files {
		if f.name == from.file {
			inside, n = true, n-uint64(from.pos)
		}
		if f.name == to.file {
			if n += uint64(to.pos); !inside || from.Compare(to) >= 0 {
				return 0
			}
			return n
		}
		if inside {
			n += f.size
		}
	}
	return 0
}
