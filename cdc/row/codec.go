package row

import (
	"fmt"

	"github.com/go-mysql-org/go-mysql/mysql"

	"rowcast/cdc/internal/charset"
	"rowcast/cdc/internal/format"
)

// plan is how one column's values are walked over and rendered. It is worked out
// once for a table, so that a row costs one switch a value.
type plan struct {
	walk   uint8  // walkFixed, 1 to 4 bytes of length, or walkUnknown
	render uint8  // see below
	digits uint8  // of a fraction
	size   uint16 // in bytes; of BINARY, CHAR and VARCHAR the most
	cs     *charset.Charset
	labels []string // in UTF-8
	quoted [][]byte // the same as JSON strings
	meta   uint16
	reason string // why the column can't be decoded
}

// What plan.render can be.
const (
	asInt8 = iota
	asUint8
	asInt16
	asUint16
	asInt24
	asUint24
	asInt32
	asUint32
	asInt64
	asUint64
	asFloat
	asDouble
	asDecimal
	asBit
	asYear
	asDate
	asTime
	asDatetime
	asTimestamp
	asOldTime
	asOldDatetime
	asOldTimestamp
	asEnum
	asSet
	asUTF8
	asText // of another character set than UTF-8
	asBytes
	asBinary // BINARY(n), whose trailing zeros are not logged
	asJSON
	asJSONText     // MariaDB's: text that may be anything
	asJSONSelected // MySQL's, as SELECT prints it
	asGeometry
	asVector
	asUUID
	asINET4
	asINET6
	asNothing // see reason
)

// makePlan decides about a column. What can't be decoded gets a reason instead.
func makePlan(c *Column) plan {
	p := plan{meta: c.Meta}
	fixed := func(size int, render uint8) plan {
		p.size, p.render = uint16(size), render
		return p
	}
	integer := func(size int, render uint8) plan {
		if c.Unsigned {
			render++
		}
		return fixed(size, render)
	}
	switch c.Type {
	case mysql.MYSQL_TYPE_TINY:
		return integer(1, asInt8)
	case mysql.MYSQL_TYPE_SHORT:
		return integer(2, asInt16)
	case mysql.MYSQL_TYPE_INT24:
		return integer(3, asInt24)
	case mysql.MYSQL_TYPE_LONG:
		return integer(4, asInt32)
	case mysql.MYSQL_TYPE_LONGLONG:
		return integer(8, asInt64)
	case mysql.MYSQL_TYPE_FLOAT:
		return fixed(4, asFloat)
	case mysql.MYSQL_TYPE_DOUBLE:
		return fixed(8, asDouble)
	case mysql.MYSQL_TYPE_NEWDECIMAL:
		return fixed(format.DecimalSize(int(c.Meta>>8), int(c.Meta&0xff)), asDecimal)
	case mysql.MYSQL_TYPE_BIT:
		return fixed((BitWidth(c.Meta)+7)/8, asBit)
	case mysql.MYSQL_TYPE_YEAR:
		return fixed(1, asYear)
	case mysql.MYSQL_TYPE_DATE, mysql.MYSQL_TYPE_NEWDATE:
		return fixed(3, asDate)
	case mysql.MYSQL_TYPE_TIME2, mysql.MYSQL_TYPE_DATETIME2, mysql.MYSQL_TYPE_TIMESTAMP2,
		mysql.MYSQL_TYPE_TIME, mysql.MYSQL_TYPE_DATETIME, mysql.MYSQL_TYPE_TIMESTAMP:
		return makeTemporalPlan(c)
	case mysql.MYSQL_TYPE_ENUM, mysql.MYSQL_TYPE_SET:
		p.labels = c.Labels
		for _, label := range c.Labels {
			p.quoted = append(p.quoted, format.AppendQuoted(nil, label))
		}
		if c.Type == mysql.MYSQL_TYPE_ENUM {
			return fixed(int(c.Meta), asEnum)
		}
		return fixed(int(c.Meta), asSet)
	}
	return makeStringPlan(c)
}

