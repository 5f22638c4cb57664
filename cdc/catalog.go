package cdc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/replication"

	"rowcast/cdc/internal/ddl"
)

// catalog knows tables as information_schema describes them, for servers that do
// not log column names (binlog_row_metadata is not FULL: the default of both).
// The description is of one moment, an event of another: it is used only where
// the binlog between the two holds no statement that names the table. A stretch
// of binlog is looked through for that once, for all readers.
type catalog struct {
	mu    sync.Mutex
	known map[ddl.Name]knownTable
	// [from, to) is the stretch whose statements are in seen, in binlog order.
	from, to Position
	seen     []seenStatement
}

// knownTable was read when the binlog ended at since. No reader has passed a
// statement behind that which names it.
type knownTable struct {
	def   *TableDef
	since Position
	loose bool // it was read without a place, and is good for hints only
}

type seenStatement struct {
	st *ddl.Statement
	at Position // of its group: rows of CREATE … SELECT are of the new table
}

// maxSeen bounds the statements remembered; a server that runs more DDL than
// that within what clients replay is looked through again.
const maxSeen = 10_000

// forget begins anew at a place: what lies between is not read by anybody.
func (c *catalog) forget(at Position) {
	c.known, c.seen, c.from, c.to = map[ddl.Name]knownTable{}, nil, at, at
}

// strike forgets the tables that a statement named. Those that were read behind
// it, before a replay came past, show what it did.
func (c *catalog) strike(st *ddl.Statement, at Position) {
	for name, k := range c.known {
		if at.Compare(k.since) >= 0 && st.Touches(name.Schema, name.Table) {
			delete(c.known, name)
		}
	}
}

// altered implements server: readers tell each statement that they pass.
func (s *Source) altered(st *ddl.Statement, at Position) {
	c := &s.catalog
	c.mu.Lock()
	defer c.mu.Unlock()
	c.strike(st, at)
}

// following is the Source as the live reading has it. That passes every group
// from where it began, so that nobody has to look through what it has passed.
type following struct{ *Source }

func (f following) altered(st *ddl.Statement, at Position) {
	c := &f.catalog
	c.mu.Lock()
	defer c.mu.Unlock()
	c.strike(st, at)
	if !c.from.IsZero() && at.Compare(c.to) >= 0 {
		if st.Alters {
			c.see([]seenStatement{{st, at}}, at)
		} else {
			c.to = at
		}
	}
}

func (f following) define(ctx context.Context, schema, table string, at Position, hint bool) (*TableDef, error) {
	c := &f.catalog
	c.mu.Lock()
	if !c.from.IsZero() && at.Compare(c.to) > 0 {
		c.to = at
	}
	c.mu.Unlock()
	return f.Source.define(ctx, schema, table, at, hint)
}

// see extends the stretch at its end.
func (c *catalog) see(list []seenStatement, to Position) {
	c.seen, c.to = append(c.seen, list...), to
	if n := len(c.seen); n > maxSeen {
		c.seen = slices.Clone(c.seen[n/2:])
		c.from = c.seen[0].at
	}
}

// same implements server.
func (s *Source) same(t *Table) *Table { return s.tables.of(t) }

// define is the definition of a table for an event of the group at at. With hint,
// the best that is known will do.
func (s *Source) define(ctx context.Context, schema, table string, at Position, hint bool) (*TableDef, error) {
	c := &s.catalog
	c.mu.Lock()
	defer c.mu.Unlock()
	name := ddl.Name{Schema: schema, Table: table}
	k, ok := c.known[name]
	if ok && (hint || !k.loose && c.covers(at, k.since)) {
		return k.def, c.alteredSince(name, at, hint)
	}
	conn, err := s.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer quit(conn)
	if hint {
		k = knownTable{since: at, loose: true}
		if k.def, err = LoadTableDef(conn, s.identify(conn), schema, table); errors.Is(err, ErrNoTable) {
			return nil, nil
		}
	} else if k, err = s.standing(conn, name); errors.Is(err, errBusy) {
		k, err = s.glimpse(ctx, conn, name)
	}
	if err != nil {
		return nil, fmt.Errorf("read the columns of %s.%s: %w", schema, table, err)
	}
	if !hint {
		if err := s.cover(ctx, at, k.since); err != nil {
			return nil, err
		}
	}
	c.known[name] = k
	return k.def, c.alteredSince(name, at, hint)
}

