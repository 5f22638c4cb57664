package cdc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/go-mysql-org/go-mysql/replication"

	"rowcast/cdc/internal/ddl"
	"rowcast/cdc/internal/schema"
)

// catalog knows tables as information_schema describes them, for servers that do
// not log column names (binlog_row_metadata is not FULL: the default of both).
// The description is of one place in the binlog, an event of another: it is used
// only where the binlog between the two is known to hold no statement that names
// the table. The mutex is never held during I/O: the live reading must not wait for
// what a replay has to ask or to search.
type catalog struct {
	altered *scans[alteration]

	mu    sync.Mutex
	known map[ddl.Name]definition
	hints map[ddl.Name]definition
}

// alteration is a logged statement that alters tables.
type alteration struct {
	tables ddl.Touch
	hidden bool // it may only add or remove columns that the server hides
}

func alters(st *ddl.Statement, at Position) found[alteration] {
	return found[alteration]{at, alteration{st.Touch(), !st.Alters}}
}

// definition is a table as it was at a place in the binlog, before the group there.
type definition struct {
	def   *schema.Table
	at    Position
	until Position // the last group for which it is known to hold; zero: only the place itself
}

// maxAltered bounds the names that are remembered of statements; of a server that
// runs more DDL than that within what clients replay, parts are read again.
const maxAltered = 1 << 20

// maxKnown bounds the tables that are known: some with ever new names may come and go.
const maxKnown = 1 << 16

func newCatalog() *catalog {
	c := &catalog{altered: newScans(maxAltered, func(a alteration) int { return 8 + len(a.tables) })}
	c.forget()
	return c
}

// forget is for when files of the same names may be others: after a RESET.
func (c *catalog) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.hints = map[ddl.Name]definition{}, map[ddl.Name]definition{}
	c.altered.forget()
}

// get returns what is known of a table.
func (c *catalog) get(name ddl.Name) (definition, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d, ok := c.known[name]
	return d, ok
}

// keep remembers a definition unless a newer one is known.
func (c *catalog) keep(name ddl.Name, d definition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old, ok := c.known[name]
	if ok && old.at.Compare(d.at) > 0 {
		return
	}
	if !ok && len(c.known) >= maxKnown {
		clear(c.known)
	}
	c.known[name] = d
}

// holds reports whether a definition from before the group at at is still good for it:
// all statements from the one to the other are known, and none touches the table.
func (c *catalog) holds(name ddl.Name, d definition, at Position) bool {
	from := d.at
	if !d.until.IsZero() {
		if from = d.until; at.Compare(from) <= 0 {
			return true
		}
	}
	list, until := c.altered.known(from, at)
	if until.Compare(at) < 0 || touching(list, name) != nil {
		return false
	}
	d.until = at
	c.keep(name, d)
	return true
}

// touching is the first of the statements that touches a table.
func touching(list []found[alteration], name ddl.Name) *found[alteration] {
	keys := name.Keys()
	for i := range list {
		if list[i].what.tables.Has(keys) {
			return &list[i]
		}
	}
	return nil
}

// pass notes that the binlog was read up to a place, and what it held there.
func (rd *reading) pass(to Position, statements ...found[alteration]) {
	if to.Compare(rd.passed) >= 0 {
		rd.catalog.altered.note(rd.passed, to, statements...)
		rd.passed = to
	}
}

// touch implements server.
func (rd *reading) touch(st *ddl.Statement, at Position) {
	if rd.live {
		rd.versions.touch(st)
	}
	if st.Alters || st.AltersIndexes {
		rd.pass(at, alters(st, at))
	}
}

