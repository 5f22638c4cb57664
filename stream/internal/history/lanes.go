package history

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

// lanes bounds and shares lanes.
type lanes struct {
	LaneOptions
	max    int
	live   *Log
	source Source

	mu      sync.Mutex
	active  []*lane
	kept    *lane           // ended, and joined to the live log: it serves from memory. nil: none
	refused time.Time       // when somebody last found no lane
	freed   chan struct{}   // closed when a slot is given back
	catalog *frame.Catalog  // for the next lane; the live feed may yet have a group to end under the one before
	ctx     context.Context // of running lanes; nil before run and after close
	wg      sync.WaitGroup  // of running lanes; counted up under mu while ctx is set
}

// run lets lanes begin.
func (m *lanes) run(ctx context.Context) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ctx = ctx
}

// close waits for all lanes, whose context has ended; none begins any more.
func (m *lanes) close() {
	m.mu.Lock()
	m.ctx = nil
	m.mu.Unlock()
	m.wg.Wait()
}

// join gives the cursor a lane for a position below the live log's floor. A lane
// that is about to end is waited for.
func (m *lanes) join(ctx context.Context, c *Cursor, pos cdc.Position, buf []byte) ([]byte, error) {
	c.Detach()
	patience, stop := context.WithTimeout(ctx, m.Ending)
	defer stop()
	for {
		s, p, freed := m.sit(pos, c.within(pos))
		switch {
		case s != nil && p.bad != nil:
			s.leave()
			return buf, *p.bad
		case s != nil:
			return c.attach(s.lane.log, s, p, pos, buf)
		case freed == nil:
			return buf, laneTaken
		}
		select {
		case <-freed:
		case <-patience.Done():
			return buf, laneTaken
		}
	}
}

const laneTaken = Later("every replay lane is taken")

// sit takes a seat in a lane. There may be none, but a lane that is about to end:
// then freed tells when. The config is nil where the newest will do.
func (m *lanes) sit(pos cdc.Position, under *frame.Catalog) (s *laneSeat, p place, freed <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l, p := m.choose(pos, cmp.Or(under, m.catalog)); l != nil {
		s := &laneSeat{lane: l, start: pos}
		l.seats[s] = true
		return s, p, nil
	}
	if slices.ContainsFunc(m.active, func(l *lane) bool { return l.state >= ended && len(l.seats) == 0 }) {
		return nil, place{}, m.freed
	}
	m.refused = time.Now()
	return nil, place{}, nil
}

// choose finds or starts a lane, under mu: one that holds the position; one that
// has not started, which then starts there; one that will soon come past; a new
// one; any that will come past. What follows pos in its group has to come under the
// config.
func (m *lanes) choose(pos cdc.Position, under *frame.Catalog) (*lane, place) {
	if l := m.kept; l != nil {
		if p := l.log.find(pos); p.where == here && p.catalog == under && l.joined() {
			return l, p
		}
	}
	var coming *lane
	for _, l := range m.active {
		p := l.log.find(pos)
		switch {
		case p.catalog != under || under != m.catalog && l.group(p) != pos.Group(): // it has, or will have, another at pos
		case l.state >= ended:
			if l.state == ended && p.where == here && l.joined() { // hanging up takes its time, and others come meanwhile
				return l, p
			}
		case l.state == gathering && l.from.SameHistory(pos):
			if pos.Compare(l.from) < 0 {
				l.from = pos
			}
			return l, p
		case p.where == here:
			return l, p
		case p.where == above:
			if m.passesSoon(p.head, pos) {
				return l, p
			}
			if coming == nil || p.head.Compare(coming.log.headNow()) > 0 {
				coming = l
			}
		}
	}
	if len(m.active) < m.max && m.ctx != nil {
		l := m.open(pos, under)
		return l, l.log.find(pos)
	}
	if coming != nil {
		return coming, coming.log.find(pos)
	}
	return nil, place{}
}

// passesSoon tells whether a replay at p soon reaches pos.
func (m *lanes) passesSoon(p, pos cdc.Position) bool {
	return p.File() == pos.File() && int64(pos.Offset())-int64(p.Offset()) < m.Near
}

// open begins a lane. If the config is not the newest, it holds for the group at pos
// alone.
func (m *lanes) open(pos cdc.Position, under *frame.Catalog) *lane {
	l := &lane{feed: newFeed(under, m.Window), lanes: m, opened: time.Now(), from: pos,
		news: make(chan struct{}, 1), seats: map[*laneSeat]bool{}}
	if under != m.catalog {
		l.Within(pos.Group())
		l.Swap(m.catalog)
	}
	l.ctx, l.end = context.WithCancelCause(m.ctx)
	l.pace, l.reached = l.wait, l.check
	m.active = append(m.active, l)
	all := m.ctx
	m.wg.Go(func() { l.run(all) })
	return l
}

// keep has a lane that has ended serve from memory, in place of the one before.
// After a restart, whoever comes back is then served by the replay of the first.
func (m *lanes) keep(l *lane) {
	if m.kept != nil {
		m.kept.log.discard()
	}
	m.kept = l
}

// tidy drops the kept lane once the live log has moved on from it. It is called for
// every move of the live log.
func (m *lanes) tidy() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept != nil && !m.kept.joined() {
		m.kept.log.discard()
		m.kept = nil
	}
}

// swap puts a new config in force in every lane, each at a group boundary.
func (m *lanes) swap(c *frame.Catalog) {
	m.mu.Lock()
	m.catalog = c
	running := slices.Clone(m.active)
	m.mu.Unlock()
	for _, l := range running {
		l.Swap(c)
	}
	m.tidy()
}

// seal ends every lane, and drops the kept one. Clients may take what a lane has, and
// go on elsewhere. With errSealed the lanes' keys are of an old form, and one may have
// rendered frames that it has not published yet. With errLost the live feed reads
// another history: the server lets a dump of the one before hang, without an error, and
// whoever waits for it would hear of nothing.
func (m *lanes) seal(why error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.active {
		l.state = sealed
		l.end(why)
	}
	if m.kept != nil {
		m.kept.log.discard()
		m.kept = nil
	}
}

// count is for metrics.
func (m *lanes) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.active)
}
