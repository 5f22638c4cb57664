package cdc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"

	"rowcast/cdc/row"
	"rowcast/internal/throwaway"
)

// watch is a Handler that keeps what d.t holds, by the binlog, and every change of it.
type watch struct {
	t     *testing.T
	table *Table
	key   *row.Shape
	all   *row.Shape

	mu     sync.Mutex
	state  map[string]string // key to record
	log    []overlaid
	at     Position // the last checkpoint
	settle int      // of log, what came before it
	newest *Image
	notes  []string
	waits  []wait
	more   chan struct{} // closed and replaced at each checkpoint
}

// overlaid is a change of one row: "" where there is none.
type overlaid struct {
	group         Position
	before, after string // keys
	record        string
}

type wait struct {
	until Position
	f     func()
	done  chan struct{}
}

func (w *watch) Begin(Position) error { return nil }

func (w *watch) Wants(schema, table []byte) bool {
	return string(schema) == "d" && string(table) == "t"
}

func (w *watch) Change(c *Change) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.table != c.Table {
		w.shapes(c.Table)
	}
	o := overlaid{group: c.Pos.Group()}
	last := c.After
	if c.Before != nil {
		o.before = w.record(w.key, c.Before)
		delete(w.state, o.before)
	}
	if c.After != nil {
		o.after, o.record = w.record(w.key, c.After), w.record(w.all, c.After)
		w.state[o.after] = o.record
	} else {
		last = c.Before
	}
	w.log = append(w.log, o)
	w.newest = &Image{}
	return w.key.Read(w.newest, []byte(w.record(w.key, last)))
}

func (w *watch) shapes(table *Table) {
	var err error
	if w.key, err = row.NewShape(table, table.Key); err != nil {
		w.t.Error(err)
	}
	var all []int
	for i := range table.Columns {
		if !table.Columns[i].Hidden {
			all = append(all, i)
		}
	}
	if w.all, err = row.NewShape(table, all); err != nil {
		w.t.Error(err)
	}
	w.table = table
}

func (w *watch) record(s *row.Shape, im *Image) string {
	b, ok, err := s.Copy(nil, im)
	if !ok || err != nil {
		w.t.Errorf("copy: %v, %v", ok, err)
	}
	return string(b)
}

func (w *watch) Notice(n Notice) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notes = append(w.notes, n.Message)
	return nil
}

func (w *watch) Checkpoint(p Position, _ time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at, w.settle = p, len(w.log)
	w.waits = slices.DeleteFunc(w.waits, func(wt wait) bool {
		if p.Compare(wt.until) < 0 {
			return false
		}
		wt.f()
		close(wt.done)
		return true
	})
	close(w.more)
	w.more = make(chan struct{})
	return nil
}

// passed runs f at the first checkpoint at or after until.
func (w *watch) passed(until Position, f func()) {
	w.t.Helper()
	wt := wait{until: until, f: f, done: make(chan struct{})}
	w.mu.Lock()
	if w.at.Compare(until) >= 0 && w.settle == len(w.log) {
		f()
		w.mu.Unlock()
		return
	}
	w.waits = append(w.waits, wt)
	w.mu.Unlock()
	select {
	case <-wt.done:
	case <-time.After(time.Minute):
		w.t.Errorf("waited a minute for %s; at %s", until, w.at)
	}
}

// watching reads the binlog of s from now on; d.t is empty.
func watching(t *testing.T, s *throwaway.Server) (*Source, *watch) {
	t.Helper()
	src := source(t, s)
	return src, watchFrom(t, src, Position{})
}

func watchFrom(t *testing.T, src *Source, from Position) *watch {
	t.Helper()
	w := &watch{t: t, state: map[string]string{}, more: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	begun := w.more
	go func() {
		defer close(done)
		if err := src.Read(ctx, from, w); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done; src.Close() })
	select {
	case <-begun:
	case <-time.After(time.Minute):
		t.Fatal("the reading did not begin")
	}
	return w
}

// taken is one Select under load, and what the oracle says of it.
type taken struct {
	from    int // of the log: what came before Low
	low     Position
	rows    map[string]string
	got     Selected
	problem string
	stands  int  // how much of the log is in the rows; -1: they are no state of the table
	missed  bool // with one group after that left out, the oracle would have seen it
}

// register begins to record: the changes after Low.
func (w *watch) register() *taken {
	w.mu.Lock()
	defer w.mu.Unlock()
	return &taken{from: w.settle, low: w.at, rows: map[string]string{}}
}

