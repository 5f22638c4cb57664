package cdc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"

	"rowcast/cdc/internal/ddl"
	"rowcast/cdc/internal/sqlname"
	"rowcast/cdc/row"
)

// A transaction is in the binlog, and comes out of a dump, before the engine has
// committed it and before its rows can be seen. How long before depends: a
// semi-synchronous replica that is away holds it up for seconds. What a SELECT is to
// begin with must be known to be visible.
//
//   - MySQL with gtid_mode = ON: a transaction that is in the binlog is in gtid_executed,
//     and visible, or else still in gtid_owned. Those are waited for.
//   - MariaDB: the status variables binlog_snapshot_* say up to where everything is
//     committed, if one thread commits whole groups (binlog_optimize_thread_scheduling,
//     the default).
//   - otherwise: a locking read of the row that was changed last waits for its
//     transaction, and what stands before that in the binlog was committed earlier.

const (
	// unseenTimeout is how long Select waits for what is in the binlog to be visible.
	unseenTimeout = 5 * time.Second
	maxPause      = 50 * time.Millisecond
)

// gtidsDone waits, for some seconds at the most, for the transactions that are being
// committed. They are named like uuid:1#7:2#8uuid:tag:1#9, with the numbers of their threads.
const gtidsDone = `SELECT @@global.gtid_mode, @@global.binlog_order_commits, IF(@@global.gtid_mode <> 'ON', 1, IF(@@global.gtid_owned = '', 0,
	WAIT_FOR_EXECUTED_GTID_SET(REGEXP_REPLACE(REGEXP_REPLACE(@@global.gtid_owned, '([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})', ',$1'), '#[0-9]+', ''), %g)))`

const snapshot = "SHOW GLOBAL STATUS LIKE 'binlog_snapshot_%'"

// quick is the statement that is likely to be answered with yes at once; needed is false
// where it is known already.
func (r *selecting) quick() (statement string, needed bool) {
	rs := &r.reads
	rs.mu.Lock()
	defer rs.mu.Unlock()
	switch {
	case r.sel.Low.IsZero():
		return "", false
	case r.flavor == MySQL && rs.noGTIDs, r.flavor == MariaDB && !r.ordered:
		return "", true
	case r.flavor == MySQL:
		return r.gtidsDone(), true
	}
	return snapshot, !rs.visible.SameHistory(r.sel.Low) || rs.visible.Compare(r.sel.Low) < 0
}

func (s *Source) gtidsDone() string {
	return fmt.Sprintf(gtidsDone, min(s.unseen, time.Second).Seconds())
}

