package schema

import (
	"slices"
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"

	"rowcast/cdc/row"
)

// Table is a table as information_schema describes it.
type Table struct {
	Schema, Name string   // as the binlog has them: in lower case where the server folds names
	Columns      []Column // in ordinal order, invisible ones too
	Key          []int    // primary key: indexes into Columns, in key order; without the row end that MariaDB adds
	HashKeys     int      // MariaDB: how many columns it adds for UNIQUE over long values
	Versioned    bool     // MariaDB: system versioning without period columns of the user's own
	Sequence     bool     // MariaDB: not a table, though it is logged as one

	Engine  string     // as the server writes it: InnoDB
	Indexes [][]string // columns of the indexes that rows can be read from in order, as far as they are whole columns
}

func (t *Table) inMemory() bool { return strings.EqualFold(t.Engine, "MEMORY") }

// Column is one column of a Table.
type Column struct {
	Name      string
	Type      string   // "varchar"
	FullType  string   // "varchar(20)"
	Labels    []string // of ENUM and SET
	Precision int      // of DECIMAL, its digits; of a temporal type, its fraction digits
	RowEnd    bool     // MariaDB: GENERATED ALWAYS AS ROW END

	json      bool   // MariaDB: the column is declared JSON, or has exactly that check
	collation uint64 // its number; 0 where the type has none
	bytes     int    // the most that a string has
	scale     int    // of DECIMAL
}

// Find is the index of the column of that name, or -1.
func (t *Table) Find(name string) int {
	return slices.IndexFunc(t.Columns, func(c Column) bool { return strings.EqualFold(c.Name, name) })
}

// Hidden is how many columns the binlog has after those that are listed.
func (t *Table) Hidden() int {
	if t.Versioned {
		return t.HashKeys + 2
	}
	return t.HashKeys
}

// RowEnd is the column of a system-versioned table that ends a row's version, as the
// binlog has the table; -1: it is not versioned. Without period columns that the
// user declared, they follow the others.
func (t *Table) RowEnd() int {
	if t.Versioned {
		return len(t.Columns) + 1
	}
	return slices.IndexFunc(t.Columns, func(c Column) bool { return c.RowEnd })
}

// Logged is the table as a binlog would show it, from the definition alone.
func (t *Table) Logged() *row.Table {
	logged := &row.Table{Schema: t.Schema, Name: t.Name, Key: slices.Clone(t.Key)}
	for i := range t.Columns {
		logged.Columns = append(logged.Columns, t.Columns[i].Logged())
	}
	return row.New(logged)
}

// Logged is the column as a binlog would show it.
func (c *Column) Logged() row.Column {
	unsigned := c.Type == "year" || strings.Contains(c.FullType, " unsigned") && c.Labels == nil
	col := row.Column{Name: c.Name, Labels: c.Labels, Unsigned: unsigned, Kind: c.Kind(), RowEnd: c.RowEnd}
	col.Type, col.Meta = c.binlogType()
	switch col.Type {
	case mysql.MYSQL_TYPE_STRING, mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_BLOB, mysql.MYSQL_TYPE_ENUM, mysql.MYSQL_TYPE_SET,
		row.TypeBlobCompressed, row.TypeVarcharCompressed:
		if col.Collation = c.collation; col.Collation == 0 {
			col.Collation = row.BinaryCollation
		}
	}
	return col
}

// Kind is what the binlog does not say about the column's type.
func (c *Column) Kind() row.Kind {
	switch {
	case c.Type == "uuid":
		return row.UUID
	case c.Type == "inet4":
		return row.INET4
	case c.Type == "inet6":
		return row.INET6
	case c.json:
		return row.JSONText
	}
	return row.Plain
}

