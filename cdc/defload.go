package cdc

import (
	"fmt"
	"strings"

	"github.com/go-mysql-org/go-mysql/client"

	"rowcast/cdc/internal/charset"
	"rowcast/cdc/internal/sqlname"
)

func loadDefs(c *client.Conn, flavor Flavor, op, schema, table string) ([]*TableDef, error) {
	// Labels hold any character, whatever the connection was opened with.
	if _, err := c.Execute("SET NAMES utf8mb4"); err != nil {
		return nil, err
	}
	d := &defLoader{c: c, flavor: flavor, op: op, schema: schema, table: table, byName: map[[2]string]*TableDef{}}
	for _, step := range []func() error{d.tables, d.columns, d.keys, d.checks, d.hashes} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return d.defs, nil
}

// defLoader runs the queries, which all ask for the same tables.
type defLoader struct {
	c                 *client.Conn
	flavor            Flavor
	op, schema, table string
	defs              []*TableDef
	byName            map[[2]string]*TableDef
}

// each runs a query whose first two columns are a table's schema and name; %s
// stands for the condition on them.
func (d *defLoader) each(sql, prefix string, row func(def *TableDef, text func(int) string, number func(int) int) error) error {
	where := fmt.Sprintf("%[1]sTABLE_SCHEMA %[2]s ? AND %[1]sTABLE_NAME %[2]s ?", prefix, d.op)
	r, err := d.c.Execute(fmt.Sprintf(sql, where), d.schema, d.table)
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
		def := d.byName[[2]string{text(0), text(1)}]
		if err := row(def, text, number); err != nil {
			return err
		}
	}
	return nil
}

func (d *defLoader) tables() error {
	return d.each(`SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, IFNULL(ENGINE, '') FROM information_schema.TABLES
		WHERE %s AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED', 'SEQUENCE') ORDER BY TABLE_SCHEMA, TABLE_NAME`, "",
		func(_ *TableDef, text func(int) string, _ func(int) int) error {
			def := &TableDef{Flavor: d.flavor, Schema: text(0), Name: text(1), versioned: text(2) == "SYSTEM VERSIONED",
				sequence: text(2) == "SEQUENCE"}
			def.inMemory = strings.EqualFold(text(3), "MEMORY")
			d.defs = append(d.defs, def)
			d.byName[[2]string{def.Schema, def.Name}] = def
			return nil
		})
}

func (d *defLoader) columns() error {
	collations, err := d.collations()
	if err != nil {
		return err
	}
	return d.each(`SELECT C.TABLE_SCHEMA, C.TABLE_NAME, C.COLUMN_NAME, C.DATA_TYPE, C.COLUMN_TYPE, C.CHARACTER_SET_NAME, C.COLLATION_NAME,
		C.EXTRA, L.ID, C.CHARACTER_OCTET_LENGTH, C.NUMERIC_PRECISION, C.NUMERIC_SCALE, C.DATETIME_PRECISION, C.GENERATION_EXPRESSION
		FROM information_schema.COLUMNS C LEFT JOIN `+collations+` = C.COLLATION_NAME
		WHERE %s ORDER BY C.TABLE_SCHEMA, C.TABLE_NAME, C.ORDINAL_POSITION`, "C.",
		func(def *TableDef, text func(int) string, number func(int) int) error {
			if def == nil { // a view, or a table made a moment ago
				return nil
			}
			c := ColumnDef{Name: text(2), DataType: strings.ToLower(text(3)), ColumnType: text(4), Charset: text(5), Collation: text(6),
				Extra: text(7), collation: uint64(number(8)), octets: number(9), precision: number(10), scale: number(11)}
			if c.collation == 0 {
				c.collation = charset.Default(c.Charset)
			}
			switch c.DataType {
			case "time", "datetime", "timestamp":
				c.precision = number(12)
			case "enum", "set":
				labels, err := parseLabels(c.ColumnType)
				if err != nil {
					return fmt.Errorf("column %s: %w", c.Name, err)
				}
				c.Labels = labels
			}
			if c.rowEnd = text(13) == "ROW END"; c.rowEnd {
				def.versioned = false // its versions are columns like others
			}
			def.Columns = append(def.Columns, c)
			return nil
		})
}

