package rows

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"rowcast/cdc"
	"rowcast/cdc/row"
	"rowcast/filters"
	"rowcast/internal/renderer"
	"rowcast/stream/frame"
)

func TestMain(m *testing.M) {
	// glog, which Vitess brings along, starts this when it is imported.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/golang/glog.(*fileSink).flushDaemon"))
}

// database is a table of whole numbers by id, and its binlog.
type database struct {
	t     *testing.T
	rng   *rand.Rand
	table *cdc.Table
	shape *row.Shape
	early bool // views may be older than what they have to see: a source that is wrong

	mu     sync.Mutex
	states []map[int]int // after each group
	pos    []cdc.Position
}

const typeInt = 3 // MYSQL_TYPE_LONG

func newDatabase(t *testing.T, seed uint64) *database {
	d := &database{t: t, rng: rand.New(rand.NewPCG(seed, 1)), states: []map[int]int{{}}, pos: []cdc.Position{at(0)}}
	d.table = row.New(&cdc.Table{Schema: "d", Name: "t", Key: []int{0}, Columns: []cdc.Column{
		{Name: "id", Type: typeInt}, {Name: "v", Type: typeInt}}})
	var err error
	if d.shape, err = row.NewShape(d.table, []int{0, 1}); err != nil {
		t.Fatal(err)
	}
	return d
}

func at(group int) cdc.Position {
	p, err := cdc.Checkpoint("binlog.000001", uint32(100+10*group), 7)
	if err != nil {
		panic(err)
	}
	return p
}

func (d *database) image(id, v int) *cdc.Image {
	rec, err := d.shape.Pack(nil, [][]byte{strconv.AppendInt(nil, int64(id), 10), strconv.AppendInt(nil, int64(v), 10)})
	if err != nil {
		d.t.Fatal(err)
	}
	var im cdc.Image
	if err := d.shape.Read(&im, rec); err != nil {
		d.t.Fatal(err)
	}
	return &im
}

// group changes some rows at random, and has the store follow.
func (d *database) group(s *Store) {
	d.mu.Lock()
	state := maps.Clone(d.states[len(d.states)-1])
	n := len(d.states)
	var changes []*cdc.Change
	for range 1 + d.rng.IntN(4) {
		id, v := d.rng.IntN(40), d.rng.IntN(10)
		old, ok := state[id]
		c := &cdc.Change{Table: d.table, Op: cdc.Insert, After: d.image(id, v)}
		switch {
		case !ok:
		case d.rng.IntN(3) == 0:
			c.Op, c.Before, c.After = cdc.Delete, d.image(id, old), nil
		case d.rng.IntN(3) == 0: // its key changes
			to := d.rng.IntN(40)
			if _, taken := state[to]; taken {
				continue
			}
			c.Op, c.Before, c.After = cdc.Update, d.image(id, old), d.image(to, v)
		default:
			c.Op, c.Before = cdc.Update, d.image(id, old)
		}
		changes = append(changes, c)
		if c.Before != nil {
			delete(state, id)
		}
		if c.After != nil {
			state[int(c.After.Int64(0))] = v
		}
	}
	// The database has it, and may show it, before the feed has read it.
	d.states, d.pos = append(d.states, state), append(d.pos, at(n))
	d.mu.Unlock()
	s.Begin(at(n - 1))
	for _, c := range changes {
		s.Change(c)
	}
	s.Checkpoint(at(n))
}

func (d *database) Now(context.Context) (cdc.Position, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.pos[len(d.pos)-1], nil
}

func (d *database) Version(string, string) uint64 { return 0 }

// Select has a view of some place past Low.
func (d *database) Select(_ context.Context, sel cdc.Selection) (cdc.Selected, error) {
	plan, err := sel.Plan(d.table)
	if err != nil {
		return cdc.Selected{}, err
	}
	d.mu.Lock()
	low := slices.IndexFunc(d.pos, func(p cdc.Position) bool { return p == sel.Low })
	if d.early {
		low = max(0, low-1)
	}
	view := low + d.rng.IntN(len(d.states)-low)
	state, end := d.states[view], d.pos[len(d.pos)-1]
	if d.early {
		state = d.states[low]
	}
	d.mu.Unlock()
	ids := slices.Sorted(maps.Keys(state))
	if strings.Contains(plan.Order, "DESC") {
		slices.Reverse(ids)
	}
	n := 0
	for _, id := range ids {
		v := state[id]
		var after int
		if _, rest, ok := strings.Cut(plan.Where, "`id` > "); ok {
			fmt.Sscanf(rest, "%d", &after)
			if id <= after {
				continue
			}
		}
		if strings.Contains(plan.Where, "`v`") && v >= 7 {
			continue
		}
		if plan.Limit > 0 && n == plan.Limit {
			break
		}
		n++
		rec, ok, err := plan.Shape.Copy(nil, d.image(id, v))
		if err != nil || !ok {
			d.t.Errorf("record: %v, %v", ok, err)
		}
		if err := sel.Row(rec); err != nil {
			return cdc.Selected{}, err
		}
	}
	return cdc.Selected{Table: d.table, At: end}, nil
}

