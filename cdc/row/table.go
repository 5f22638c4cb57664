package row

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"

	"rowcast/cdc/internal/charset"
)

// Table is a table as it was when an event was logged. It is immutable.
type Table struct {
	Schema, Name string
	Columns      []Column
	Key          []int // primary key: indexes into Columns, in key order; empty where there is none

	plans  []plan // how each column is rendered; see New
	walks  []walk // how each is walked over
	rowEnd int    // see RowEnd; the column that tells current rows from history; -1: none is history
}

// Column is one column of a Table.
type Column struct {
	Name      string
	Type      byte     // mysql.MYSQL_TYPE_*, the real one: ENUM, SET and STRING told apart
	Meta      uint16   // as in the table map, for Type; of STRING its length in bytes, of ENUM and SET its size in bytes
	Kind      Kind     // what Type alone does not tell
	Unsigned  bool     // of numbers
	Collation uint64   // MySQL's or MariaDB's number; 63 is binary; 0 where the type has none
	Labels    []string // of ENUM and SET, in UTF-8
	Hidden    bool     // made by the server: never shown

	RowEnd bool // MariaDB: when the row's version ends; see Table.RowEnd
}

// Kind tells apart what the binlog logs under one type.
type Kind uint8

// Kinds.
const (
	Plain    Kind = iota
	JSONText      // MariaDB: LONGTEXT with a JSON check
	UUID          // MariaDB
	INET4         // MariaDB
	INET6         // MariaDB
)

// Types that MariaDB logs for its COMPRESSED columns.
const (
	TypeBlobCompressed    = 140
	TypeVarcharCompressed = 141
)

// BinaryCollation is the number of the collation and character set "binary".
const BinaryCollation = 63

// New completes a table whose exported fields are set: it works out once how
// the columns are decoded.
func New(t *Table) *Table {
	t.plans = make([]plan, len(t.Columns))
	t.walks = make([]walk, len(t.Columns))
	t.rowEnd = slices.IndexFunc(t.Columns, func(c Column) bool { return c.RowEnd })
	for i := range t.Columns {
		p := makePlan(&t.Columns[i])
		t.plans[i], t.walks[i] = p, walk{size: p.size, prefix: p.walk}
	}
	return t
}

// RowEnd is the column that tells the current rows of a system-versioned table from
// history; -1: none of the rows are history.
func (t *Table) RowEnd() int { return t.rowEnd }

// Undecodable says why rows of the table can't be walked over; nil if they can.
func (t *Table) Undecodable() error {
	for i := range t.plans {
		if p := &t.plans[i]; p.walk == walkUnknown {
			return fmt.Errorf("%w: %s: column %s: %s", ErrValue, t, t.Columns[i].Name, p.reason)
		}
	}
	return nil
}

// String is the table's name as people write it.
func (t *Table) String() string { return t.Schema + "." + t.Name }

// Find is the index of the shown column of that name, which MySQL compares
// without regard to case, or -1.
func (t *Table) Find(name string) int {
	for i := range t.Columns {
		if c := &t.Columns[i]; !c.Hidden && strings.EqualFold(c.Name, name) {
			return i
		}
	}
	return -1
}