// take reads the rows; low is what Select is told.
func (w *watch) take(src *Source, l *taken, low Position) (err error) {
	l.got, err = src.Select(w.t.Context(), Selection{Schema: "d", Table: "t", Low: low,
		Newest: func() *Image {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.newest
		},
		Plan: func(t *Table) (SelectPlan, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.table == nil {
				w.shapes(t)
			}
			if t != w.table {
				return SelectPlan{}, errors.New("another Table than that of changes")
			}
			return SelectPlan{Shape: w.all, Limit: 500}, nil
		},
		Row: func(record []byte) error {
			var im Image
			if err := w.all.Read(&im, record); err != nil {
				return err
			}
			l.rows[w.record(w.key, &im)] = string(record)
			return nil
		}})
	return err
}

// judge lays the changes after Low over the rows, and compares with the state at the
// first checkpoint at or after the binlog's end as Select says it.
func (w *watch) judge(l *taken) {
	w.passed(l.got.At, func() {
		final := maps.Clone(l.rows)
		overlay(final, w.log[l.from:])
		if !maps.Equal(final, w.state) {
			l.problem = fmt.Sprintf("overlaid from %s to %s: %s", l.low, w.at, differ(final, w.state))
		}
		if l.stands = w.stands(l); l.stands < 0 || l.stands == len(w.log) {
			return
		}
		final = maps.Clone(l.rows)
		overlay(final, w.log[w.groupEnd(l.stands):])
		l.missed = !maps.Equal(final, w.state)
	})
}

// stands finds the view: the last group at or after Low up to which the changes make the rows.
func (w *watch) stands(l *taken) int {
	last, state := -1, map[string]string{}
	overlay(state, w.log[:l.from])
	for at := l.from; ; {
		if maps.Equal(state, l.rows) {
			last = at
		}
		if at == len(w.log) {
			return last
		}
		end := w.groupEnd(at)
		overlay(state, w.log[at:end])
		at = end
	}
}

// groupEnd is where in the log the group ends that begins at at.
func (w *watch) groupEnd(at int) int {
	for end := at; ; end++ {
		if end == len(w.log) || w.log[end].group != w.log[at].group {
			return end
		}
	}
}

func overlay(rows map[string]string, changes []overlaid) {
	for _, o := range changes {
		if o.before != "" {
			delete(rows, o.before)
		}
		if o.after != "" {
			rows[o.after] = o.record
		}
	}
}

func differ(got, want map[string]string) string {
	var list []string
	for k, v := range got {
		if w, ok := want[k]; !ok {
			list = append(list, fmt.Sprintf("too much: % x", k))
		} else if v != w {
			list = append(list, fmt.Sprintf("% x: % x instead of % x", k, v, w))
		}
	}
	for k := range want {
		if _, ok := got[k]; !ok {
			list = append(list, fmt.Sprintf("missing: % x", k))
		}
	}
	return strings.Join(list[:min(len(list), 4)], "; ")
}

// writers change d.t until the test's stop: each 1 to 4 statements in a transaction.
func writers(t *testing.T, s *throwaway.Server, n int, xa bool) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for i := range n {
		c, err := s.Conn()
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(1, uint64(i)))
		group.Go(func() {
			defer c.Close()
			for n := 0; ctx.Err() == nil; n++ {
				begin, commit := []string{"BEGIN"}, []string{"COMMIT"}
				if xa && r.IntN(3) == 0 {
					id := fmt.Sprintf("'%d-%d'", i, n)
					begin, commit = []string{"XA START " + id}, []string{"XA END " + id, "XA PREPARE " + id, "XA COMMIT " + id}
				}
				failed := false
				for _, q := range slices.Concat(begin, statements(r), commit) {
					if _, err := c.Execute(q); err != nil {
						if my, ok := errors.AsType[*mysql.MyError](err); !ok || my.Code != mysql.ER_LOCK_DEADLOCK && my.Code != mysql.ER_LOCK_WAIT_TIMEOUT && my.Code != 1614 && my.Code != mysql.ER_DUP_ENTRY {
							t.Errorf("%s: %v", q, err)
							return
						}
						failed = true
						break
					}
				}
				if failed && strings.HasPrefix(begin[0], "XA") {
					id := strings.TrimPrefix(begin[0], "XA START ")
					c.Execute("XA END " + id)
					c.Execute("XA ROLLBACK " + id)
				} else if failed {
					c.Execute("ROLLBACK")
				}
			}
		})
	}
	return func() { cancel(); group.Wait() }
}