// want is what the rows of a window are at a place.
func (d *database) want(w Want, p cdc.Position) (list []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	state := d.states[slices.Index(d.pos, p)]
	ids := slices.Sorted(maps.Keys(state))
	ids = slices.DeleteFunc(ids, func(id int) bool { return state[id] >= 7 })
	if w.Limit > 0 {
		ids = ids[max(0, len(ids)-w.Limit):]
	}
	for _, id := range ids {
		list = append(list, fmt.Sprintf(`{"id":%d,"v":%d}`, id, state[id]))
	}
	return list
}

func (d *database) store(memory int64) (*Store, *frame.Catalog, *frame.Subscription) {
	set, err := filters.Compile([]filters.Table{{Name: "d.t", As: "t", Where: "v < 7", Data: "row",
		On: []string{"insert", "update", "delete"}, Rows: filters.RowsConfig{All: true}}}, filters.Options{})
	if err != nil {
		d.t.Fatal(err)
	}
	c := frame.NewCatalog(renderer.Of(set), nil)
	sub, err := c.SubscribeRows([]string{"t"}, nil, "")
	if err != nil {
		d.t.Fatal(err)
	}
	s := New(d, c, Options{Memory: memory, Queries: 2, Logger: slog.New(slog.DiscardHandler)})
	s.Checkpoint(at(0))
	return s, c, sub
}

// run lets the store load for the time of the test.
func run(t *testing.T, s *Store) {
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	for s.idle() {
	}
}

func (s *Store) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ctx == nil
}

func texts(t *testing.T, r *Rows) (list []string) {
	t.Helper()
	if err := r.Each(nil, func(_, _ string, data []byte) error { list = append(list, string(data)); return nil }); err != nil {
		t.Error(err)
	}
	return list
}

// wrong gets rows again and again while they change, and counts those that are not what
// the table held at the place that they are said to be of.
func wrong(t *testing.T, d *database, rounds int) (n int, stats Stats) {
	s, c, sub := d.store(1 << 20)
	run(t, s)
	part := sub.Rows()[0].Part
	var gets sync.WaitGroup
	var mu sync.Mutex
	for i := range rounds {
		for range 1 + i%3 {
			d.group(s)
		}
		w := Want{Catalog: c, Stream: 0}
		if w.Limit = []int{0, 1, 5, 1000}[i%4]; w.Limit == 0 {
			w.Chunk = 1000
		}
		gets.Go(func() {
			got, err := s.Get(t.Context(), w, part, cdc.Position{})
			if err != nil {
				t.Error(err)
				return
			}
			defer got.Release()
			if !slices.Equal(texts(t, got), d.want(w, got.At)) {
				mu.Lock()
				n++
				mu.Unlock()
			}
		})
		if i%7 == 0 {
			gets.Wait()
			if i%14 == 0 { // else what is held goes on
				s.Notice(cdc.Notice{Schema: "d", Table: "t"})
			}
		}
	}
	gets.Wait()
	return n, s.Stats()
}

// Rows are those of the table at the place that they are said to be of, wherever the
// database's view stood.
func TestRowsAreExact(t *testing.T) {
	for seed := range uint64(10) {
		n, stats := wrong(t, newDatabase(t, seed), 400)
		if n > 0 || stats.Hits == 0 || stats.Queries == 0 {
			t.Errorf("seed %d: %d wrong; %+v", seed, n, stats)
		}
	}
}

// A source whose views are one group too old is found out by the test above.
func TestEarlyViewsAreWrong(t *testing.T) {
	d := newDatabase(t, 1)
	d.early = true
	if n, _ := wrong(t, d, 400); n == 0 {
		t.Error("rows seem right that can't be")
	}
}

