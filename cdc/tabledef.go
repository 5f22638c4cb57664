package cdc

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"

	"rowcast/cdc/row"
)

// TableDef is a table as information_schema describes it now. It gives names and
// the like to events that do not carry them.
type TableDef struct {
	Flavor       Flavor
	Schema, Name string
	Columns      []ColumnDef // in ordinal order, invisible ones too
	Key          []int       // primary key: indexes into Columns, in key order; without the row end that MariaDB adds
	// Trailing columns that the server keeps for itself and does not list.
	hashKeys  int  // MariaDB: UNIQUE over long values
	inMemory  bool // ENGINE=MEMORY
	versioned bool // MariaDB: system versioning without columns of its own
	sequence  bool // MariaDB: not a table, though it is logged as one
}

// ColumnDef is one column of a TableDef.
type ColumnDef struct {
	Name       string
	DataType   string // "varchar"
	ColumnType string // "varchar(20)"
	Charset    string // "" where the type has none
	Collation  string
	Extra      string   // "auto_increment", "STORED GENERATED", "INVISIBLE"…
	Labels     []string // of ENUM and SET
	JSONCheck  bool     // MariaDB: the column is declared JSON, or has exactly that check

	collation        uint64 // number of Collation
	octets           int    // most bytes of a string
	precision, scale int    // of DECIMAL, in digits; of a temporal type precision is its fraction digits
	rowEnd           bool   // MariaDB: GENERATED ALWAYS AS ROW END
}

// Generated tells whether the column's value is computed by the server.
func (c *ColumnDef) Generated() bool { return strings.Contains(strings.ToUpper(c.Extra), "GENERATED") }

// Invisible tells whether SELECT * leaves the column out.
func (c *ColumnDef) Invisible() bool { return strings.Contains(strings.ToUpper(c.Extra), "INVISIBLE") }

// LoadTableDef asks the server for a table. Where there is none, or it is a view,
// the error wraps ErrNoTable. The account needs some privilege on the table:
// information_schema lists no others.
func LoadTableDef(c *client.Conn, flavor Flavor, schema, table string) (*TableDef, error) {
	defs, err := loadDefs(c, flavor, "=", schema, table)
	if err != nil {
		return nil, fmt.Errorf("load the definition of %s.%s: %w", schema, table, err)
	}
	if len(defs) == 0 {
		return nil, fmt.Errorf("%w: %s.%s; check the name, and that the account may SELECT from it", ErrNoTable, schema, table)
	}
	return defs[0], nil
}

// LoadTableDefs asks for all tables whose schema and name match, * standing for
// any characters. None is no error.
func LoadTableDefs(c *client.Conn, flavor Flavor, schema, table string) ([]*TableDef, error) {
	like := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`, `*`, `%`)
	defs, err := loadDefs(c, flavor, "LIKE", like.Replace(schema), like.Replace(table))
	if err != nil {
		return nil, fmt.Errorf("load the definitions of %s.%s: %w", schema, table, err)
	}
	return slices.DeleteFunc(defs, func(d *TableDef) bool { // the schemas are in no binlog
		return d.Schema == "performance_schema" || d.Schema == "information_schema" || d.sequence
	}), nil
}

func (d *TableDef) find(name string) int {
	for i := range d.Columns {
		if strings.EqualFold(d.Columns[i].Name, name) {
			return i
		}
	}
	return -1
}

// Table is the table as a binlog would show it, from the definition alone.
func (d *TableDef) Table() *Table {
	t := &Table{Schema: d.Schema, Name: d.Name, Key: append([]int(nil), d.Key...), Columns: make([]Column, len(d.Columns))}
	for i := range d.Columns {
		t.Columns[i] = d.Columns[i].column()
	}
	return row.New(t)
}

// column is the column as a binlog would show it.
func (c *ColumnDef) column() Column {
	col := Column{Name: c.Name, Labels: c.Labels, Unsigned: c.unsigned(), RowEnd: c.rowEnd}
	col.Type, col.Meta = c.binlogType()
	col.Kind = c.kind()
	switch col.Type {
	case mysql.MYSQL_TYPE_STRING, mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_BLOB, mysql.MYSQL_TYPE_ENUM, mysql.MYSQL_TYPE_SET,
		row.TypeBlobCompressed, row.TypeVarcharCompressed:
		if col.Collation = c.collation; col.Collation == 0 {
			col.Collation = row.BinaryCollation
		}
	}
	return col
}

func (c *ColumnDef) unsigned() bool {
	return c.DataType == "year" || strings.Contains(c.ColumnType, " unsigned") && c.DataType != "enum" && c.DataType != "set"
}

func (c *ColumnDef) kind() Kind {
	switch c.DataType {
	case "uuid":
		return UUID
	case "inet4":
		return INET4
	case "inet6":
		return INET6
	case "longtext":
		if c.JSONCheck {
			return JSONText
		}
	}
	return Plain
}
