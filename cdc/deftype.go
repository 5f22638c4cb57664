package cdc

import (
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"

	"rowcast/cdc/row"
)

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

// binlogType is the type and metadata under which the column is logged.
func (c *ColumnDef) binlogType() (byte, uint16) {
	if strings.Contains(c.ColumnType, "COMPRESSED") && c.Labels == nil {
		if strings.HasPrefix(c.DataType, "var") {
			return row.TypeVarcharCompressed, uint16(c.octets)
		}
		return row.TypeBlobCompressed, fixedTypes[c.DataType].meta
	}
	if t, ok := fixedTypes[c.DataType]; ok {
		return t.typ, t.meta
	}
	switch c.DataType {
	case "decimal":
		return mysql.MYSQL_TYPE_NEWDECIMAL, uint16(c.precision<<8 | c.scale)
	case "bit":
		return mysql.MYSQL_TYPE_BIT, uint16(c.precision/8<<8 | c.precision%8)
	case "time":
		return mysql.MYSQL_TYPE_TIME2, uint16(c.precision)
	case "datetime":
		return mysql.MYSQL_TYPE_DATETIME2, uint16(c.precision)
	case "timestamp":
		return mysql.MYSQL_TYPE_TIMESTAMP2, uint16(c.precision)
	case "char", "binary":
		return mysql.MYSQL_TYPE_STRING, uint16(c.octets)
	case "varchar", "varbinary":
		return mysql.MYSQL_TYPE_VARCHAR, uint16(c.octets)
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