// Rows that come in chunks, with the changes between them, are the table.
func TestChunksAreExact(t *testing.T) {
	for seed := range uint64(20) {
		d := newDatabase(t, seed)
		s, c, sub := d.store(1 << 20)
		if seed%2 == 1 { // bytes end a chunk before its rows do
			s.Chunk = 300
		}
		run(t, s)
		part := sub.Rows()[0].Part
		for range 60 {
			d.group(s)
		}
		var all []string
		w := Want{Catalog: c, Stream: 0, Chunk: 3}
		var last cdc.Position
		chunks := uint64(0)
		release := func() {} // what was loaded ahead
		for more := true; more; chunks++ {
			got, err := s.Get(t.Context(), w, part, cdc.Position{})
			if err != nil {
				t.Fatal(err)
			}
			release()
			all, last, w.After, more = append(all, texts(t, got)...), got.At, string(got.Last), got.More
			if release = func() {}; more && seed%4 < 2 {
				release = s.Ahead(w, part)
			}
			got.Release()
		}
		if n := s.Stats().Queries; n != chunks {
			t.Errorf("seed %d: %d queries for %d chunks", seed, n, chunks)
		}
		if want := d.want(w, last); !slices.Equal(all, want) {
			t.Errorf("seed %d: got %v\nwant %v", seed, all, want)
		}
		if s.Stats().Held > 1000 {
			t.Errorf("%d bytes are held of chunks", s.Stats().Held)
		}
	}
}

// What is held is bounded, and given back.
func TestHeldBytes(t *testing.T) {
	d := newDatabase(t, 1)
	s, c, sub := d.store(20_000)
	run(t, s)
	for i := range 200 {
		d.group(s)
		got, err := s.Get(t.Context(), Want{Catalog: c, Stream: 0, Limit: 1 + i%30}, sub.Rows()[0].Part, cdc.Position{})
		if err != nil {
			t.Fatal(err)
		}
		got.Release()
		if held := s.Stats().Held; held > 20_000 || held < 0 {
			t.Fatalf("%d bytes are held", held)
		}
	}
	s.Lost()
	if held := s.Stats().Held; held != 0 {
		t.Errorf("%d bytes are held of nothing", held)
	}
}

// The feed does not stop at ever more windows; those that are asked for again and again
// stay among all that are asked for once.
func TestFollowingIsBounded(t *testing.T) {
	d := newDatabase(t, 1)
	s, c, sub := d.store(1 << 20)
	run(t, s)
	get := func(limit int) {
		got, err := s.Get(t.Context(), Want{Catalog: c, Stream: 0, Limit: limit}, sub.Rows()[0].Part, cdc.Position{})
		if err != nil {
			t.Fatal(err)
		}
		got.Release()
	}
	const once = 3 * maxFollowing
	for i := range once {
		get(1 + i)
		if i > 2*maxFollowing { // when all places are taken
			get(once + 1)
		}
	}
	if n := s.Stats().Queries; n != once+1 {
		t.Errorf("%d queries for %d windows", n, once+1)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.windows); n > maxFollowing || n < maxFollowing/2 {
		t.Errorf("%d windows are kept", n)
	}
}

// Windows that can't follow a change go, all of them, and nothing is counted twice.
func TestKeylessTableChanges(t *testing.T) {
	d := newDatabase(t, 1)
	s, c, sub := d.store(1 << 20)
	run(t, s)
	for i := range 3 {
		got, err := s.Get(t.Context(), Want{Catalog: c, Stream: 0, Limit: 1 + i}, sub.Rows()[0].Part, cdc.Position{})
		if err != nil {
			t.Fatal(err)
		}
		got.Release()
	}
	keyless := row.New(&cdc.Table{Schema: "d", Name: "t", Columns: d.table.Columns})
	s.Begin(at(0))
	s.Change(&cdc.Change{Table: keyless, Op: cdc.Insert, After: d.image(1, 1)})
	s.Checkpoint(at(1))
	if held := s.Stats().Held; held != 0 || len(s.windows) != 0 {
		t.Errorf("%d windows, %d bytes", len(s.windows), held)
	}
}

// What is held of windows that are given up in every possible state comes to nothing.
func TestGivenUp(t *testing.T) {
	for seed := range uint64(20) {
		d := newDatabase(t, seed)
		s, c, sub := d.store(30_000)
		run(t, s)
		var gets sync.WaitGroup
		for i := range 200 {
			gets.Go(func() {
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				if i%3 == 0 {
					stop()
				}
				w := Want{Catalog: c, Stream: 0, Limit: 1 + i%7}
				if i%4 == 0 {
					w.Limit, w.Chunk = 0, 3
				}
				if i%5 == 0 {
					defer s.Ahead(w, sub.Rows()[0].Part)()
				}
				if got, err := s.Get(ctx, w, sub.Rows()[0].Part, cdc.Position{}); err == nil {
					got.Release()
				}
			})
			d.group(s)
			switch {
			case i%10 == 3:
				s.Notice(cdc.Notice{})
			case i%17 == 5:
				s.Begin(at(0))
				s.Lost()
				s.Checkpoint(d.pos[len(d.pos)-1])
			}
		}
		gets.Wait()
		s.Lost()
		if held := s.Stats().Held; held != 0 || len(s.tables[table{"d", "t"}].windows) != 0 {
			t.Errorf("seed %d: %d bytes, %d windows are left", seed, held, len(s.tables[table{"d", "t"}].windows))
		}
	}
}
