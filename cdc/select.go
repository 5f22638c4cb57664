package cdc

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-mysql-org/go-mysql/mysql"

	"rowcast/cdc/internal/ddl"
	"rowcast/cdc/internal/sqlname"
	"rowcast/cdc/row"
)

// Why rows of a table can't be had, beside ErrNoTable.
var (
	// ErrNoView: the table's rows can't be read as of one place in the binlog, by its
	// engine or by the server's settings. Waiting does not help.
	ErrNoView = errors.New("the table can't be read as of one moment")
	// ErrUnseen: what the binlog holds did not become visible in time, as while the
	// server waits for a semi-synchronous replica. It is worth coming back.
	ErrUnseen = errors.New("what is in the binlog is not visible yet")
)

// Selection is what Select is to read.
type Selection struct {
	Schema, Table string

	// Low is a checkpoint that the live reading has passed: everything of the table up to
	// it will be in the rows. Zero: nothing is waited for.
	Low Position
	// Newest is the newest row of the table, up to Low, that the live reading has seen
	// changed since it began, with its primary key; nil: it has seen none. Servers that say
	// in no other way what is visible are asked for this row.
	Newest func() *Image
	// Plan chooses what to ask of the table as it is now. It may be called again.
	Plan func(t *Table) (SelectPlan, error)
	// Row takes one row after the other, as records of the plan's Shape that are valid
	// until it returns. Its error ends the reading, and is returned as it is.
	Row func(record []byte) error
}

// SelectPlan is what to ask of a table.
type SelectPlan struct {
	Shape        *row.Shape
	Where, Order string // SQL without WHERE and ORDER BY, for MariaDB and MySQL alike; "" is none
	Limit        int    // 0: none
}

// Selected is what Select has read.
type Selected struct {
	Table   *Table   // that of the table's changes, if it has no columns that only events show, or has changed before
	At      Position // where the binlog ended after the rows were read
	Version uint64   // of the table's definition; see Source.Version
}

// Select reads rows of a table, as of one moment: every change up to sel.Low is in them,
// and none after Selected.At. The changes from Low to any place at or after At, laid over
// them by primary key, make the table at that place. If Version has moved when the live
// reading has passed At, the table was another one meanwhile, and all is to be read again.
//
// Nothing is locked but, where the server says in no other way what is visible, the row
// that Newest returns, for a moment. Rows come as the server sends them: memory does not
// grow with the result. Errors that wrap ErrNoTable, ErrNoView and ErrUnseen say why there
// can be none; others may pass.
func (s *Source) Select(ctx context.Context, sel Selection) (Selected, error) {
	for try := 0; ; try++ {
		r := selecting{Source: s, sel: &sel, fresh: try > 0}
		got, err := r.run(ctx)
		switch {
		case err == nil:
			return got, nil
		case ctx.Err() != nil:
			return Selected{}, context.Cause(ctx)
		case r.refused != nil:
			return Selected{}, r.refused
		case r.again && r.rows == 0 && try == 0:
			continue
		}
		return Selected{}, fmt.Errorf("read the rows of %s.%s: %w", sel.Schema, sel.Table, err)
	}
}

// selecting is one try of a Select.
type selecting struct {
	*Source
	*selectConn
	sel     *Selection
	fresh   bool // nothing that is kept may be used: it has failed
	again   bool // what failed was kept from an earlier Select
	rows    int
	refused error // what the caller's functions returned

	table  selectable
	plan   SelectPlan
	record []byte

	asked, gtids, inOrder bool // MySQL: it was asked a moment ago; gtid_mode is ON; binlog_order_commits is ON
}

func (r *selecting) run(ctx context.Context) (got Selected, err error) {
	name := ddl.Name{Schema: r.sel.Schema, Table: r.sel.Table}
	if r.table, err = r.describe(ctx, name); err != nil {
		return got, err
	}
	if r.plan, err = r.sel.Plan(r.table.table); err != nil {
		r.refused = err
		return got, err
	}
	if err := r.connected(ctx); err != nil {
		return got, err
	}
	stop := context.AfterFunc(ctx, r.close)
	got, err = r.read(ctx)
	if !stop() && r.unread > 0 {
		r.kill(ctx, r.conn)
	}
	r.rest()
	r.again = r.again || r.broken && r.kept // the server has ended it meanwhile
	r.conns.give(r.selectConn)
	return got, err
}

// connected takes a connection that is kept, or opens one.
func (r *selecting) connected(ctx context.Context) (err error) {
	if !r.fresh {
		r.selectConn = r.conns.take()
	}
	if r.selectConn == nil {
		r.selectConn, err = r.openSelect(ctx)
	}
	return err
}

// together is up to how many rows a SELECT is sent before it is known whether what it
// reads is good: to read them in vain costs little.
const together = 1000

func (r *selecting) read(ctx context.Context) (got Selected, err error) {
	sql := r.sql()
	ask, needed := r.quick()
	commits := r.reads.commitsUpTo(r.sel.Low)
	seen, sent := !needed, false
	if needed && ask != "" {
		batch := []string{ask}
		if sent = len(commits) == 0 && r.plan.Limit > 0 && r.plan.Limit <= together; sent {
			batch = append(batch, sql, r.statusOf)
		}
		if err := r.send(batch...); err != nil {
			return got, err
		}
		if seen, err = r.seen(); err != nil {
			return got, err
		}
		if !seen {
			r.rest()
			sent = false
		}
	}
	if !seen {
		if err := r.until(ctx, r.look); err != nil {
			return got, err
		}
	}
	if len(commits) > 0 {
		if err := r.until(ctx, func(context.Context) (bool, error) { return r.committed(commits) }); err != nil {
			return got, err
		}
	}
	if !sent {
		if err := r.send(sql, r.statusOf); err != nil {
			return got, err
		}
	}
	got.At, err = r.results()
	got.Table, got.Version = r.table.table, r.table.version
	return got, err
}

