package rows

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"rowcast/cdc"
	"rowcast/cdc/row"
	"rowcast/stream/frame"
)

// Source is where rows come from; *cdc.Source is one.
type Source interface {
	Select(ctx context.Context, s cdc.Selection) (cdc.Selected, error)
	// Now is where the binlog ends.
	Now(ctx context.Context) (cdc.Position, error)
	// Version moves when the live reading passes a statement that touches a table.
	Version(schema, table string) uint64
}

// Options of a Store.
type Options struct {
	Memory  int64 // bytes of rows that are kept
	Queries int   // SELECTs at a time
	Logger  *slog.Logger
	// Idle is how long rows are kept that nobody asks for; 0: a minute.
	Idle time.Duration
	// Chunk is about how many bytes of all rows a client gets at a time; 0: 2 MiB.
	Chunk int64
}

// Stats are a Store's counters.
type Stats struct {
	Queries uint64        // SELECTs
	Time    time.Duration // that they took, with the wait for what they have to see
	Hits    uint64        // clients that were given rows without a SELECT of their own
	Held    int64         // bytes
}

// Store has the rows of streams. It is a history.Follower: it knows of its windows what
// the live feed has read. Safe for concurrent use.
type Store struct {
	Options
	source  Source
	queries chan struct{}

	mu      sync.Mutex
	ctx     context.Context // of loads; nil: none begins
	wg      sync.WaitGroup
	catalog *frame.Catalog
	at      cdc.Position // everything up to this checkpoint was seen; zero: nothing yet
	begin   cdc.Position // of the group under way
	inGroup bool
	windows map[Want]*window
	tables  map[table]*tableRows // of the streams that have rows
	joining []*window            // follow from the next checkpoint on
	touched []*window            // have changes of the group under way
	moved   chan struct{}
	stats   Stats
	said    map[string]time.Time // when the log last said something of a stream

	last *cdc.Table // of the newest change
	of   *tableRows
}

// tableRows is a table of streams that have rows.
type tableRows struct {
	windows []*window // that follow it
	newest  []byte    // key record of the row that changed last; nil: none has since the feed began
	shape   *row.Shape
}

// New makes a Store of a config. Nothing is asked for before Run.
func New(source Source, c *frame.Catalog, o Options) *Store {
	if o.Idle == 0 {
		o.Idle = time.Minute
	}
	if o.Chunk == 0 {
		o.Chunk = defaultChunk
	}
	s := &Store{Options: o, source: source, queries: make(chan struct{}, o.Queries), windows: map[Want]*window{}}
	s.Swap(c)
	return s
}

// Run lets windows be loaded until ctx ends, and waits for the loads.
func (s *Store) Run(ctx context.Context) {
	s.mu.Lock()
	s.ctx = ctx
	s.mu.Unlock()
	tick := time.NewTicker(s.Idle / 4)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			s.mu.Lock()
			s.sweep(time.Now().Add(-s.Idle))
			s.mu.Unlock()
		}
	}
	s.mu.Lock()
	s.ctx = nil
	s.mu.Unlock()
	s.wg.Wait()
}

// Stats are the counters as they are now.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Begin implements history.Follower, as do those that follow.
func (s *Store) Begin(at cdc.Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begin, s.inGroup = at, true
}

// Change notes a change with the windows of its table.
func (s *Store) Change(c *cdc.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.Table != s.last {
		s.last, s.of = c.Table, s.tables[table{c.Table.Schema, c.Table.Name}]
	}
	t := s.of
	if t == nil {
		return
	}
	t.note(c)
	for i := len(t.windows) - 1; i >= 0; i-- { // backwards: what can't follow is taken out
		w := t.windows[i]
		if w.stale {
			continue
		}
		before := w.bytes
		err := w.note(c)
		s.stats.Held += w.bytes - before
		if err == nil && w.noted > s.Memory/4 {
			err = errMuch
		}
		if err != nil {
			s.spoil(w, err)
			continue
		}
		if len(w.changes) > w.settled && !w.touched {
			w.touched = true
			s.touched = append(s.touched, w)
		}
	}
}

var errMuch = errors.New("the table changes more at a time than is kept up to date")

// maxWork bounds how many rows are moved for the changes of one group: the live feed
// waits for that, and loading the rows again is less.
const maxWork = 1 << 24

// note keeps the key of the row that changed last, for the source to probe.
func (t *tableRows) note(c *cdc.Change) {
	im := c.After
	if im == nil {
		im = c.Before
	}
	if len(c.Table.Key) == 0 {
		return
	}
	if t.shape == nil || t.shape.Table() != c.Table {
		var err error
		if t.shape, err = row.NewShape(c.Table, c.Table.Key); err != nil {
			t.shape, t.newest = nil, nil
			return
		}
	}
	if key, ok, err := t.shape.Copy(t.newest[:0], im, c.Before); err == nil && ok {
		t.newest = key
	}
}