func makeTemporalPlan(c *Column) plan {
	p := plan{meta: c.Meta, digits: uint8(c.Meta)}
	fraction := (uint16(c.Meta) + 1) / 2
	switch c.Type {
	case mysql.MYSQL_TYPE_TIME2:
		p.size, p.render = 3+fraction, asTime
	case mysql.MYSQL_TYPE_DATETIME2:
		p.size, p.render = 5+fraction, asDatetime
	case mysql.MYSQL_TYPE_TIMESTAMP2:
		p.size, p.render = 4+fraction, asTimestamp
	case mysql.MYSQL_TYPE_TIME:
		p.size, p.render = 3, asOldTime
	case mysql.MYSQL_TYPE_DATETIME:
		p.size, p.render = 8, asOldDatetime
	case mysql.MYSQL_TYPE_TIMESTAMP:
		p.size, p.render = 4, asOldTimestamp
	}
	if OldTemporal(c.Type) && c.Meta != 0 {
		// The width depends on the fraction digits, which are not logged, and the row can't be walked past it.
		return plan{walk: walkUnknown, render: asNothing, reason: "a temporal type with fraction digits in MariaDB's own format (mysql56_temporal_format=OFF); ALTER TABLE … FORCE with mysql56_temporal_format=ON rewrites it"}
	}
	return p
}

func makeStringPlan(c *Column) plan {
	p := plan{meta: c.Meta}
	prefix := func(max int) uint8 {
		if max < 256 {
			return 1
		}
		return 2
	}
	switch c.Type {
	case mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_VAR_STRING:
		p.walk, p.size = prefix(int(c.Meta)), c.Meta
		return p.text(c)
	case mysql.MYSQL_TYPE_STRING:
		p.walk, p.size = prefix(int(c.Meta)), c.Meta
		switch {
		case c.Kind == UUID && c.Meta == 16:
			p.render = asUUID
			return p
		case c.Kind == INET6 && c.Meta == 16:
			p.render = asINET6
			return p
		case c.Kind == INET4 && c.Meta == 4:
			p.render = asINET4
			return p
		case c.Collation == BinaryCollation:
			p.render = asBinary
			return p
		}
		return p.text(c)
	case mysql.MYSQL_TYPE_BLOB:
		p.walk = uint8(c.Meta)
		if p = p.text(c); c.Kind == JSONText && p.reason == "" {
			p.render = asJSONText
		}
	case mysql.MYSQL_TYPE_JSON:
		p.walk, p.render = uint8(c.Meta), asJSON
	case mysql.MYSQL_TYPE_GEOMETRY:
		p.walk, p.render = uint8(c.Meta), asGeometry
	case mysql.MYSQL_TYPE_VECTOR:
		p.walk, p.render = uint8(c.Meta), asVector
	case TypeBlobCompressed:
		p.walk, p.render, p.reason = uint8(c.Meta), asNothing, "MariaDB's COMPRESSED columns are not supported; ALTER TABLE … MODIFY without COMPRESSED"
	case TypeVarcharCompressed:
		p.walk, p.render, p.reason = prefix(int(c.Meta)), asNothing, "MariaDB's COMPRESSED columns are not supported; ALTER TABLE … MODIFY without COMPRESSED"
	default:
		p.walk, p.render, p.reason = walkUnknown, asNothing, fmt.Sprintf("type %d is not supported", c.Type)
	}
	return p
}

// text picks the rendering by character set.
func (p plan) text(c *Column) plan {
	p.cs = charset.Of(c.Collation)
	switch {
	case p.cs == nil:
		p.render, p.reason = asNothing, fmt.Sprintf("collation %d is not known", c.Collation)
	case p.cs.IsBinary():
		p.render = asBytes
	case p.cs.IsUTF8():
		p.render = asUTF8
	default:
		p.render = asText
	}
	return p
}