// sql is the SELECT. It is a transaction of its own: its view is opened after what was
// asked before it, and before the binlog's end is asked for.
func (r *selecting) sql() string {
	var b strings.Builder
	b.WriteString("SELECT ")
	if r.flavor == MariaDB {
		b.WriteString("SQL_NO_CACHE ")
	}
	fmt.Fprintf(&b, "%s FROM %s.%s", r.plan.Shape.SelectList(), sqlname.Quote(r.sel.Schema), sqlname.Quote(r.sel.Table))
	if r.plan.Where != "" {
		fmt.Fprintf(&b, " WHERE %s", r.plan.Where)
	}
	if r.plan.Order != "" {
		fmt.Fprintf(&b, " ORDER BY %s", r.plan.Order)
	}
	if r.plan.Limit > 0 {
		fmt.Fprintf(&b, " LIMIT %d", r.plan.Limit)
	}
	return b.String()
}

// results hands over the rows and reads where the binlog ends.
func (r *selecting) results() (at Position, err error) {
	if err := r.result(r.row); err != nil {
		my, ok := err.(*mysql.MyError)
		if !ok || r.refused != nil {
			return at, err
		}
		switch r.again = r.again || r.table.kept; my.Code { // it may have been altered
		case mysql.ER_QUERY_INTERRUPTED, 3024 /* ER_QUERY_TIMEOUT */, 1969 /* MariaDB: ER_STATEMENT_TIMEOUT */ :
			return at, fmt.Errorf("the server ended the query (%s); an index that serves its WHERE and ORDER BY makes it shorter", my.Message)
		}
		return at, openError(my)
	}
	err = r.result(func(values [][]byte) error {
		if len(values) < 2 {
			return errNoStatus
		}
		n, err := parseOffset(values[1])
		if err == nil {
			at, err = endAt(string(values[0]), n)
		}
		return err
	})
	if err == nil && at.IsZero() {
		err = errNoStatus
	}
	return at.WithLineage(r.Status().Position), err
}

func parseOffset(b []byte) (uint64, error) { return strconv.ParseUint(string(b), 10, 64) }

var errNoStatus = fmt.Errorf("%w: the server does not say where its binlog ends", ErrNotReplicable)

// row hands over one row. A value that can't be packed is one of another definition of
// the table, if an older one was used.
func (r *selecting) row(values [][]byte) (err error) {
	if r.record, err = r.plan.Shape.Pack(r.record[:0], values); err != nil {
		r.again = r.again || r.table.kept
		return err
	}
	r.rows++
	if err = r.sel.Row(r.record); err != nil {
		r.refused = err
	}
	return err
}

// selectable is a table as Select knows it.
type selectable struct {
	table   *Table
	version uint64
	kept    bool // since an earlier Select
}

// reads is what Select remembers for the next one, and what it has to know of the live reading.
type reads struct {
	mu      sync.Mutex
	began   Position // where the live reading began: nobody has seen what the binlog holds before it
	visible Position // MariaDB: everything up to here is known to be visible
	tables  map[ddl.Name]selectable
	noGTIDs bool                // MySQL: gtid_mode was not ON
	commits []xaCommit          // MariaDB: that may not be visible yet, in binlog order
	before  map[ddl.Name]string // of each table the row that was changed last before began, as SQL; "" is none
}

// begin notes where the live reading begins; zero: what is known is of another binlog.
func (rs *reads) begin(at Position) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.began, rs.visible, rs.commits, rs.tables, rs.before = at, Position{}, nil, nil, nil
}

// describe finds what a table is like: from memory as long as the live reading, which
// must be under way, has passed no statement that touches it. One that it has not passed
// yet moves the table's Version.
func (r *selecting) describe(ctx context.Context, name ddl.Name) (selectable, error) {
	rs := &r.reads
	version := r.versions.get(name) // first: a statement may come while the definition is read
	following := r.Status().Connected
	rs.mu.Lock()
	known, ok := rs.tables[name]
	rs.mu.Unlock()
	if ok && following && !r.fresh && known.version == version {
		known.kept = true
		return known, nil
	}
	conn, err := r.connect(ctx)
	if err != nil {
		return selectable{}, err
	}
	defer quit(conn)
	d, err := r.lockedDefinition(conn, name)
	if err != nil {
		return selectable{}, err
	}
	if e := d.def.Engine; !strings.EqualFold(e, "InnoDB") {
		return selectable{}, fmt.Errorf("%w: its engine is %s; ALTER TABLE %s.%s ENGINE = InnoDB", ErrNoView, e, sqlname.Quote(name.Schema), sqlname.Quote(name.Table))
	}
	known = selectable{table: r.tables.fitting(d.def.Logged()), version: version}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.tables == nil || len(rs.tables) >= maxSame {
		rs.tables = map[ddl.Name]selectable{}
	}
	rs.tables[name] = known
	return known, nil
}

// fitting is the Table of the newest event that has the columns of t, and after them only
// those that the server hides; or of is. Events show hidden columns, definitions do not.
func (s *sameTables) fitting(t *Table) *Table {
	s.mu.Lock()
	old := s.newest[ddl.Name{Schema: t.Schema, Table: t.Name}]
	s.mu.Unlock()
	if old != nil && len(old.Columns) > len(t.Columns) && slices.Equal(old.Key, t.Key) && reflect.DeepEqual(old.Columns[:len(t.Columns)], t.Columns) &&
		!slices.ContainsFunc(old.Columns[len(t.Columns):], func(c Column) bool { return !c.Hidden }) {
		return old
	}
	return s.of(t)
}