// spoil has a window loaded again by the next client that wants it.
func (s *Store) spoil(w *window, why error) {
	if !w.stale {
		s.Logger.Debug("rows can't follow the binlog and are read again", "stream", w.want.Catalog.Name(w.want.Stream), "cause", why)
	}
	w.stale = true
	s.unnote(w)
	if w.laid {
		s.drop(w)
	}
}

// unnote forgets the changes that a window has noted.
func (s *Store) unnote(w *window) {
	w.bytes -= w.noted
	s.stats.Held -= w.noted
	w.changes, w.settled, w.noted = nil, 0, 0
}

// Notice spoils the windows of tables that are not known any more.
func (s *Store) Notice(n cdc.Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, t := range s.tables {
		if n.Table != "" && n.Table != name.name || n.Schema != "" && n.Schema != name.schema {
			continue
		}
		for _, w := range slices.Clone(t.windows) {
			s.spoil(w, errors.New(n.Message))
		}
	}
}

// Checkpoint ends a group: its changes hold.
func (s *Store) Checkpoint(at cdc.Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inGroup && at.Compare(s.begin) <= 0 {
		return // the source has reconnected, and the group goes on
	}
	s.inGroup, s.at = false, at
	for _, w := range s.touched {
		w.touched = false
		if w.stale || !w.follows {
			continue
		}
		if w.settled = len(w.changes); !w.laid {
			continue
		}
		if len(w.list)*w.settled > maxWork {
			s.spoil(w, errMuch)
			continue
		}
		before := w.bytes
		w.apply(w.settled)
		s.stats.Held += w.bytes - before
		if w.stale || w.cut && w.want.Limit == 0 && w.bytes > 2*s.Chunk { // it was one chunk of many
			s.drop(w)
		}
	}
	clear(s.touched)
	s.touched = s.touched[:0]
	for _, w := range s.joining {
		s.follow(w)
	}
	clear(s.joining)
	s.joining = s.joining[:0]
	s.wake()
}

func (s *Store) wake() {
	if s.moved != nil {
		close(s.moved)
		s.moved = nil
	}
}

func (s *Store) wait() <-chan struct{} {
	if s.moved == nil {
		s.moved = make(chan struct{})
	}
	return s.moved
}

// Swap puts another config in force: what was held is of the one before.
func (s *Store) Swap(c *frame.Catalog) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	s.catalog, s.last, s.of = c, nil, nil
	before := s.tables
	s.tables = map[table]*tableRows{}
	for i, info := range c.Streams() {
		if limit, all := c.Rows(i); limit > 0 || all {
			name := nameOf(info.Table)
			t := &tableRows{}
			if old := before[name]; old != nil {
				t.newest, t.shape = old.newest, old.shape
			}
			s.tables[name] = t
		}
	}
	s.wake()
}

func nameOf(name string) table {
	schema, name, _ := strings.Cut(name, ".")
	return table{schema, name}
}

// Lost: what the feed reads next may be of another server.
func (s *Store) Lost() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	for _, t := range s.tables {
		t.newest = nil
	}
	s.at, s.inGroup = cdc.Position{}, false
}

// forget drops every window.
func (s *Store) forget() {
	for _, w := range s.windows {
		w.stale = true
		s.drop(w)
	}
	for _, w := range s.touched {
		w.touched = false
	}
	s.joining, s.touched = nil, nil
}

// follow begins to note changes with a window.
func (s *Store) follow(w *window) {
	if t := s.tables[w.name]; t != nil && !w.stale {
		t.windows = append(t.windows, w)
		w.follows = true
	}
}

// drop gives a window up; clients that hold it keep what they have. Nothing is left of
// one that has no clients either.
func (s *Store) drop(w *window) {
	if s.windows[w.want] == w {
		delete(s.windows, w.want)
	}
	if t := s.tables[w.name]; t != nil && w.follows {
		t.windows = slices.DeleteFunc(t.windows, func(o *window) bool { return o == w })
	}
	w.follows = false
	s.joining = slices.DeleteFunc(s.joining, func(o *window) bool { return o == w })
	s.unnote(w)
	if w.users == 0 {
		s.stats.Held -= w.bytes
		w.bytes = 0
	}
}

// sweep drops windows that nobody has used since.
func (s *Store) sweep(since time.Time) {
	for _, w := range s.windows {
		if w.laid && w.users == 0 && w.used.Before(since) {
			s.drop(w)
		}
	}
}

// room makes room for more rows, if it can.
func (s *Store) room() bool {
	for s.stats.Held > s.Memory {
		var oldest *window
		for _, w := range s.windows {
			if w.laid && w.users == 0 && (oldest == nil || w.used.Before(oldest.used)) {
				oldest = w
			}
		}
		if oldest == nil {
			return false
		}
		s.drop(oldest)
	}
	return true
}
