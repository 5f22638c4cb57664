package cdc

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-mysql-org/go-mysql/client"

	"rowcast/cdc/internal/schema"
)

// Tables is what a server says about the tables that a config names.
type Tables struct {
	RowImage string // binlog_row_image
	Matches  []TableMatch
}

// TableMatch is what the server has for one name.
type TableMatch struct {
	Defs []*Table // one, or any number for a pattern; none: it has no such table

	// Of the one table:
	Engine  string     // InnoDB
	Indexes [][]string // the columns of each index that rows can be read from in order; of a prefix or an expression what comes before it

	// Where it has no table of that very name:
	Folded   string   // the name in lower case, as servers with lower_case_table_names log it
	View     bool     // there is a view of that name
	Sequence bool     // there is a sequence of that name
	Tables   []string // all tables and views of the database
	Schemas  []string // all databases, where there is none of that name, or an empty one
}

// Tables looks for names as the config has them: schema.table, where * stands
// for any characters. It sees what the account may SELECT from.
func (s *Source) Tables(ctx context.Context, names ...string) (*Tables, error) {
	c, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer quit(c)
	found, err := tablesOf(c, names)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return found, err
}

func tablesOf(c *client.Conn, names []string) (*Tables, error) {
	rows, err := textRows(c, "SHOW GLOBAL VARIABLES LIKE 'binlog_row_image'")
	if err != nil {
		return nil, fmt.Errorf("ask for binlog_row_image: %w", explain(err))
	}
	found := &Tables{}
	if len(rows) > 0 {
		found.RowImage = rows[0][1]
	}
	folds, err := foldsNames(c)
	if err != nil {
		return nil, err
	}
	known := map[string]TableMatch{} // many streams may publish one table
	for _, name := range names {
		m, ok := known[name]
		if lower := strings.ToLower(name); folds && lower != name {
			m, ok = TableMatch{Folded: lower}, true
		}
		if !ok {
			if m, err = matchOf(c, name); err != nil {
				return nil, err
			}
			known[name] = m
		}
		found.Matches = append(found.Matches, m)
	}
	return found, nil
}

func matchOf(c *client.Conn, name string) (m TableMatch, err error) {
	database, table, _ := strings.Cut(name, ".")
	if strings.Contains(name, "*") {
		defs, err := schema.LoadMatching(c, database, table)
		for _, def := range defs {
			m.Defs = append(m.Defs, def.Logged())
		}
		return m, err
	}
	def, err := schema.Load(c, database, table)
	switch {
	case err == nil && def.Schema == database && def.Name == table && !def.Sequence:
		m.Defs, m.Engine, m.Indexes = []*Table{def.Logged()}, def.Engine, def.Indexes
		return m, nil
	case err == nil, errors.Is(err, ErrNoTable): // the server may take a name in another case for the same
		return m, m.lookAround(c, database, table)
	}
	return m, err
}

// lookAround fills in what is there instead of a table.
func (m *TableMatch) lookAround(c *client.Conn, database, table string) error {
	r, err := c.Execute("SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?", database)
	if err != nil {
		return fmt.Errorf("list the tables of %s: %w", database, explain(err))
	}
	defer r.Close()
	for i := range r.RowNumber() {
		name, _ := r.GetString(i, 0)
		kind, _ := r.GetString(i, 1)
		if name == table {
			m.View, m.Sequence = strings.Contains(kind, "VIEW"), kind == "SEQUENCE"
		}
		m.Tables = append(m.Tables, strings.Clone(name))
	}
	if len(m.Tables) > 0 {
		return nil
	}
	rows, err := textRows(c, "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")
	if err != nil {
		return fmt.Errorf("list the databases: %w", explain(err))
	}
	for _, row := range rows {
		m.Schemas = append(m.Schemas, row[0])
	}
	return nil
}

// Files lists the names of the binlog files that the server holds, oldest first.
func (s *Source) Files(ctx context.Context) ([]string, error) {
	c, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer quit(c)
	files, err := filesOf(c)
	var names []string
	for _, f := range files {
		names = append(names, f.name)
	}
	return names, err
}
