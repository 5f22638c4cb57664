package cdc

import (
	"fmt"
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"

	"rowcast/cdc/internal/charset"
	"rowcast/cdc/internal/wire"
	"rowcast/cdc/row"
)

// Optional metadata of a table map: type, length, value.
const (
	optSignedness      = 1
	optDefaultCharset  = 2
	optColumnCharset   = 3
	optColumnName      = 4
	optSetLabels       = 5
	optEnumLabels      = 6
	optGeometryType    = 7
	optSimpleKey       = 8
	optPrefixKey       = 9
	optEnumSetDefault  = 10
	optEnumSetCharset  = 11
	optVisibility      = 12
	optVectorDimension = 13
)

// rawMeta is the optional metadata before it is dealt out to columns: entries
// refer to the n-th column of their sort, and come in any order.
type rawMeta struct {
	signs              []byte
	charsets, enumSets charsetList
	names              []string
	sets, enums        [][]string // not yet converted from their character set
}

// charsetList is either a default and exceptions, or one collation for each.
type charsetList struct {
	present  bool
	fallback uint64
	except   map[int]uint64
	each     []uint64
}

func (l *charsetList) of(i int) (uint64, bool) {
	if !l.present {
		return 0, false
	}
	if l.each != nil {
		if i >= len(l.each) {
			return 0, false
		}
		return l.each[i], true
	}
	if v, ok := l.except[i]; ok {
		return v, true
	}
	return l.fallback, true
}

// readOptional reads the entries after the column list.
func (m *tableMap) readOptional(c *wire.Cursor) error {
	for c.Left() > 0 {
		typ := c.Uint(1)
		v := wire.Cursor{B: c.Take(c.Length())}
		if c.Bad {
			break
		}
		m.readEntry(typ, &v)
		if v.Bad {
			return fmt.Errorf("%w: metadata of type %d is cut short", ErrCorrupt, typ)
		}
	}
	return c.Failed("optional metadata")
}

func (m *tableMap) readEntry(typ uint64, v *wire.Cursor) {
	switch typ {
	case optSignedness:
		m.raw.signs, m.hasSigns = v.Take(v.Left()), true
	case optDefaultCharset:
		m.raw.charsets.readDefault(v)
	case optColumnCharset:
		m.raw.charsets.readEach(v)
	case optEnumSetDefault:
		m.raw.enumSets.readDefault(v)
	case optEnumSetCharset:
		m.raw.enumSets.readEach(v)
	case optColumnName:
		for v.Left() > 0 {
			m.raw.names = append(m.raw.names, string(v.Take(v.Length())))
		}
	case optSetLabels:
		m.raw.sets = readLabels(v)
	case optEnumLabels:
		m.raw.enums = readLabels(v)
	case optSimpleKey:
		m.key, m.hasKey = nil, true
		for v.Left() > 0 {
			m.addKey(v.Lenenc(), v)
		}
	case optPrefixKey:
		m.key, m.hasKey = nil, true
		for v.Left() > 0 {
			m.addKey(v.Lenenc(), v)
			v.Lenenc() // how much of the column is in the key
		}
	case optVisibility, optGeometryType, optVectorDimension:
		// Invisible columns are shown like others, and geometries and vectors tell it themselves.
	}
}

func (m *tableMap) addKey(i uint64, v *wire.Cursor) {
	if i >= uint64(len(m.columns)) {
		v.Bad = true
		return
	}
	m.key = append(m.key, int(i))
}

func (l *charsetList) readDefault(v *wire.Cursor) {
	*l = charsetList{present: true, fallback: v.Lenenc()}
	for v.Left() > 0 {
		if l.except == nil {
			l.except = map[int]uint64{}
		}
		i := v.Lenenc()
		if i > maxColumns {
			v.Bad = true
			return
		}
		l.except[int(i)] = v.Lenenc()
	}
}

func (l *charsetList) readEach(v *wire.Cursor) {
	*l = charsetList{present: true, each: []uint64{}}
	for v.Left() > 0 {
		l.each = append(l.each, v.Lenenc())
	}
}

func readLabels(v *wire.Cursor) [][]string {
	lists := [][]string{}
	for v.Left() > 0 {
		n := v.Length() // each takes a byte or more
		labels := make([]string, 0, n)
		for range n {
			labels = append(labels, string(v.Take(v.Length())))
		}
		lists = append(lists, labels)
	}
	return lists
}

