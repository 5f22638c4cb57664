package schema

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-mysql-org/go-mysql/client"

	"rowcast/cdc/internal/charset"
	"rowcast/cdc/internal/sqlname"
)

// ErrNoTable is wrapped by Load where there is no such table, or it is a view.
var ErrNoTable = errors.New("no such table")

// Load asks the server for a table or sequence. The account needs some privilege on
// it: information_schema lists no others.
func Load(c *client.Conn, schema, table string) (*Table, error) {
	found, err := load(c, "=", schema, table)
	if err != nil {
		return nil, fmt.Errorf("load the definition of %s.%s: %w", schema, table, err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%w: %s.%s; check the name, and that the account may SELECT from it", ErrNoTable, schema, table)
	}
	return found[0], nil
}

// LoadMatching asks for all tables whose schema and name match, where * stands for any
// characters. Sequences are not tables. To find none is not an error.
func LoadMatching(c *client.Conn, schema, table string) ([]*Table, error) {
	like := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`, `*`, `%`)
	found, err := load(c, "LIKE", like.Replace(schema), like.Replace(table))
	if err != nil {
		return nil, fmt.Errorf("load the definitions of %s.%s: %w", schema, table, err)
	}
	return slices.DeleteFunc(found, func(t *Table) bool { // the two schemas are in no binlog
		return t.Sequence || t.Schema == "performance_schema" || t.Schema == "information_schema"
	}), nil
}

func load(c *client.Conn, op, schema, table string) ([]*Table, error) {
	// Labels hold any character, whatever the connection was opened with.
	if _, err := c.Execute("SET NAMES utf8mb4"); err != nil {
		return nil, err
	}
	l := &loader{c: c, op: op, schema: schema, table: table, byName: map[[2]string]*Table{}}
	l.mariaDB = strings.Contains(strings.ToLower(c.GetServerVersion()), "mariadb")
	for _, step := range []func() error{l.tables, l.columns, l.keys, l.checks, l.hashes} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return l.found, nil
}

// loader runs the queries, which all ask for the same tables.
type loader struct {
	c                 *client.Conn
	mariaDB           bool
	op, schema, table string
	fold              bool // names are logged in lower case
	found             []*Table
	byName            map[[2]string]*Table
}

// each runs a query whose first two columns are a table's schema and name; %s
// stands for the condition on them.
func (l *loader) each(sql, prefix string, row func(t *Table, text func(int) string, number func(int) int) error) error {
	where := fmt.Sprintf("%[1]sTABLE_SCHEMA %[2]s ? AND %[1]sTABLE_NAME %[2]s ?", prefix, l.op)
	r, err := l.c.Execute(fmt.Sprintf(sql, where), l.schema, l.table)
	if err != nil {
		return err
	}
	defer r.Close()
	for i := range r.Values {
		text := func(j int) string {
			s, _ := r.GetString(i, j)
			return strings.Clone(s) // of a buffer that Close gives back
		}
		number := func(j int) int {
			if null, err := r.IsNull(i, j); null || err != nil {
				return 0
			}
			n, _ := r.GetUint(i, j)
			return int(min(n, 1<<40))
		}
		t := l.byName[l.key(text)]
		if err := row(t, text, number); err != nil {
			return err
		}
	}
	return nil
}

// key is a table's schema and name as the binlog has them.
func (l *loader) key(text func(int) string) [2]string {
	if l.fold {
		return [2]string{strings.ToLower(text(0)), strings.ToLower(text(1))}
	}
	return [2]string{text(0), text(1)}
}

func (l *loader) tables() error {
	return l.each(`SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, IFNULL(ENGINE, ''), @@lower_case_table_names FROM information_schema.TABLES
		WHERE %s AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED', 'SEQUENCE') ORDER BY TABLE_SCHEMA, TABLE_NAME`, "",
		func(_ *Table, text func(int) string, number func(int) int) error {
			l.fold = number(4) != 0
			key := l.key(text)
			t := &Table{Schema: key[0], Name: key[1], Versioned: text(2) == "SYSTEM VERSIONED", Sequence: text(2) == "SEQUENCE"}
			t.Engine = text(3)
			l.found = append(l.found, t)
			l.byName[key] = t
			return nil
		})
}

