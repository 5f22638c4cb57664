package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"

	"rowcast/internal/throwaway"
)

// load is several writers of random transactions.
type load struct {
	*schema
	s       *throwaway.Server
	quiet   *quiet
	maxID   int
	xaOf    []int        // tables of XA transactions
	written atomic.Int64 // changes, about; the truth says how many there were
	target  int64
	pace    time.Duration // in which target changes are to be written
	begun   time.Time
	errors  atomic.Int64
	xa      atomic.Int64

	mu      sync.Mutex
	decided map[string]string // how each XA transaction is to end
}

// writer is one connection at a time.
type writer struct {
	*load
	n    int
	rng  *rand.Rand
	c    *client.Conn
	open []string // XA transactions that this writer left prepared

	pending int64 // changes of the transaction
	alone   bool  // each statement is one
}

// run writes until the target is reached, or ctx ends.
func (w *writer) run(ctx context.Context) {
	defer func() {
		if w.c != nil {
			w.c.Close()
		}
	}()
	for ctx.Err() == nil && w.written.Load() < w.target {
		if ahead := time.Duration(float64(w.written.Load())/float64(w.target)*float64(w.pace)) - time.Since(w.begun); ahead > 0 {
			pause(ctx, min(ahead, 200*time.Millisecond))
			continue
		}
		if w.c == nil {
			if w.connect() != nil {
				pause(ctx, 50*time.Millisecond)
				continue
			}
		}
		w.quiet.gate.RLock()
		err := w.transaction()
		w.quiet.gate.RUnlock()
		if err != nil {
			w.errors.Add(1)
			if said := new(mysql.MyError); w.c != nil && (!errors.As(err, &said) || w.do("ROLLBACK") != nil) {
				w.c.Close()
				w.c = nil // inside XA, too, a new connection is simplest
			}
		}
	}
}

func (w *writer) connect() error {
	c, err := w.s.Conn()
	if err != nil {
		return err
	}
	w.c = c
	for _, q := range []string{"USE soak", "SET SESSION lock_wait_timeout = 2", "SET SESSION innodb_lock_wait_timeout = 2",
		"SET SESSION sql_mode = 'STRICT_TRANS_TABLES'"} { // dates with a month of zero are taken
		if err := w.do(q); err != nil {
			return err
		}
	}
	if err := w.leftovers(); err != nil {
		return err
	}
	if w.s.Flavor() == throwaway.MySQL && w.rng.IntN(2) == 0 {
		return w.do("SET SESSION binlog_transaction_compression = ON")
	}
	return nil
}

func (w *writer) do(sql string) error {
	r, err := w.c.Execute(sql)
	if err != nil {
		return err
	}
	defer r.Close()
	n := int64(r.AffectedRows)
	if strings.HasPrefix(sql, "REPLACE") {
		n -= n / 3 // a row that takes another's place counts twice, and is one update
	}
	switch w.pending += n; {
	case strings.HasPrefix(sql, "ROLLBACK") || strings.HasPrefix(sql, "XA ROLLBACK"):
		w.pending = 0
	case sql == "COMMIT" || strings.HasPrefix(sql, "XA COMMIT") || w.alone:
		w.written.Add(w.pending)
		w.pending = 0
	}
	return nil
}

// transaction writes one, of a random kind.
func (w *writer) transaction() error {
	w.pending, w.alone = 0, false
	switch w.rng.IntN(20) {
	case 0, 1, 2, 3:
		w.alone = true
		return w.do(w.statement())
	case 4:
		return w.rollback()
	case 5, 6:
		return w.savepoints()
	case 7, 8:
		if len(w.xaOf) > 0 {
			return w.xaTransaction()
		}
	case 9:
		return w.aside()
	case 10:
		return w.finishXA()
	}
	return w.several("BEGIN", 1+w.rng.IntN(12), "COMMIT")
}

func (w *writer) several(begin string, n int, end string) error {
	if err := w.do(begin); err != nil {
		return err
	}
	for range n {
		if err := w.do(w.statement()); err != nil {
			return err
		}
	}
	return w.do(end)
}

