package cdc

import (
	"fmt"

	"github.com/go-mysql-org/go-mysql/mysql"

	"rowcast/cdc/internal/wire"
	"rowcast/cdc/row"
)

// maxColumns is what both servers allow in one table, and more.
const maxColumns = 4096 + 64

// tableMap is a TABLE_MAP event, parsed. It refers to nothing of the event's bytes.
type tableMap struct {
	id           uint64
	flavor       Flavor
	schema, name string
	columns      []Column // Name is "" without names
	nullable     []byte   // bitmap
	key          []int
	raw          rawMeta
	// What the optional metadata held.
	hasSigns, hasNames, hasKey, hasLabels, hasCharsets bool
}

// tableMapName reads no more than the table's id and name, without allocating.
func tableMapName(body []byte) (id uint64, schema, table []byte, err error) {
	c := wire.Cursor{B: body}
	id = c.Uint(6)
	c.Skip(2) // flags
	schema = c.Take(int(c.Uint(1)))
	c.Skip(1) // a zero byte
	table = c.Take(int(c.Uint(1)))
	c.Skip(1)
	return id, schema, table, c.Failed("table map")
}

// parseTableMap reads a TABLE_MAP event: body is the event without its header and
// checksum. Its errors wrap ErrCorrupt, or ErrValue for a type that is not known.
func parseTableMap(body []byte, flavor Flavor) (*tableMap, error) {
	id, schema, name, err := tableMapName(body)
	if err != nil {
		return nil, err
	}
	m := &tableMap{id: id, flavor: flavor, schema: string(schema), name: string(name)}
	fail := func(err error) (*tableMap, error) {
		return nil, fmt.Errorf("table map of %s.%s: %w", m.schema, m.name, err)
	}
	c := wire.Cursor{B: body, At: 6 + 2 + 1 + len(schema) + 1 + 1 + len(name) + 1}
	count := c.Lenenc()
	if count > maxColumns {
		return fail(fmt.Errorf("%w: %d columns", ErrCorrupt, count))
	}
	types := c.Take(int(count))
	metas := wire.Cursor{B: c.Take(c.Length())}
	m.nullable = append([]byte(nil), c.Take((int(count)+7)/8)...)
	if err := c.Failed("column list"); err != nil {
		return fail(err)
	}
	m.columns = make([]Column, count)
	for i, typ := range types {
		if err := readMeta(&m.columns[i], typ, &metas); err != nil {
			return fail(fmt.Errorf("column %d: %w", i+1, err))
		}
	}
	if err := metas.Failed("column metadata"); err != nil {
		return fail(err)
	}
	if err := m.readOptional(&c); err != nil {
		return fail(err)
	}
	if err := m.applyOptional(); err != nil {
		return fail(err)
	}
	return m, nil
}

// readMeta sets the column's real type and its metadata, whose length in the event follows from the type.
func readMeta(col *Column, typ byte, c *wire.Cursor) error {
	col.Type = typ
	switch typ {
	case mysql.MYSQL_TYPE_STRING:
		real, length := byte(c.Uint(1)), uint16(c.Uint(1))
		switch real {
		case mysql.MYSQL_TYPE_ENUM, mysql.MYSQL_TYPE_SET:
			col.Type, col.Meta = real, length
		default:
			// Lengths over 255 borrow two bits of the type, inverted.
			col.Meta = length | (uint16(real)&0x30^0x30)<<4
			if real|0x30 != mysql.MYSQL_TYPE_STRING && real != 0 {
				return fmt.Errorf("%w: a string of type %d", ErrCorrupt, real)
			}
		}
	case mysql.MYSQL_TYPE_NEWDECIMAL:
		precision, scale := uint16(c.Uint(1)), uint16(c.Uint(1))
		if c.Bad || scale > precision || precision == 0 || precision > 81 {
			return fmt.Errorf("%w: DECIMAL(%d,%d)", ErrCorrupt, precision, scale)
		}
		col.Meta = precision<<8 | scale
	case mysql.MYSQL_TYPE_VAR_STRING, mysql.MYSQL_TYPE_VARCHAR, row.TypeVarcharCompressed:
		col.Meta = uint16(c.Uint(2))
	case mysql.MYSQL_TYPE_BIT:
		col.Meta = uint16(c.Uint(2))
		if w := row.BitWidth(col.Meta); w < 1 || w > 64 {
			return fmt.Errorf("%w: BIT(%d)", ErrCorrupt, w)
		}
	case mysql.MYSQL_TYPE_BLOB, mysql.MYSQL_TYPE_GEOMETRY, mysql.MYSQL_TYPE_VECTOR, mysql.MYSQL_TYPE_JSON, row.TypeBlobCompressed:
		col.Meta = uint16(c.Uint(1))
		if col.Meta < 1 || col.Meta > 4 {
			return fmt.Errorf("%w: %s with a length of %d bytes", ErrCorrupt, row.TypeName(typ, true), col.Meta)
		}
	case mysql.MYSQL_TYPE_DOUBLE, mysql.MYSQL_TYPE_FLOAT:
		col.Meta = uint16(c.Uint(1))
	case mysql.MYSQL_TYPE_TIME2, mysql.MYSQL_TYPE_DATETIME2, mysql.MYSQL_TYPE_TIMESTAMP2:
		if col.Meta = uint16(c.Uint(1)); col.Meta > 6 {
			return fmt.Errorf("%w: %d fraction digits", ErrCorrupt, col.Meta)
		}
	case mysql.MYSQL_TYPE_TINY, mysql.MYSQL_TYPE_SHORT, mysql.MYSQL_TYPE_INT24, mysql.MYSQL_TYPE_LONG, mysql.MYSQL_TYPE_LONGLONG,
		mysql.MYSQL_TYPE_NULL, mysql.MYSQL_TYPE_TIMESTAMP, mysql.MYSQL_TYPE_DATE, mysql.MYSQL_TYPE_TIME,
		mysql.MYSQL_TYPE_DATETIME, mysql.MYSQL_TYPE_YEAR, mysql.MYSQL_TYPE_NEWDATE:
		// These have none.
	default:
		return fmt.Errorf("%w: its type is %d, which rowcast does not know", ErrValue, typ)
	}
	if (col.Type == mysql.MYSQL_TYPE_ENUM && col.Meta != 1 && col.Meta != 2) || (col.Type == mysql.MYSQL_TYPE_SET && (col.Meta < 1 || col.Meta > 8)) {
		return fmt.Errorf("%w: %s of %d bytes", ErrCorrupt, row.TypeName(col.Type, false), col.Meta)
	}
	return nil
}