// TypeName is the column's type about as SQL writes it, for messages.
func (c *Column) TypeName() string {
	switch c.Kind {
	case JSONText:
		return "JSON"
	case UUID:
		return "UUID"
	case INET4:
		return "INET4"
	case INET6:
		return "INET6"
	}
	name := TypeName(c.Type, c.Collation == BinaryCollation)
	meta := int(c.Meta)
	switch c.Type {
	case mysql.MYSQL_TYPE_NEWDECIMAL:
		name += "(" + strconv.Itoa(meta>>8) + "," + strconv.Itoa(meta&0xff) + ")"
	case mysql.MYSQL_TYPE_BIT:
		name += "(" + strconv.Itoa(BitWidth(c.Meta)) + ")"
	case mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_VAR_STRING, mysql.MYSQL_TYPE_STRING:
		if w := charset.Of(c.Collation); w != nil {
			meta /= w.MaxLen
		}
		name += "(" + strconv.Itoa(meta) + ")"
	case mysql.MYSQL_TYPE_TIME2, mysql.MYSQL_TYPE_DATETIME2, mysql.MYSQL_TYPE_TIMESTAMP2:
		if meta != 0 {
			name += "(" + strconv.Itoa(meta) + ")"
		}
	case mysql.MYSQL_TYPE_BLOB:
		if meta >= 1 && meta <= 4 {
			name = [...]string{"TINY", "", "MEDIUM", "LONG"}[meta-1] + name
		}
	}
	if c.Unsigned {
		name += " UNSIGNED"
	}
	return name
}

var typeNames = map[byte]string{
	mysql.MYSQL_TYPE_DECIMAL: "DECIMAL(old)", mysql.MYSQL_TYPE_TINY: "TINYINT", mysql.MYSQL_TYPE_SHORT: "SMALLINT",
	mysql.MYSQL_TYPE_LONG: "INT", mysql.MYSQL_TYPE_FLOAT: "FLOAT", mysql.MYSQL_TYPE_DOUBLE: "DOUBLE",
	mysql.MYSQL_TYPE_NULL: "NULL", mysql.MYSQL_TYPE_TIMESTAMP: "TIMESTAMP", mysql.MYSQL_TYPE_LONGLONG: "BIGINT",
	mysql.MYSQL_TYPE_INT24: "MEDIUMINT", mysql.MYSQL_TYPE_DATE: "DATE", mysql.MYSQL_TYPE_TIME: "TIME",
	mysql.MYSQL_TYPE_DATETIME: "DATETIME", mysql.MYSQL_TYPE_YEAR: "YEAR", mysql.MYSQL_TYPE_NEWDATE: "DATE",
	mysql.MYSQL_TYPE_BIT: "BIT", mysql.MYSQL_TYPE_TIMESTAMP2: "TIMESTAMP", mysql.MYSQL_TYPE_DATETIME2: "DATETIME",
	mysql.MYSQL_TYPE_TIME2: "TIME", mysql.MYSQL_TYPE_JSON: "JSON", mysql.MYSQL_TYPE_NEWDECIMAL: "DECIMAL",
	mysql.MYSQL_TYPE_ENUM: "ENUM", mysql.MYSQL_TYPE_SET: "SET", mysql.MYSQL_TYPE_GEOMETRY: "GEOMETRY",
	mysql.MYSQL_TYPE_VECTOR: "VECTOR",
	TypeBlobCompressed:      "BLOB COMPRESSED", TypeVarcharCompressed: "VARCHAR COMPRESSED",
}

// TypeName is the SQL name of a type, for messages.
func TypeName(typ byte, binary bool) string {
	char := func(bin, text string) string {
		if binary {
			return bin
		}
		return text
	}
	switch typ {
	case mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_VAR_STRING:
		return char("VARBINARY", "VARCHAR")
	case mysql.MYSQL_TYPE_STRING:
		return char("BINARY", "CHAR")
	case mysql.MYSQL_TYPE_BLOB:
		return char("BLOB", "TEXT")
	}
	if name, ok := typeNames[typ]; ok {
		return name
	}
	return "type " + strconv.Itoa(int(typ))
}

// BitWidth is the width of a BIT column in bits.
func BitWidth(meta uint16) int { return int(meta>>8)*8 + int(meta&0xff) }

// OldTemporal: before MySQL 5.6, or with MariaDB's mysql56_temporal_format=OFF.
func OldTemporal(typ byte) bool {
	return typ == mysql.MYSQL_TYPE_TIMESTAMP || typ == mysql.MYSQL_TYPE_DATETIME || typ == mysql.MYSQL_TYPE_TIME
}