func (w *writer) rollback() error {
	return w.several("START TRANSACTION", 1+w.rng.IntN(5), "ROLLBACK")
}

func (w *writer) savepoints() error {
	if err := w.do("BEGIN"); err != nil {
		return err
	}
	for range 1 + w.rng.IntN(4) {
		name := fmt.Sprintf("`s %d`", w.rng.IntN(2))
		for _, q := range []string{w.statement(), "SAVEPOINT " + name, w.statement()} {
			if err := w.do(q); err != nil {
				return err
			}
		}
		if w.rng.IntN(2) == 0 {
			if err := w.do("ROLLBACK TO " + name); err != nil {
				return err
			}
		}
	}
	return w.do("COMMIT")
}

// xaTransaction commits at once, or leaves the transaction prepared. It stays
// with InnoDB, and rows of its own, so that a prepared one holds up no others.
func (w *writer) xaTransaction() error {
	w.xa.Add(1)
	xid := fmt.Sprintf("'%d-%d-%d'", w.n, w.xa.Load(), w.rng.IntN(1e6))
	if err := w.do("XA START " + xid); err != nil {
		return err
	}
	for range 1 + w.rng.IntN(5) {
		t := w.tables[w.xaOf[w.rng.IntN(len(w.xaOf))]]
		q := w.insert("REPLACE INTO", t, w.values(t, w.maxID+1000*(w.n+1)+w.rng.IntN(1000)))
		if err := w.do(q); err != nil {
			w.c.Close() // ends the XA transaction as well
			return err
		}
	}
	if err := w.do("XA END " + xid); err != nil {
		return err
	}
	if w.rng.IntN(4) == 0 {
		return w.do("XA COMMIT " + xid + " ONE PHASE")
	}
	if err := w.do("XA PREPARE " + xid); err != nil {
		return err
	}
	if w.open = append(w.open, xid); w.rng.IntN(3) == 0 && len(w.open) < 3 {
		// Another connection ends it, later: MariaDB lets this one do nothing else meanwhile.
		w.c.Close()
		w.c = nil
		return w.connect()
	}
	return w.finishXA()
}

// leftovers ends what this writer had prepared when it lost its connection.
func (w *writer) leftovers() error {
	r, err := w.c.Execute("XA RECOVER")
	if err != nil {
		return err
	}
	defer r.Close()
	for i := range r.RowNumber() {
		xid, err := r.GetString(i, 3)
		if err != nil {
			return err
		}
		xid = "'" + xid + "'"
		if strings.HasPrefix(xid, fmt.Sprintf("'%d-", w.n)) && !slices.Contains(w.open, xid) {
			w.open = append(w.open, xid)
		}
	}
	if len(w.open) > 2 {
		return w.finishXA()
	}
	return nil
}

// finishXA ends what was left prepared, also before a restart. Each is decided
// once: the server may have logged an XA COMMIT before it was killed, and what is
// then rolled back is gone from the table and committed in the binlog.
func (w *writer) finishXA() error {
	for _, xid := range w.open {
		err := w.do(w.decide(xid, w.rng.IntN(3) == 0) + xid)
		var said *mysql.MyError
		if err != nil && !errors.As(err, &said) {
			return err
		}
	}
	w.open = nil
	return nil
}

// decide is how an XA transaction ends: as it was decided first.
func (l *load) decide(xid string, rollback bool) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	verb := l.decided[xid]
	if verb == "" {
		if verb = "XA COMMIT "; rollback {
			verb = "XA ROLLBACK "
		}
		if l.decided == nil {
			l.decided = map[string]string{}
		}
		l.decided[xid] = verb
	}
	return verb
}

// endPrepared ends what a crash left prepared. What belongs to a connection that
// lives is refused, and ends by that.
func (l *load) endPrepared() {
	rows, err := l.s.Query("XA RECOVER")
	if err != nil {
		return
	}
	for _, r := range rows {
		xid := "'" + r[3] + "'"
		_ = l.s.Exec(l.decide(xid, true) + xid)
	}
}