// fixedTypes have the same metadata always.
var fixedTypes = map[string]struct {
	typ  byte
	meta uint16
}{
	"tinyint": {mysql.MYSQL_TYPE_TINY, 0}, "smallint": {mysql.MYSQL_TYPE_SHORT, 0}, "mediumint": {mysql.MYSQL_TYPE_INT24, 0},
	"int": {mysql.MYSQL_TYPE_LONG, 0}, "bigint": {mysql.MYSQL_TYPE_LONGLONG, 0},
	"float": {mysql.MYSQL_TYPE_FLOAT, 4}, "double": {mysql.MYSQL_TYPE_DOUBLE, 8},
	"year": {mysql.MYSQL_TYPE_YEAR, 0}, "date": {mysql.MYSQL_TYPE_DATE, 0},
	"tinytext": {mysql.MYSQL_TYPE_BLOB, 1}, "text": {mysql.MYSQL_TYPE_BLOB, 2}, "mediumtext": {mysql.MYSQL_TYPE_BLOB, 3}, "longtext": {mysql.MYSQL_TYPE_BLOB, 4},
	"tinyblob": {mysql.MYSQL_TYPE_BLOB, 1}, "blob": {mysql.MYSQL_TYPE_BLOB, 2}, "mediumblob": {mysql.MYSQL_TYPE_BLOB, 3}, "longblob": {mysql.MYSQL_TYPE_BLOB, 4},
	"json": {mysql.MYSQL_TYPE_JSON, 4}, "vector": {mysql.MYSQL_TYPE_VECTOR, 4},
	"geometry": {mysql.MYSQL_TYPE_GEOMETRY, 4}, "point": {mysql.MYSQL_TYPE_GEOMETRY, 4}, "linestring": {mysql.MYSQL_TYPE_GEOMETRY, 4},
	"polygon": {mysql.MYSQL_TYPE_GEOMETRY, 4}, "multipoint": {mysql.MYSQL_TYPE_GEOMETRY, 4}, "multilinestring": {mysql.MYSQL_TYPE_GEOMETRY, 4},
	"multipolygon": {mysql.MYSQL_TYPE_GEOMETRY, 4}, "geometrycollection": {mysql.MYSQL_TYPE_GEOMETRY, 4}, "geomcollection": {mysql.MYSQL_TYPE_GEOMETRY, 4},
	"uuid": {mysql.MYSQL_TYPE_STRING, 16}, "inet6": {mysql.MYSQL_TYPE_STRING, 16}, "inet4": {mysql.MYSQL_TYPE_STRING, 4},
}

var temporalTypes = map[string]struct{ new, old byte }{
	"time": {mysql.MYSQL_TYPE_TIME2, mysql.MYSQL_TYPE_TIME}, "datetime": {mysql.MYSQL_TYPE_DATETIME2, mysql.MYSQL_TYPE_DATETIME},
	"timestamp": {mysql.MYSQL_TYPE_TIMESTAMP2, mysql.MYSQL_TYPE_TIMESTAMP},
}

// binlogType is the type and metadata under which the column is logged.
func (c *Column) binlogType() (byte, uint16) {
	if strings.Contains(c.FullType, "COMPRESSED") && c.Labels == nil {
		if strings.HasPrefix(c.Type, "var") {
			return row.TypeVarcharCompressed, uint16(c.bytes)
		}
		return row.TypeBlobCompressed, fixedTypes[c.Type].meta
	}
	if t, ok := fixedTypes[c.Type]; ok {
		return t.typ, t.meta
	}
	switch c.Type {
	case "decimal":
		return mysql.MYSQL_TYPE_NEWDECIMAL, uint16(c.Precision<<8 | c.scale)
	case "bit":
		return mysql.MYSQL_TYPE_BIT, uint16(c.Precision/8<<8 | c.Precision%8)
	case "time", "datetime", "timestamp":
		types := temporalTypes[c.Type]
		if strings.Contains(c.FullType, "mariadb-5.3") { // made with mysql56_temporal_format=OFF
			return types.old, uint16(c.Precision)
		}
		return types.new, uint16(c.Precision)
	case "char", "binary":
		return mysql.MYSQL_TYPE_STRING, uint16(c.bytes)
	case "varchar", "varbinary":
		return mysql.MYSQL_TYPE_VARCHAR, uint16(c.bytes)
	case "enum":
		if len(c.Labels) < 256 {
			return mysql.MYSQL_TYPE_ENUM, 1
		}
		return mysql.MYSQL_TYPE_ENUM, 2
	case "set":
		if n := (len(c.Labels) + 7) / 8; n <= 4 {
			return mysql.MYSQL_TYPE_SET, uint16(n)
		}
		return mysql.MYSQL_TYPE_SET, 8
	}
	return mysql.MYSQL_TYPE_NULL, 0
}