// define implements server.
func (rd *reading) define(ctx context.Context, name ddl.Name, at, read Position) (*schema.Table, error) {
	rd.pass(read)
	c := rd.catalog
	d, ok := c.get(name)
	if !ok || at.Compare(d.at) >= 0 && !c.holds(name, d, at) {
		var err error
		if d, err = rd.load(ctx, name); err != nil {
			return nil, err
		}
		c.keep(name, d)
	}
	if at.Compare(d.at) >= 0 {
		return d.def, nil
	}
	list, err := rd.alterations(ctx, at, d.at)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(f found[alteration]) bool {
		// Rows of CREATE … SELECT are of the table that their own group makes. That
		// hidden columns are as many as they were can be seen by the event itself.
		return f.at.Compare(at) <= 0 || f.what.hidden
	})
	if st := touching(list, name); st != nil {
		return nil, fmt.Errorf("%w: %s.%s was altered at %s, and the event at %s before that does not carry its columns' names; SET PERSIST binlog_row_metadata = FULL makes later ones carry them (MariaDB: SET GLOBAL and the configuration file)",
			ErrSchema, name.Schema, name.Table, st.at, at)
	}
	return d.def, nil
}

// hint implements server.
func (rd *reading) hint(ctx context.Context, name ddl.Name, at Position) (*schema.Table, error) {
	c := rd.catalog
	c.mu.Lock()
	d, ok := c.hints[name]
	c.mu.Unlock()
	if ok {
		if list, _ := c.altered.known(d.at, at); touching(list, name) == nil {
			return d.def, nil
		}
	}
	conn, err := rd.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer quit(conn)
	d = definition{at: at}
	if d.def, err = schema.Load(conn, name.Schema, name.Table); errors.Is(err, ErrNoTable) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the columns of %s.%s: %w", name.Schema, name.Table, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hints[name] = d
	return d.def, nil
}

// alterations lists the statements between two places that alter tables.
func (rd *reading) alterations(ctx context.Context, from, to Position) ([]found[alteration], error) {
	list, err := rd.catalog.altered.between(ctx, from, to, rd.live, rd.searchAlterations)
	if err != nil {
		return nil, fmt.Errorf("look for altered tables between %s and %s: %w", from, to, err)
	}
	return list, nil
}

func (s *Source) searchAlterations(ctx context.Context, from, to Position) (list []found[alteration], reached Position, err error) {
	reached, err = s.scan(ctx, from, to, func(start Position, e *event) error {
		if e.typ != replication.QUERY_EVENT && e.typ != replication.MARIADB_QUERY_COMPRESSED_EVENT {
			return nil
		}
		q, err := parseQuery(e)
		if err != nil {
			return err
		}
		if _, ok := ddl.TransactionControl(q.text); ok {
			return nil
		}
		if st := q.parse(false); st.Alters || st.AltersIndexes {
			list = append(list, alters(st, start))
		}
		return nil
	})
	return list, reached, err
}

// Remember reads the definitions of all tables that are wanted, where the binlog
// will not describe them (binlog_row_metadata is not FULL). Called before other
// tables become wanted. Without it the first event of a table could come a moment
// before an ALTER that the server has run already, and would have to be given up.
func (s *Source) Remember(ctx context.Context, wants func(schema, table []byte) bool) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer quit(conn)
	r, err := conn.Execute(`SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES
		WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED', 'SEQUENCE') AND @@global.binlog_row_metadata <> 'FULL'`)
	if err != nil {
		return fmt.Errorf("list the tables: %w", explain(err))
	}
	defer r.Close()
	for i := range r.RowNumber() {
		schema, err := r.GetString(i, 0)
		if err != nil {
			return fmt.Errorf("list the tables: %w", err)
		}
		table, err := r.GetString(i, 1)
		if err != nil {
			return fmt.Errorf("list the tables: %w", err)
		}
		name := ddl.Name{Schema: strings.Clone(schema), Table: strings.Clone(table)}
		if _, ok := s.catalog.get(name); ok || !wants([]byte(schema), []byte(table)) {
			continue
		}
		d, err := s.lockedDefinition(conn, name)
		if errors.Is(err, ErrNoTable) || errors.Is(err, errBusy) {
			continue // dropped just now, or its first event will have to wait
		}
		if err != nil {
			return fmt.Errorf("read the columns of %s.%s: %w", name.Schema, name.Table, err)
		}
		s.catalog.keep(name, d)
	}
	return nil
}