func statements(r *rand.Rand) (list []string) {
	for range 1 + r.IntN(4) {
		a, b := r.IntN(30), r.IntN(4)
		switch r.IntN(5) {
		case 0, 1:
			list = append(list, fmt.Sprintf("INSERT INTO d.t VALUES (%d, 'k%d', %d, 0.1) ON DUPLICATE KEY UPDATE n = VALUES(n)", a, b, r.IntN(1000)))
		case 2:
			list = append(list, fmt.Sprintf("UPDATE d.t SET n = n + 1, f = f * 1.5 WHERE a BETWEEN %d AND %d", a, a+3))
		case 3:
			list = append(list, fmt.Sprintf("UPDATE IGNORE d.t SET a = %d WHERE a = %d AND b = 'k%d'", r.IntN(30), a, b))
		case 4:
			list = append(list, fmt.Sprintf("DELETE FROM d.t WHERE a = %d AND b >= 'k%d'", a, b))
		}
	}
	return list
}

const oracleTable = "CREATE TABLE d.t (n INT, b VARCHAR(5), a INT, f FLOAT, PRIMARY KEY (a, b))"

// TestSelectUnderLoad: whatever is written meanwhile, the rows with the changes after Low
// are the table. Where servers commit in the binlog's order, the rows alone are the table
// at one place after Low.
func TestSelectUnderLoad(t *testing.T) {
	for name, c := range map[string]struct {
		flavor  throwaway.Flavor
		args    []string
		xa      bool
		ordered bool // views are of one place in the binlog
	}{
		"mysql":                  {throwaway.MySQL, []string{"--sync-binlog=1"}, true, true},
		"mysql-no-gtids":         {throwaway.MySQL, []string{"--sync-binlog=1", "--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"}, true, true},
		"mysql-commits-unsorted": {throwaway.MySQL, []string{"--sync-binlog=1", "--binlog-order-commits=OFF"}, true, false},
		"mariadb":                {throwaway.MariaDB, []string{"--sync-binlog=1"}, false, true},
		"mariadb-xa":             {throwaway.MariaDB, []string{"--sync-binlog=1"}, true, false},
		"mariadb-each-thread":    {throwaway.MariaDB, []string{"--sync-binlog=1", "--binlog-optimize-thread-scheduling=0"}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := throwaway.Test(t, c.flavor, append(c.args, "--binlog-row-metadata=FULL", "--max-binlog-size=1M", "--innodb-flush-log-at-trx-commit=2")...)
			exec(t, s, "CREATE DATABASE d", strings.Replace(oracleTable, "n INT, b VARCHAR(5), a INT", "a INT, b VARCHAR(5), n INT", 1))
			src, w := watching(t, s)
			stop := writers(t, s, 8, c.xa)
			defer stop()
			const enough, noticed = 150, 10
			n, after, nowhere, missed, unseen := 0, 0, 0, 0, 0
			for ; !t.Failed() && (n < enough || missed < noticed && n < 10*enough); n++ {
				l := w.register()
				err := w.take(src, l, l.low)
				if errors.Is(err, ErrUnseen) {
					unseen++
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if w.judge(l); l.problem != "" {
					t.Error(l.problem)
				}
				if l.stands < 0 {
					nowhere++
				} else if l.stands > l.from {
					after++
				}
				if l.missed {
					missed++
				}
			}
			t.Logf("of %d, %d stood after Low, %d nowhere, %d would have gone wrong without the group after their view; %d came back", n, after, nowhere, missed, unseen)
			if nowhere > 0 && c.ordered {
				t.Errorf("%d of %d were no state of the table at or after Low", nowhere, n)
			}
			if missed < noticed {
				t.Errorf("without the group after their view only %d of %d would have gone wrong: the test would not notice", missed, n)
			}
			if unseen > n/10 {
				t.Errorf("%d of %d came back", unseen, n)
			}
			if len(w.notes) > 0 {
				t.Error(w.notes)
			}
		})
	}
}

func mustNow(t *testing.T, src *Source) Position {
	t.Helper()
	now, err := src.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return now
}