// Remember reads the definitions of all tables that are wanted, where the binlog
// will not describe them (binlog_row_metadata is not FULL, or MariaDB's binlog does
// not tell that their rows have versions). Called before other
// tables become wanted. Without it the first event of a table could come a moment
// before an ALTER that the server has run already, and would have to be given up.
func (s *Source) Remember(ctx context.Context, wants func(schema, table []byte) bool) error {
	conn, err := s.Connect(ctx)
	if err != nil {
		return err
	}
	defer quit(conn)
	at, err := endOf(conn)
	if err != nil {
		return err
	}
	s.catalog.mu.Lock()
	defer s.catalog.mu.Unlock()
	return s.remember(ctx, conn, at, wants)
}

// rememberFrom is Remember for a reading from now that begins at at.
func (s *Source) rememberFrom(ctx context.Context, at Position, wants func(schema, table []byte) bool) error {
	conn, err := s.Connect(ctx)
	if err != nil {
		return err
	}
	defer quit(conn)
	s.catalog.mu.Lock()
	defer s.catalog.mu.Unlock()
	s.catalog.forget(at)
	return s.remember(ctx, conn, at, wants)
}

// remember reads what is wanted and not known, for events from at on.
func (s *Source) remember(ctx context.Context, conn *client.Conn, at Position, wants func(schema, table []byte) bool) error {
	r, err := conn.Execute("SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_TYPE = 'BASE TABLE' AND @@global.binlog_row_metadata <> 'FULL' OR TABLE_TYPE = 'SYSTEM VERSIONED'")
	if err != nil {
		return fmt.Errorf("list the tables: %w", explain(unwrapTrace(err)))
	}
	defer r.Close()
	c := &s.catalog
	last := at
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
		if _, known := c.known[name]; known || !wants([]byte(schema), []byte(table)) {
			continue
		}
		k, err := s.standing(conn, name)
		if errors.Is(err, ErrNoTable) || errors.Is(err, errBusy) {
			continue // dropped just now, or its first event will have to wait
		}
		if err != nil {
			return fmt.Errorf("read the columns of %s.%s: %w", name.Schema, name.Table, err)
		}
		c.known[name], last = k, k.since
	}
	if last == at {
		return nil
	}
	return s.cover(ctx, at, last)
}

// covers tells whether every statement between an event and a definition is known.
func (c *catalog) covers(at, since Position) bool {
	return at.Compare(since) >= 0 || !c.from.IsZero() && c.from.SameHistory(at) && at.Compare(c.from) >= 0 && since.Compare(c.to) <= 0
}

// alteredSince refuses an event that was logged before a statement that named its table.
func (c *catalog) alteredSince(name ddl.Name, at Position, hint bool) error {
	if hint {
		return nil
	}
	for i := range c.seen {
		if c.seen[i].at.Compare(at) > 0 && c.seen[i].st.Touches(name.Schema, name.Table) {
			return fmt.Errorf("%w: %s.%s was altered at %s, and the event at %s before that does not say its columns' names; SET PERSIST binlog_row_metadata = FULL makes later ones say them (MariaDB: SET GLOBAL and the configuration file)",
				ErrSchema, name.Schema, name.Table, c.seen[i].at, at)
		}
	}
	return nil
}

// cover extends the stretch that was looked through so that it reaches from an
// event to a definition's place.
func (s *Source) cover(ctx context.Context, at, until Position) error {
	c := &s.catalog
	if c.from.IsZero() || !c.from.SameHistory(at) || at.Compare(c.to) > 0 { // what lies between may be much, and nobody needs it now
		c.seen, c.from, c.to = nil, at, at
	}
	if at.Compare(c.from) < 0 {
		older, err := s.statements(ctx, at, c.from)
		if err != nil {
			return err
		}
		c.seen, c.from = append(older, c.seen...), at
	}
	if c.to.Compare(until) < 0 {
		newer, err := s.statements(ctx, c.to, until)
		if err != nil {
			return err
		}
		for _, n := range newer {
			c.strike(n.st, n.at)
		}
		c.see(newer, until)
	}
	return nil
}

// statements lists what altered tables between two checkpoints.
func (s *Source) statements(ctx context.Context, from, to Position) (list []seenStatement, err error) {
	if from.Compare(to) >= 0 {
		return nil, nil
	}
	var start Position
	err = s.scan(ctx, from, to, func(p *place, e *event) error {
		if beginsGroup(e.typ) {
			start, err = p.begin(e)
			return err
		}
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
		st := ddl.Parse(q.schema, q.text, ddl.Mode{SQL: q.sqlMode})
		if st.Alters {
			list = append(list, seenStatement{st, start})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for changed tables between %s and %s: %w", from, to, err)
	}
	return list, nil
}