func (l *loader) columns() error {
	collations, err := l.collations()
	if err != nil {
		return err
	}
	return l.each(`SELECT C.TABLE_SCHEMA, C.TABLE_NAME, C.COLUMN_NAME, C.DATA_TYPE, C.COLUMN_TYPE, C.CHARACTER_SET_NAME,
		L.ID, C.CHARACTER_OCTET_LENGTH, C.NUMERIC_PRECISION, C.NUMERIC_SCALE, C.DATETIME_PRECISION, C.GENERATION_EXPRESSION
		FROM information_schema.COLUMNS C LEFT JOIN `+collations+` = C.COLLATION_NAME
		WHERE %s ORDER BY C.TABLE_SCHEMA, C.TABLE_NAME, C.ORDINAL_POSITION`, "C.",
		func(t *Table, text func(int) string, number func(int) int) error {
			if t == nil { // a view, or a table made a moment ago
				return nil
			}
			c := Column{Name: text(2), Type: strings.ToLower(text(3)), FullType: text(4), collation: uint64(number(6)),
				bytes: number(7), Precision: number(8), scale: number(9), RowEnd: text(11) == "ROW END"}
			if c.collation == 0 {
				c.collation = charset.Default(text(5))
			}
			switch c.Type {
			case "time", "datetime", "timestamp":
				c.Precision = number(10)
			case "enum", "set":
				c.Labels = parseLabels(c.FullType)
			}
			if c.RowEnd {
				t.Versioned = false // its versions are columns like others
			}
			t.Columns = append(t.Columns, c)
			return nil
		})
}

// collations is the table and column by which a collation's number is found:
// since 10.10 MariaDB has collations whose number depends on the character set.
func (l *loader) collations() (string, error) {
	if l.mariaDB {
		r, err := l.c.Execute(`SELECT 1 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'information_schema'
			AND TABLE_NAME = 'COLLATION_CHARACTER_SET_APPLICABILITY' AND COLUMN_NAME = 'FULL_COLLATION_NAME'`)
		if err != nil {
			return "", err
		}
		defer r.Close()
		if r.RowNumber() > 0 {
			return "information_schema.COLLATION_CHARACTER_SET_APPLICABILITY L ON L.FULL_COLLATION_NAME", nil
		}
	}
	return "information_schema.COLLATIONS L ON L.COLLATION_NAME", nil
}

// keys reads the indexes that an order can be read from, and the primary key among them.
func (l *loader) keys() error {
	used := "IS_VISIBLE = 'YES'"
	if l.mariaDB {
		used = "IGNORED = 'NO'"
	}
	last := ""
	return l.each(`SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, IFNULL(COLUMN_NAME, ''), SEQ_IN_INDEX, SUB_PART FROM information_schema.STATISTICS
		WHERE %s AND (INDEX_NAME = 'PRIMARY' OR INDEX_TYPE = 'BTREE' AND `+used+`) ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX`, "",
		func(t *Table, text func(int) string, number func(int) int) error {
			if t == nil {
				return nil
			}
			i := t.Find(text(3))
			if i >= 0 && text(2) == "PRIMARY" && !t.Columns[i].RowEnd {
				t.Key = append(t.Key, i)
			}
			if number(4) == 1 {
				last = ""
			}
			switch {
			case i < 0 || number(5) != 0 || t.Columns[i].RowEnd: // an expression, or a prefix: what follows is in no order of columns
				last = text(2)
			case number(4) == 1:
				t.Indexes = append(t.Indexes, []string{t.Columns[i].Name})
			case last != text(2):
				n := len(t.Indexes) - 1
				t.Indexes[n] = append(t.Indexes[n], t.Columns[i].Name)
			}
			return nil
		})
}

// checks finds MariaDB's JSON columns, which are LONGTEXT with a check.
func (l *loader) checks() error {
	if !l.mariaDB {
		return nil
	}
	return l.each("SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CHECK_CLAUSE FROM (SELECT CONSTRAINT_SCHEMA, CONSTRAINT_SCHEMA AS TABLE_SCHEMA, TABLE_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS) AS K WHERE %s", "",
		func(t *Table, text func(int) string, _ func(int) int) error {
			if t == nil {
				return nil
			}
			for i := range t.Columns {
				c := &t.Columns[i]
				if c.Type == "longtext" && strings.EqualFold(text(2), "json_valid("+sqlname.Quote(c.Name)+")") {
					c.json = true
				}
			}
			return nil
		})
}

// hashes counts the hidden columns of MariaDB's UNIQUE over long values.
func (l *loader) hashes() error {
	if !l.mariaDB {
		return nil
	}
	return l.each(`SELECT TABLE_SCHEMA, TABLE_NAME, COUNT(DISTINCT INDEX_NAME) FROM information_schema.STATISTICS
		WHERE %s AND INDEX_TYPE = 'HASH' AND NON_UNIQUE = 0 GROUP BY TABLE_SCHEMA, TABLE_NAME`, "",
		func(t *Table, _ func(int) string, number func(int) int) error {
			if t != nil && !t.inMemory() { // there HASH is how every key is kept
				t.HashKeys = number(2)
			}
			return nil
		})
}

// parseLabels takes apart a COLUMN_TYPE like enum('a','b'); nil where it is none.
func parseLabels(fullType string) (labels []string) {
	_, rest, _ := strings.Cut(fullType, "(")
	for {
		if rest == "" || rest[0] != '\'' {
			return nil
		}
		label, n, closed := sqlname.Unquote(rest, true)
		if !closed || n == len(rest) {
			return nil
		}
		labels = append(labels, label)
		if rest[n] == ')' {
			return labels
		}
		rest = rest[n+1:]
	}
}
