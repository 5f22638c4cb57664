package cdc

import "time"

// lag is what the server held when the reading connected.
type lag struct {
	target Position
	files  []binlogFile
	caught bool          // the target was reached
	clock  time.Duration // how much its clock is ahead of ours
}

// progress keeps the status. Once an event, so it is kept cheap.
func (s *Source) progress(r *reader, e *event, behind *lag) {
	if !behind.caught {
		behind.caught = r.cur.Compare(behind.target) >= 0
	}
	now := time.Now()
	s.status.mu.Lock()
	defer s.status.mu.Unlock()
	st := &s.status.s
	st.BytesRead += uint64(e.size)
	st.Position = r.cur
	if r.committed != st.EventTime {
		st.EventTime = r.committed
		st.Lag = max(now.Add(behind.clock).Sub(r.committed), 0)
	}
	if isHeartbeat(e.typ) { // the server has nothing more to send
		st.Lag = 0
	}
	st.CaughtUp = behind.caught && st.Lag <= lagLimit
	if st.LagBytes = 0; !behind.caught {
		st.LagBytes = between(behind.files, r.cur, behind.target)
	}
}
