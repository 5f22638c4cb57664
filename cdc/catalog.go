package cdc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/replication"
)

// catalog knows tables as information_schema describes them, for servers that do
// not log column names (binlog_row_metadata is not FULL: the default of both).
// The description is of now, an event is of then: it is used only where the
// binlog between the two holds no statement that names the table. That stretch
// is looked through once, for all readers.
type catalog struct {
	mu    sync.Mutex
	known map[tableName]*TableDef // as it is behind the last statement that named it
	// [from, to) is the stretch whose statements are in seen, in binlog order.
	from, to Position
	seen     []seenStatement
}

type seenStatement struct {
	st *statement
	at Position // of its group: rows of CREATE … SELECT are of the new table
}

// maxSeen bounds the statements remembered; a server that runs more DDL than
// that within what clients replay is looked through again.
const maxSeen = 10_000

// altered is told by readers of each statement they pass.
func (c *catalog) altered(st *statement, at Position) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// A reader that replays passes statements that are in seen, and behind from.
	if at.Compare(c.from) >= 0 && at.Compare(c.to) < 0 {
		return
	}
	for name := range c.known {
		if st.touches(name.schema, name.table) {
			delete(c.known, name)
		}
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
	name := tableName{schema, table}
	def := c.known[name]
	if def != nil && (hint || c.covers(at)) {
		return def, c.alteredSince(name, at, hint)
	}
	conn, err := s.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer quit(conn)
	if def, err = LoadTableDef(conn, s.identify(conn), schema, table); err != nil {
		if hint && errors.Is(err, ErrNoTable) {
			return nil, nil
		}
		return nil, fmt.Errorf("read the columns of %s.%s: %w", schema, table, err)
	}
	if !hint {
		if err := s.cover(ctx, conn, at); err != nil {
			return nil, err
		}
	}
	c.known[name] = def
	return def, c.alteredSince(name, at, hint)
}

// Remember reads the definitions of all tables that are wanted, where the binlog
// will not describe them (binlog_row_metadata is not FULL). Called before a
// reading from now begins, or before other tables become wanted. Without it the
// first event of a table could come a moment before an ALTER that the server has
// run already, and would have to be given up.
func (s *Source) Remember(ctx context.Context, wants func(schema, table []byte) bool) error {
	conn, err := s.Connect(ctx)
	if err != nil {
		return err
	}
	defer quit(conn)
	flavor := s.identify(conn)
	file, pos, err := endOf(conn)
	if err != nil {
		return err
	}
	at, err := Checkpoint(file, pos, 0)
	if err != nil {
		return err
	}
	r, err := conn.Execute("SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_TYPE = 'BASE TABLE' AND @@global.binlog_row_metadata <> 'FULL'")
	if err != nil {
		return fmt.Errorf("list the tables: %w", explain(unwrapTrace(err)))
	}
	defer r.Close()
	c := &s.catalog
	c.mu.Lock()
	defer c.mu.Unlock()
	found := false
	for i := range r.RowNumber() {
		schema, err := r.GetString(i, 0)
		if err != nil {
			return fmt.Errorf("list the tables: %w", err)
		}
		table, err := r.GetString(i, 1)
		if err != nil {
			return fmt.Errorf("list the tables: %w", err)
		}
		name := tableName{strings.Clone(schema), strings.Clone(table)}
		if c.known[name] != nil || !wants([]byte(schema), []byte(table)) {
			continue
		}
		def, err := LoadTableDef(conn, flavor, name.schema, name.table)
		if errors.Is(err, ErrNoTable) {
			continue // dropped just now
		}
		if err != nil {
			return err
		}
		c.known[name], found = def, true
	}
	if !found {
		return nil
	}
	return s.cover(ctx, conn, at)
}

func (c *catalog) covers(at Position) bool {
	return !c.from.IsZero() && c.from.SameHistory(at) && at.Compare(c.from) >= 0
}

// alteredSince refuses an event that was logged before a statement that named its table.
func (c *catalog) alteredSince(name tableName, at Position, hint bool) error {
	if hint {
		return nil
	}
	for i := range c.seen {
		if c.seen[i].at.Compare(at) > 0 && c.seen[i].st.touches(name.schema, name.table) {
			return fmt.Errorf("%w: %s.%s was altered at %s, and the event at %s before that does not say its columns' names; SET PERSIST binlog_row_metadata = FULL makes later ones say them (MariaDB: SET GLOBAL and the configuration file)",
				ErrSchema, name.schema, name.table, c.seen[i].at, at)
		}
	}
	return nil
}

// cover extends the stretch that was looked through so that it reaches from at to now.
func (s *Source) cover(ctx context.Context, conn *client.Conn, at Position) error {
	c := &s.catalog
	file, pos, err := endOf(conn)
	if err != nil {
		return err
	}
	now, err := Checkpoint(file, pos, 0)
	if err != nil {
		return err
	}
	if c.from.IsZero() || !c.from.SameHistory(at) || len(c.seen) > maxSeen {
		c.seen, c.from, c.to = nil, at, at
	}
	if at.Compare(c.from) < 0 {
		older, err := s.statements(ctx, at, c.from)
		if err != nil {
			return err
		}
		c.seen, c.from = append(older, c.seen...), at
	}
	if c.to.Compare(now) < 0 {
		newer, err := s.statements(ctx, c.to, now)
		if err != nil {
			return err
		}
		c.seen, c.to = append(c.seen, newer...), now
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
		if _, ok := q.transactionControl(); ok {
			return nil
		}
		st := parseStatement(q.schema, q.text)
		if st.alters {
			list = append(list, seenStatement{st, start})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for changed tables between %s and %s: %w", from, to, err)
	}
	return list, nil
}
