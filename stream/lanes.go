package stream

import (
	"context"
	"sync"
	"time"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

// lanes bounds and shares lanes.
type lanes struct {
	laneOptions
	server *Server
	max    int

	mu      sync.Mutex
	active  []*lane
	refused time.Time       // when somebody last found no lane
	catalog *frame.Catalog  // for the next lane; the live feed may yet have a group to end under the one before
	ctx     context.Context // of running lanes; nil before Run and after close
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
func (m *lanes) join(ctx context.Context, c *cursor, pos cdc.Position, buf []byte) ([]byte, error) {
	for begin := time.Now(); ; {
		l, p, ending := m.tryJoin(c, pos)
		if l != nil {
			return c.attach(l.log, l, p, pos, buf)
		}
		if !ending || time.Since(begin) > m.ending || pause(ctx, m.gather) != nil {
			return buf, later{"every replay lane is taken"}
		}
	}
}

func (m *lanes) tryJoin(c *cursor, pos cdc.Position) (l *lane, p place, ending bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.lane != nil {
		m.drop(c)
	}
	if l, p = m.choose(pos); l != nil {
		c.lane, c.reader = l, &reader{start: pos}
		l.readers[c] = c.reader
		return l, p, false
	}
	for _, l := range m.active {
		ending = ending || l.dead && len(l.readers) == 0
	}
	if !ending {
		m.refused = time.Now()
	}
	return nil, place{}, ending
}

// choose finds or starts a lane, under mu: one that holds the position; one that
// has not started, which then starts there; one that will soon come past; a new
// one; any that will come past.
func (m *lanes) choose(pos cdc.Position) (*lane, place) {
	var coming *lane
	for _, l := range m.active {
		if l.dead {
			continue
		}
		p := l.log.find(pos)
		switch {
		case !l.started && l.from.SameHistory(pos):
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
		l := m.open(pos)
		return l, l.log.find(pos)
	}
	if coming != nil {
		return coming, coming.log.find(pos)
	}
	return nil, place{}
}

// passesSoon tells whether a replay at p soon reaches pos.
func (m *lanes) passesSoon(p, pos cdc.Position) bool {
	return p.File() == pos.File() && int64(pos.Offset())-int64(p.Offset()) < m.near
}

func (l *Log) headNow() cdc.Position {
	_, head := l.current()
	return head
}

func (m *lanes) open(pos cdc.Position) *lane {
	ctx, cancel := context.WithCancelCause(m.ctx)
	l := &lane{feed: newFeed(m.catalog, m.window), lanes: m, opened: time.Now(), from: pos, cancel: cancel, readers: map[*cursor]*reader{}}
	l.ctx, l.pace, l.reached = ctx, l.wait, l.check
	l.losses = m.server.live.log.find(cdc.Position{}).losses
	m.active = append(m.active, l)
	all := m.ctx
	m.wg.Go(func() { l.run(all, ctx) })
	return l
}

// leave takes the cursor out of its lane; the last one ends it.
func (l *lane) leave(c *cursor) {
	l.lanes.mu.Lock()
	defer l.lanes.mu.Unlock()
	l.lanes.drop(c)
}

func (m *lanes) drop(c *cursor) {
	l := c.lane
	delete(l.readers, c)
	c.lane, c.reader = nil, nil
	if len(l.readers) == 0 {
		l.dead = true
		l.cancel(errUnwanted)
	}
}

// swap puts a new config in force in every lane, each at a group boundary.
func (m *lanes) swap(c *frame.Catalog) {
	m.mu.Lock()
	m.catalog = c
	running := append([]*lane(nil), m.active...)
	m.mu.Unlock()
	for _, l := range running {
		l.Encoder.Swap(c)
	}
}

// seal ends every lane: one may have rendered frames that it has not published yet.
// Their clients go on in others.
func (m *lanes) seal() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.active {
		l.dead = true
		l.log.seal()
		l.cancel(errSealed)
	}
}

// count is for metrics.
func (m *lanes) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.active)
}
