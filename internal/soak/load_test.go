package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"

	"rowcast/internal/throwaway"
)

// load is several writers of random transactions.
type load struct {
	s       *throwaway.Server
	written atomic.Int64 // changes, about; the truth says how many there were
	target  int64
	pace    time.Duration // in which target changes are to be written
	begun   time.Time
	errors  atomic.Int64
	xa      atomic.Int64
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

const maxID = 3000

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
		if err := w.transaction(); err != nil {
			w.errors.Add(1)
			if said := new(mysql.MyError); !errors.As(err, &said) || w.settle() != nil {
				w.c.Close()
				w.c = nil
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
	for _, q := range []string{"SET SESSION lock_wait_timeout = 2", "SET SESSION innodb_lock_wait_timeout = 2"} {
		if err := w.do(q); err != nil {
			return err
		}
	}
	if w.s.Flavor() == throwaway.MySQL && w.rng.IntN(2) == 0 {
		return w.do("SET SESSION binlog_transaction_compression = ON")
	}
	return nil
}

// settle gets out of whatever failed.
func (w *writer) settle() error {
	err := w.do("ROLLBACK")
	var said *mysql.MyError
	if errors.As(err, &said) {
		return err // inside XA: a new connection is simplest
	}
	return err
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
		return w.xaTransaction()
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
		id := maxID + 1000*(w.n+1) + w.rng.IntN(1000)
		q := fmt.Sprintf("REPLACE INTO soak.%s VALUES %s", tables[[]int{0, 1, 3, 4}[w.rng.IntN(4)]].name, w.values(id))
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

// finishXA ends what was left prepared, also before a restart.
func (w *writer) finishXA() error {
	for _, xid := range w.open {
		verb := "XA COMMIT "
		if w.rng.IntN(3) == 0 {
			verb = "XA ROLLBACK "
		}
		err := w.do(verb + xid)
		var said *mysql.MyError
		if err != nil && !errors.As(err, &said) {
			return err
		}
	}
	w.open = nil
	return nil
}

// aside is what must not disturb: statements about other tables, or that change nothing.
func (w *writer) aside() error {
	n := w.rng.IntN(4)
	sql := []string{
		fmt.Sprintf("CREATE TABLE IF NOT EXISTS elsewhere.t%d (id INT PRIMARY KEY)", n),
		fmt.Sprintf("DROP TABLE IF EXISTS elsewhere.t%d", n),
		"ANALYZE TABLE soak.a",
		"UPDATE soak.a SET g = g + 1 WHERE id < 0",
		"CREATE TEMPORARY TABLE IF NOT EXISTS elsewhere.tmp (id INT)",
		"INSERT INTO elsewhere.tmp VALUES (1), (2)",
		fmt.Sprintf("ALTER TABLE elsewhere.a COMMENT = '%d'", n),
	}
	if w.rng.IntN(2) == 0 {
		return w.do(sql[0])
	}
	q := sql[w.rng.IntN(len(sql))]
	if strings.HasPrefix(q, "INSERT INTO elsewhere.tmp") {
		if err := w.do(sql[4]); err != nil {
			return err
		}
	}
	return w.do(q)
}

// statement changes 0 to about 60 rows of one table.
func (w *writer) statement() string {
	name := others[w.rng.IntN(len(others))]
	var t *table
	if w.rng.IntN(6) > 0 {
		t = tables[w.rng.IntN(len(tables))]
		name = "soak." + t.name
	}
	from := w.rng.IntN(maxID)
	to := from + w.rng.IntN(30)
	switch w.rng.IntN(8) {
	case 0, 1:
		return fmt.Sprintf("DELETE FROM %s WHERE id BETWEEN %d AND %d", name, from, to)
	case 2:
		return fmt.Sprintf("UPDATE %s SET g = (g + 1) %% 6, v = 'it''s %d' WHERE id BETWEEN %d AND %d", name, w.rng.IntN(100), from, to)
	case 3:
		return fmt.Sprintf("UPDATE IGNORE %s SET n = %s, b = %s WHERE id BETWEEN %d AND %d", name, w.number(), w.text(3000), from, from+3)
	case 4:
		if t == nil || !t.where { // what a predicate makes of a changed key is for its own tests
			return fmt.Sprintf("UPDATE IGNORE %s SET id = id + %d WHERE id BETWEEN %d AND %d ORDER BY id DESC", name, 1+w.rng.IntN(40), from, from+4)
		}
	}
	verb := []string{"INSERT IGNORE INTO", "REPLACE INTO"}[w.rng.IntN(2)]
	var rows []string
	for range 1 + w.rng.IntN(1+w.rng.IntN(40)) {
		rows = append(rows, w.values(w.rng.IntN(maxID)))
	}
	return fmt.Sprintf("%s %s VALUES %s", verb, name, strings.Join(rows, ", "))
}

func (w *writer) values(id int) string {
	date := "NULL"
	if w.rng.IntN(2) == 0 {
		date = fmt.Sprintf("'20%02d-%02d-%02d %02d:00:59.%03d'", w.rng.IntN(60), 1+w.rng.IntN(12), 1+w.rng.IntN(28), w.rng.IntN(24), w.rng.IntN(1000))
	}
	return fmt.Sprintf("(%d, %s, %d, %s, %d.%02d, %s, %s)", id, w.number(), w.rng.IntN(6), w.text(60), w.rng.IntN(2000)-1000, w.rng.IntN(100), date, w.text(300))
}

func (w *writer) number() string {
	if w.rng.IntN(4) == 0 {
		return "NULL"
	}
	return fmt.Sprint(w.rng.Uint64() >> w.rng.IntN(64))
}

// text is a literal. It has no backslash: see unescape.
func (w *writer) text(most int) string {
	if w.rng.IntN(8) == 0 {
		return "NULL"
	}
	pieces := []string{"pick", "Ö", "ß€", "😀", "''", "\"", "\n", "\r\n", "\t", "data: x\n\nid: 7\n", "</script>", " ", "\u2028", "NULL", ") ", "{{"}
	var b strings.Builder
	for n := w.rng.IntN(1 + w.rng.IntN(most/10)); n >= 0; n-- {
		b.WriteString(pieces[w.rng.IntN(len(pieces))])
	}
	text := []rune(b.String())
	if most < 200 && len(text) > most {
		text = text[:most]
	}
	return "'" + strings.ReplaceAll(strings.ReplaceAll(string(text), "''", "'"), "'", "''") + "'"
}