// TestSelectInStall: while the server waits for a semi-synchronous replica, a transaction
// is in the binlog and can't be seen.
func TestSelectInStall(t *testing.T) {
	for name, c := range map[string]struct {
		flavor throwaway.Flavor
		args   []string
		unseen bool // the reading begins when the transaction is in the binlog
	}{
		"mysql":                      {throwaway.MySQL, nil, false},
		"mysql-no-gtids":             {throwaway.MySQL, []string{"--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"}, false},
		"mariadb":                    {throwaway.MariaDB, nil, false},
		"mariadb-each-thread":        {throwaway.MariaDB, []string{"--binlog-optimize-thread-scheduling=0"}, false},
		"mysql-no-gtids-unseen":      {throwaway.MySQL, []string{"--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"}, true},
		"mariadb-unseen":             {throwaway.MariaDB, nil, true},
		"mariadb-each-thread-unseen": {throwaway.MariaDB, []string{"--binlog-optimize-thread-scheduling=0"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := throwaway.Test(t, c.flavor, append(c.args, "--binlog-row-metadata=FULL")...)
			semiSync := "rpl_semi_sync_master"
			if c.flavor == throwaway.MySQL {
				semiSync = "rpl_semi_sync_source"
				exec(t, s, "INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'")
			}
			exec(t, s, "CREATE DATABASE d", oracleTable, "INSERT INTO d.t VALUES (0, 'k0', 0, 0)", "SET GLOBAL "+semiSync+"_wait_point = AFTER_SYNC",
				"SET GLOBAL "+semiSync+"_timeout = 3000", "SET GLOBAL "+semiSync+"_enabled = 1")
			src := source(t, s)
			var w *watch
			if !c.unseen {
				w = watchFrom(t, src, Position{})
			}
			was := mustNow(t, src)
			writer, err := s.Conn()
			if err != nil {
				t.Fatal(err)
			}
			defer writer.Close()
			done := make(chan error, 1) // its end is waited for at the end
			go func() {
				_, err := writer.Execute("INSERT INTO d.t VALUES (1, 'k1', 1, 1)")
				done <- err
			}()
			poll(t, "the row in the binlog", func() bool { return mustNow(t, src).Compare(was) > 0 })
			begun := time.Now()
			if c.unseen {
				w = watchFrom(t, src, Position{})
			}
			w.passed(mustNow(t, src), func() {})
			l := w.register()
			if err := w.take(src, l, Position{}); err != nil || len(l.rows) != 1 {
				t.Errorf("%d rows without waiting, %v: there is no stall", len(l.rows), err)
			}
			src.unseen = 100 * time.Millisecond
			if err := w.take(src, w.register(), l.low); !errors.Is(err, ErrUnseen) {
				t.Errorf("%v", err)
			}
			src.unseen = unseenTimeout
			l = w.register()
			if err := w.take(src, l, l.low); err != nil || len(l.rows) != 2 {
				t.Errorf("%d rows, %v", len(l.rows), err)
			}
			if took := time.Since(begun); took > 3*time.Second+unseenTimeout {
				t.Errorf("it took %v", took)
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSelectAfterXA: MariaDB commits an XA transaction some time after it has said that
// everything up to there is committed. That is too short to be met; another transaction's
// lock shows that the row is asked for, once.
func TestSelectAfterXA(t *testing.T) {
	s := throwaway.Test(t, throwaway.MariaDB, "--binlog-row-metadata=FULL")
	exec(t, s, "CREATE DATABASE d", oracleTable, "INSERT INTO d.t VALUES (0, 'k0', 0, 0)")
	src, w := watching(t, s)
	session(t, s, "XA START 'x'", "INSERT INTO d.t VALUES (1, 'k1', 1, 1)", "XA END 'x'", "XA PREPARE 'x'", "XA COMMIT 'x'")
	w.passed(mustNow(t, src), func() {})
	c, err := s.Conn()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	lock := func(sql string) {
		t.Helper()
		for _, q := range strings.Split(sql, ";") {
			if _, err := c.Execute(q); err != nil {
				t.Fatal(err)
			}
		}
	}
	lock("BEGIN;SELECT * FROM d.t WHERE a = 1 FOR UPDATE")
	done := make(chan *taken) // taken by the test
	go func() {
		l := w.register()
		if err := w.take(src, l, l.low); err != nil {
			t.Error(err)
		}
		done <- l
	}()
	poll(t, "the probe", func() bool {
		return len(mustQuery(t, s, "SELECT 1 FROM information_schema.PROCESSLIST WHERE USER = 'rowcast' AND INFO LIKE '%%LOCK IN SHARE MODE'")) > 0
	})
	lock("COMMIT")
	if l := <-done; len(l.rows) != 2 {
		t.Errorf("%d rows", len(l.rows))
	}
	lock("BEGIN;SELECT * FROM d.t WHERE a = 1 FOR UPDATE")
	src.unseen = 0
	l := w.register()
	if err := w.take(src, l, l.low); err != nil || len(l.rows) != 2 {
		t.Errorf("%d rows, %v", len(l.rows), err)
	}
	lock("COMMIT")
}