// applyOptional deals the metadata out to the columns.
func (m *tableMap) applyOptional() error {
	if n := len(m.raw.names); n != 0 {
		if n != len(m.columns) {
			return fmt.Errorf("%w: %d names for %d columns", ErrCorrupt, n, len(m.columns))
		}
		m.hasNames = true
	}
	m.hasCharsets = m.raw.charsets.present
	m.hasLabels = true
	numbers, chars, enumSets, sets, enums := 0, 0, 0, 0, 0
	for i := range m.columns {
		col := &m.columns[i]
		if m.hasNames {
			col.Name = m.raw.names[i]
			col.Hidden = hiddenName(col.Name, m.flavor)
		}
		switch {
		case isNumber(col.Type):
			if m.hasSigns {
				if numbers/8 >= len(m.raw.signs) {
					return fmt.Errorf("%w: signs for fewer columns than are numbers", ErrCorrupt)
				}
				col.Unsigned = m.raw.signs[numbers/8]&(0x80>>(numbers%8)) != 0
			}
			numbers++
		case col.Type == mysql.MYSQL_TYPE_ENUM || col.Type == mysql.MYSQL_TYPE_SET:
			col.Collation, _ = m.raw.enumSets.of(enumSets)
			enumSets++
			if col.Type == mysql.MYSQL_TYPE_SET {
				col.Labels = m.labels(m.raw.sets, sets, col.Collation)
				sets++
			} else {
				col.Labels = m.labels(m.raw.enums, enums, col.Collation)
				enums++
			}
		case m.isCharacter(col.Type):
			col.Collation, _ = m.raw.charsets.of(chars)
			chars++
		}
		if isBlobLike(col.Type) {
			col.Collation = 0
		}
	}
	m.raw = rawMeta{}
	return nil
}

// isCharacter tells whether a column has an entry among the collations. The
// servers count geometry (MariaDB) and vector (MySQL) too.
func (m *tableMap) isCharacter(typ byte) bool {
	switch typ {
	case mysql.MYSQL_TYPE_STRING, mysql.MYSQL_TYPE_VAR_STRING, mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_BLOB,
		row.TypeBlobCompressed, row.TypeVarcharCompressed:
		return true
	case mysql.MYSQL_TYPE_GEOMETRY:
		return m.flavor == MariaDB
	case mysql.MYSQL_TYPE_VECTOR:
		return true
	}
	return false
}

// isBlobLike: types whose collation says nothing.
func isBlobLike(typ byte) bool {
	return typ == mysql.MYSQL_TYPE_GEOMETRY || typ == mysql.MYSQL_TYPE_VECTOR || typ == mysql.MYSQL_TYPE_JSON
}

func isNumber(typ byte) bool {
	switch typ {
	case mysql.MYSQL_TYPE_TINY, mysql.MYSQL_TYPE_SHORT, mysql.MYSQL_TYPE_INT24, mysql.MYSQL_TYPE_LONG, mysql.MYSQL_TYPE_LONGLONG,
		mysql.MYSQL_TYPE_DECIMAL, mysql.MYSQL_TYPE_NEWDECIMAL, mysql.MYSQL_TYPE_FLOAT, mysql.MYSQL_TYPE_DOUBLE, mysql.MYSQL_TYPE_YEAR:
		return true
	}
	return false
}

// labels are the i-th list in UTF-8; nil, and hasLabels false, where the map does not hold them.
func (m *tableMap) labels(lists [][]string, i int, collation uint64) []string {
	if i >= len(lists) {
		m.hasLabels = false
		return nil
	}
	cs := charset.Of(collation)
	if cs == nil || cs.IsUTF8() {
		return lists[i]
	}
	out := make([]string, len(lists[i]))
	for j, label := range lists[i] {
		out[j] = string(cs.AppendUTF8(nil, []byte(label)))
	}
	return out
}

// hiddenName tells the names of columns that servers make for themselves, which
// information_schema does not list: for UNIQUE over long values and for functional indexes.
func hiddenName(name string, flavor Flavor) bool {
	if flavor == MariaDB {
		return strings.HasPrefix(name, "DB_ROW_HASH_")
	}
	return strings.HasPrefix(name, "!hidden!")
}