// until waits until look has seen that everything up to Low is visible.
func (r *selecting) until(ctx context.Context, look func(context.Context) (seen bool, err error)) error {
	limit := time.Now().Add(r.unseen)
	for pause := time.Millisecond; ; pause = min(2*pause, maxPause) {
		seen, err := look(ctx)
		if seen || err != nil {
			return err
		}
		if time.Now().After(limit) {
			return fmt.Errorf("%w: %s, after %v", ErrUnseen, r.sel.Low, r.unseen)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

func (r *selecting) look(ctx context.Context) (seen bool, err error) {
	if r.flavor == MariaDB && !r.ordered {
		return r.probe(ctx)
	}
	if r.flavor == MariaDB || !r.asked {
		ask := snapshot
		if r.flavor == MySQL {
			ask = r.gtidsDone()
		}
		if err := r.send(ask); err != nil {
			return false, err
		}
		if seen, err = r.seen(); seen || err != nil || r.flavor == MariaDB {
			return seen, err
		}
	}
	r.asked = false
	switch {
	case r.gtids && (!r.inOrder || len(r.table.table.Key) == 0):
		return false, nil
	case r.inOrder:
		// With GTIDs too: those of a session that names them itself, as one that applies
		// another server's transactions does, are owned from the beginning.
		return r.probe(ctx)
	}
	return false, fmt.Errorf("%w: with binlog_order_commits = OFF the server does not tell what is committed, unless gtid_mode is ON", ErrNoView)
}

// seen reads the answer to gtidsDone or snapshot.
func (r *selecting) seen() (seen bool, err error) {
	if r.flavor == MariaDB {
		return r.snapshotSeen()
	}
	err = r.result(func(v [][]byte) error {
		if len(v) < 3 {
			return errNoStatus
		}
		r.asked, r.gtids, r.inOrder, seen = true, string(v[0]) == "ON", string(v[1]) == "1", string(v[2]) == "0"
		return nil
	})
	rs := &r.reads
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.noGTIDs = !r.gtids
	return seen, err
}

func (r *selecting) snapshotSeen() (bool, error) {
	var file string
	var offset uint64
	err := r.result(func(v [][]byte) (err error) {
		if len(v) < 2 {
			return errNoStatus
		}
		switch string(v[0]) {
		case "Binlog_snapshot_file":
			file = string(v[1])
		case "Binlog_snapshot_position":
			offset, err = parseOffset(v[1])
		}
		return err
	})
	if err != nil {
		return false, err
	}
	at, err := endAt(file, offset)
	if err != nil {
		return false, err
	}
	rs := &r.reads
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.visible = at
	return at.SameHistory(r.sel.Low) && at.Compare(r.sel.Low) >= 0, nil
}

// probe waits, a second at the most, for the transaction that changed a row of the table
// last: its locks are released when it can be seen.
func (r *selecting) probe(ctx context.Context) (seen bool, err error) {
	t := r.table.table
	if len(t.Key) == 0 {
		return false, fmt.Errorf("%w: the server tells what is committed only by a row's primary key, and %s has none; gtid_mode = ON (MariaDB: binlog_optimize_thread_scheduling = ON) would do without", ErrNoView, t)
	}
	where, err := r.newest(ctx)
	if where == "" || err != nil {
		return err == nil, err
	}
	if err := r.send(r.locking(t.Schema, t.Name, where)); err != nil {
		return false, err
	}
	return r.unlocked()
}

// locking is a statement that waits until no transaction has changed a row.
func (r *selecting) locking(schema, table, where string) string {
	lock := "FOR SHARE"
	if r.flavor == MariaDB {
		lock = "LOCK IN SHARE MODE"
	}
	return fmt.Sprintf("SELECT 1 FROM %s.%s WHERE %s %s", sqlname.Quote(schema), sqlname.Quote(table), where, lock)
}

// unlocked reads the answer to such a statement.
func (r *selecting) unlocked() (bool, error) {
	err := r.result(nil)
	if my, ok := errors.AsType[*mysql.MyError](err); ok {
		switch my.Code {
		case mysql.ER_LOCK_WAIT_TIMEOUT:
			return false, nil
		case mysql.ER_BAD_FIELD_ERROR, mysql.ER_NO_SUCH_TABLE: // by a statement that waited for the transaction
			return true, nil
		}
		return false, openError(my)
	}
	return err == nil, err
}

// xaCommit is the commit of an XA transaction that MariaDB has logged. Its engine commits
// it after that, whatever binlog_snapshot_* says, in no order: only a row can tell.
type xaCommit struct {
	thread        uint32
	at            Position
	schema, table string
	where         string // SQL for one of its rows
}

// maxCommits bounds the commits that are kept: of many connections that are closed since.
const maxCommits = 4096

// committing implements server.
func (rd *reading) committing(thread uint32, at Position, c *Change) {
	if !rd.live {
		return
	}
	im := c.After
	if im == nil || slices.ContainsFunc(c.Table.Key, func(i int) bool { return !im.Has(i) }) {
		im = c.Before
	}
	if im == nil {
		return
	}
	where, err := keyCondition(im)
	if err != nil {
		return
	}
	rs := &rd.reads
	rs.mu.Lock()
	defer rs.mu.Unlock()
	// A thread that commits another one is done with the last.
	rs.commits = slices.DeleteFunc(rs.commits, func(x xaCommit) bool { return x.thread == thread })
	if len(rs.commits) >= maxCommits {
		rs.commits = rs.commits[1:]
	}
	rs.commits = append(rs.commits, xaCommit{thread, at, c.Table.Schema, c.Table.Name, where})
}

// commitsUpTo lists those before a checkpoint.
func (rs *reads) commitsUpTo(low Position) (list []xaCommit) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for _, x := range rs.commits {
		if x.at.Compare(low) < 0 {
			list = append(list, x)
		}
	}
	return list
}

// committed tells whether XA transactions can be seen.
func (r *selecting) committed(list []xaCommit) (bool, error) {
	all := true
	for part := range slices.Chunk(list, together) {
		statements := make([]string, len(part))
		for i, x := range part {
			statements[i] = r.locking(x.schema, x.table, x.where)
		}
		if err := r.send(statements...); err != nil {
			return false, err
		}
		for _, x := range part {
			seen, err := r.unlocked()
			if err != nil {
				return false, err
			}
			if all = all && seen; seen {
				r.reads.settle(x)
			}
		}
	}
	return all, nil
}

// settle forgets a commit that was seen.
func (rs *reads) settle(x xaCommit) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.commits = slices.DeleteFunc(rs.commits, func(o xaCommit) bool { return o == x })
}

// newest is SQL for the row that was changed last; "" if none was.
func (r *selecting) newest(ctx context.Context) (string, error) {
	var im *Image
	if r.sel.Newest != nil {
		im = r.sel.Newest()
	}
	if im != nil {
		return keyCondition(im)
	}
	rs, name := &r.reads, ddl.Name{Schema: r.sel.Schema, Table: r.sel.Table}
	rs.mu.Lock()
	began := rs.began
	where, ok := rs.before[name]
	rs.mu.Unlock()
	if ok {
		return where, nil
	}
	where, err := r.lookBack(ctx, name, began)
	if err != nil || began.IsZero() {
		return where, err
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.began == began {
		if rs.before == nil || len(rs.before) >= maxSame {
			rs.before = map[ddl.Name]string{}
		}
		rs.before[name] = where
	}
	return where, nil
}

// keyCondition is SQL that an image's primary key fulfils.
func keyCondition(im *Image) (string, error) {
	var b []byte
	t := im.Table()
	for n, i := range t.Key {
		if n > 0 {
			b = append(b, " AND "...)
		}
		b = append(append(b, sqlname.Quote(t.Columns[i].Name)...), " = "...)
		var err error
		if b, err = im.AppendLiteral(b, i); err != nil {
			return "", err
		}
	}
	return string(b), nil
}

// lookBack finds in the binlog which row of a table was changed last before a place; zero:
// until now. It looks no further back than servers let transactions be uncommitted: to
// the beginning of the file, for a new one is begun when everything is committed; with
// MariaDB, which does that a moment earlier, of the file before.
func (r *selecting) lookBack(ctx context.Context, name ddl.Name, until Position) (where string, err error) {
	c, err := r.connect(ctx)
	if err != nil {
		return "", err
	}
	files, err := filesOf(c)
	if err == nil && until.IsZero() {
		until, err = endOf(c)
	}
	quit(c)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(files, func(f binlogFile) bool { return f.name == until.file })
	if i < 0 {
		return "", nil // purged: it was committed before
	}
	if r.flavor == MariaDB && i > 0 {
		i--
	}
	from, err := Checkpoint(files[i].name, firstPos, 0)
	if err != nil {
		return "", err
	}
	l := lastKey{name: name, until: until}
	if err := r.Replay(ctx, from, &l); err != errReached {
		return "", err
	}
	if l.key == nil {
		return "", nil
	}
	var im Image
	if err := l.shape.Read(&im, l.key); err != nil {
		return "", err
	}
	return keyCondition(&im)
}

// lastKey is a Handler that keeps the primary key of the row that was changed last.
type lastKey struct {
	name  ddl.Name
	until Position
	shape *row.Shape
	key   []byte
}

var errReached = errors.New("read as far as was wanted")

func (l *lastKey) Begin(at Position) error { return nil }

func (l *lastKey) Wants(schema, table []byte) bool {
	return string(schema) == l.name.Schema && string(table) == l.name.Table
}

func (l *lastKey) Change(c *Change) (err error) {
	if len(c.Table.Key) == 0 {
		return nil
	}
	if l.shape == nil || l.shape.Table() != c.Table {
		if l.shape, err = row.NewShape(c.Table, c.Table.Key); err != nil {
			return err
		}
	}
	images := slices.DeleteFunc([]*Image{c.After, c.Before}, func(im *Image) bool { return im == nil })
	key, ok, err := l.shape.Copy(l.key[:0], images...)
	if ok {
		l.key = key
	}
	return err
}

func (l *lastKey) Notice(Notice) error { return nil }

func (l *lastKey) Checkpoint(p Position, _ time.Time) error {
	if p.Compare(l.until) >= 0 {
		return errReached
	}
	return nil
}