// collations is the table and column by which a collation's number is found:
// since 10.10 MariaDB has collations whose number depends on the character set.
func (d *defLoader) collations() (string, error) {
	if d.flavor == MariaDB {
		r, err := d.c.Execute(`SELECT 1 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'information_schema'
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

func (d *defLoader) keys() error {
	return d.each(`SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM information_schema.STATISTICS
		WHERE %s AND INDEX_NAME = 'PRIMARY' ORDER BY TABLE_SCHEMA, TABLE_NAME, SEQ_IN_INDEX`, "",
		func(def *TableDef, text func(int) string, _ func(int) int) error {
			if def == nil {
				return nil
			}
			if i := def.find(text(2)); i >= 0 && !def.Columns[i].rowEnd {
				def.Key = append(def.Key, i)
			}
			return nil
		})
}

// checks finds MariaDB's JSON columns, which are LONGTEXT with a check.
func (d *defLoader) checks() error {
	if d.flavor != MariaDB {
		return nil
	}
	return d.each("SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CHECK_CLAUSE FROM (SELECT CONSTRAINT_SCHEMA, CONSTRAINT_SCHEMA AS TABLE_SCHEMA, TABLE_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS) AS K WHERE %s", "",
		func(def *TableDef, text func(int) string, _ func(int) int) error {
			if def == nil {
				return nil
			}
			for i := range def.Columns {
				c := &def.Columns[i]
				if c.DataType == "longtext" && strings.EqualFold(text(2), "json_valid("+sqlname.Quote(c.Name)+")") {
					c.JSONCheck = true
				}
			}
			return nil
		})
}

// hashes counts the hidden columns behind MariaDB's UNIQUE over long values.
func (d *defLoader) hashes() error {
	if d.flavor != MariaDB {
		return nil
	}
	return d.each(`SELECT TABLE_SCHEMA, TABLE_NAME, COUNT(DISTINCT INDEX_NAME) FROM information_schema.STATISTICS
		WHERE %s AND INDEX_TYPE = 'HASH' AND NON_UNIQUE = 0 GROUP BY TABLE_SCHEMA, TABLE_NAME`, "",
		func(def *TableDef, _ func(int) string, number func(int) int) error {
			if def != nil && !def.inMemory { // there HASH is how every key is kept
				def.hashKeys = number(2)
			}
			return nil
		})
}

// parseLabels takes apart a COLUMN_TYPE like enum('a','b').
func parseLabels(columnType string) ([]string, error) {
	open := strings.IndexByte(columnType, '(')
	if open < 0 {
		return nil, fmt.Errorf("%w: no labels in %q", ErrValue, columnType)
	}
	rest := columnType[open+1:]
	var labels []string
	for {
		if rest == "" || rest[0] != '\'' {
			return nil, fmt.Errorf("%w: no labels in %q", ErrValue, columnType)
		}
		var label []byte
		i := 1
		for ; i < len(rest); i++ {
			c := rest[i]
			if c == '\'' {
				if i+1 >= len(rest) || rest[i+1] != '\'' {
					break
				}
				i++
			} else if c == '\\' && i+1 < len(rest) {
				i++
				c = unescape(rest[i])
			}
			label = append(label, c)
		}
		if i+1 >= len(rest) {
			return nil, fmt.Errorf("%w: no labels in %q", ErrValue, columnType)
		}
		labels = append(labels, string(label))
		if rest[i+1] == ')' {
			return labels, nil
		}
		rest = rest[i+2:]
	}
}

// unescape is what a backslash and c mean in a COLUMN_TYPE.
func unescape(c byte) byte {
	switch c {
	case '0':
		return 0
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	}
	return c
}
