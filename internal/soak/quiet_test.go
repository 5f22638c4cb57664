package soak

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// quiet is where writers are held for a moment, so that what tables hold and
// where the binlog ends go together: places where copies are compared, and from
// which they are made after a reset.
type quiet struct {
	f     *fire
	gate  sync.RWMutex  // held for reading by who writes
	asks  chan struct{} // 1: a copy waits for the next snapshot
	kills int           // of the database before the last snapshot whose rows are held
	final bool          // the storm is over

	mu    sync.Mutex
	dirty map[int]bool // tables that an ALTER changed since the last snapshot
	list  []*snapshot
}

// snapshot is what the tables held at one place.
type snapshot struct {
	at     id
	left   int            // copies that have not come to it yet; with the last one the rows go
	rows   map[int][]row  // by table
	adopt  map[int]bool   // tables whose rows an ALTER changed, which is not an event
	unsure map[int]bool   // tables that a crash may have set apart from the binlog
	held   map[int][]held // what the tables held whose rows are had
}

func newQuiet(f *fire) *quiet {
	return &quiet{f: f, asks: make(chan struct{}, 1), dirty: map[int]bool{}}
}

// altering notes that rows of a table change without an event.
func (q *quiet) altering(tables ...int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, i := range tables {
		q.dirty[i] = true
	}
}

// ask for a snapshot soon.
func (q *quiet) ask() {
	select {
	case q.asks <- struct{}{}:
	default:
	}
}

// nth snapshot, if there is one yet.
func (q *quiet) nth(n int) *snapshot {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n < len(q.list) {
		return q.list[n]
	}
	return nil
}

// passed: another copy was compared.
func (q *quiet) passed(s *snapshot) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if s.left--; s.left == 0 {
		s.rows = nil
	}
}

func (q *quiet) count() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.list)
}

// run takes a snapshot every so often, and where one is asked for.
func (q *quiet) run(ctx context.Context, every time.Duration) {
	timer := time.NewTimer(every)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-q.asks:
		}
		if q.take() != nil { // the database may be down, or a fault began another file
			q.ask()
		}
		if !pause(ctx, 300*time.Millisecond) {
			return
		}
		timer.Reset(every)
	}
}

// take holds the writers and looks. A fault may begin another file meanwhile, and
// the server then adds to it by itself.
func (q *quiet) take() (err error) {
	q.gate.Lock()
	defer q.gate.Unlock()
	for range 5 {
		if err = q.takeOnce(); !errors.Is(err, errMoved) {
			return err
		}
	}
	return err
}

var errMoved = errors.New("the binlog moved while nobody wrote")

func (q *quiet) takeOnce() error {
	f := q.f
	f.faults.mu.Lock()
	crash, kills := f.faults.crash, f.faults.counts["kill -9 of the database"]
	f.faults.mu.Unlock()
	if crash { // what was committed in the binlog alone is ended for good
		f.load.endPrepared()
	}
	file, pos, err := binlogEnd(f.s)
	if err != nil {
		return err
	}
	s := &snapshot{left: f.mirrors, rows: map[int][]row{}, adopt: map[int]bool{}, unsure: map[int]bool{}, held: map[int][]held{}}
	s.at.file, s.at.pos = uint32(atoi(file[strings.LastIndexByte(file, '.')+1:])), pos
	hold := !*full || q.final || len(f.load.xaOf) == 0 || kills > q.kills // else the binlog says it
	for i, t := range f.tables {
		if t.name == "" {
			continue
		}
		if s.rows[i], err = f.selectRows(t, ""); err != nil {
			return err
		}
		s.unsure[i] = crash && t.more == "ENGINE=MyISAM"
		if t.rows != nil && hold {
			s.held[i] = []held{}
			for _, r := range s.rows[i] {
				s.held[i] = append(s.held[i], newHeld(t, r))
			}
		}
	}
	if again, end, err := binlogEnd(f.s); err != nil || again != file || end != pos {
		return cmp.Or(err, fmt.Errorf("%w: from %s/%d to %s/%d", errMoved, file, pos, again, end))
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	s.adopt, q.dirty = q.dirty, map[int]bool{}
	q.list = append(q.list, s)
	f.final = s.rows
	if hold {
		q.kills = kills
	}
	return nil
}

// selectRows is what SELECT says, in JSON form.
func (f *fire) selectRows(t *table, where string) ([]row, error) {
	cols, err := f.columnsOf(t)
	if err != nil {
		return nil, err
	}
	var exprs []string
	for _, c := range cols {
		exprs = append(exprs, fmt.Sprintf("IF(%[1]s IS NULL, 'null', CONCAT('=', %[1]s))", c)) // the text NULL is not NULL
	}
	result, err := f.s.Query("SELECT " + strings.Join(exprs, ", ") + " FROM " + quoted(t.db) + "." + quoted(t.base) + where)
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, values := range result {
		r := row{cols, make([]string, len(values))}
		for c, v := range values {
			if r.vals[c] = v; v != "null" {
				r.vals[c] = textValue(cols[c], v[1:])
			}
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// columnsOf asks the server.
func (f *fire) columnsOf(t *table) (cols []string, err error) {
	names, err := f.s.Query("SELECT column_name FROM information_schema.columns WHERE table_schema = '" + t.db +
		"' AND table_name = '" + strings.ReplaceAll(t.base, "'", "''") + "' ORDER BY ordinal_position")
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		cols = append(cols, n[0])
	}
	if len(cols) == 0 {
		return nil, fmt.Errorf("%s is not there", t.full())
	}
	return cols, nil
}

// published is what a stream publishes of rows to a binding, by their keys, and
// the keys of those that can't be judged.
func (t *table) published(rows []row, bind string) (list map[string]string, unjudged map[string]bool) {
	list, unjudged = map[string]string{}, map[string]bool{}
	for _, r := range rows {
		match, judged := true, true
		if t.where != nil {
			match, judged = t.where.holds(t.where.arg(r), bind)
		}
		if !judged {
			unjudged[r.pairs(t.key)] = true
		} else if match {
			list[r.pairs(t.key)] = r.pairs(t.send)
		}
	}
	return list, unjudged
}

// difference of what a copy has and what it should have.
func difference(have, want map[string]string) string {
	var diff []string
	for key, w := range want {
		if got, ok := have[key]; !ok {
			diff = append(diff, "lacks "+w)
		} else if got != w {
			diff = append(diff, "has "+got+" for "+w)
		}
	}
	for key := range have {
		if _, ok := want[key]; !ok {
			diff = append(diff, "has "+key+" too many")
		}
	}
	slices.Sort(diff)
	if len(diff) > 5 {
		diff = append(diff[:5], fmt.Sprintf("and %d more", len(diff)-5))
	}
	return strings.Join(diff, "; ")
}
