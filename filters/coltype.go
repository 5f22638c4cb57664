package filters

import (
	"fmt"
	"strconv"

	"github.com/go-mysql-org/go-mysql/mysql"
	"vitess.io/vitess/go/mysql/collations"
	"vitess.io/vitess/go/mysql/collations/charset"
	"vitess.io/vitess/go/sqltypes"
	"vitess.io/vitess/go/vt/vtgate/evalengine"

	"rowcast/cdc"
)

// class is what a column is to a predicate.
type class uint8

const (
	opaque    class = iota // nothing but IS NULL
	integer                // YEAR and BIT too
	float                  // FLOAT and DOUBLE
	exact                  // DECIMAL
	textual                // CHAR, VARCHAR, TEXT, and the labels of ENUM and SET
	octets                 // BINARY, VARBINARY, BLOB
	date                   // DATE
	datetime               // DATETIME and TIMESTAMP
	timeofday              // TIME
	document               // JSON of MySQL; MariaDB's is textual
	address                // UUID, INET4, INET6 of MariaDB
)

// operand is a column that a predicate names.
type operand struct {
	index   int // in Table.Columns
	name    string
	class   class
	sql     sqltypes.Type
	typ     evalengine.Type
	coll    collations.ID   // of textual
	order   ordering        // of textual
	recode  charset.Charset // labels come in UTF-8 and are needed in this; nil: as they are
	listing bool            // ENUM or SET
	single  bool            // FLOAT
	year    bool
	bit     bool
	raw     bool // the event's own bytes are what is compared
	decl    string
}

func newOperand(t *cdc.Table, i int) (operand, error) {
	c := &t.Columns[i]
	o := operand{index: i, name: c.Name, decl: c.TypeName()}
	var size, scale int32
	switch c.Type {
	case mysql.MYSQL_TYPE_TINY, mysql.MYSQL_TYPE_SHORT, mysql.MYSQL_TYPE_INT24, mysql.MYSQL_TYPE_LONG, mysql.MYSQL_TYPE_LONGLONG:
		o.class, o.sql = integer, sqltypes.Int64
		if c.Unsigned {
			o.sql = sqltypes.Uint64
		}
	case mysql.MYSQL_TYPE_YEAR:
		o.class, o.sql, o.year = integer, sqltypes.Uint64, true
	case mysql.MYSQL_TYPE_BIT:
		o.class, o.sql, o.bit = integer, sqltypes.Uint64, true
	case mysql.MYSQL_TYPE_FLOAT:
		o.class, o.sql, o.single = float, sqltypes.Float64, true
	case mysql.MYSQL_TYPE_DOUBLE:
		o.class, o.sql = float, sqltypes.Float64
	case mysql.MYSQL_TYPE_NEWDECIMAL:
		o.class, o.sql = exact, sqltypes.Decimal
		size, scale = int32(c.Meta>>8), int32(c.Meta&0xff)
	case mysql.MYSQL_TYPE_DATE, mysql.MYSQL_TYPE_NEWDATE:
		o.class, o.sql = date, sqltypes.Date
	case mysql.MYSQL_TYPE_DATETIME, mysql.MYSQL_TYPE_DATETIME2, mysql.MYSQL_TYPE_TIMESTAMP, mysql.MYSQL_TYPE_TIMESTAMP2:
		o.class, o.sql, size = datetime, sqltypes.Datetime, int32(c.Meta)
	case mysql.MYSQL_TYPE_TIME, mysql.MYSQL_TYPE_TIME2:
		o.class, o.sql, size = timeofday, sqltypes.Time, int32(c.Meta)
	case mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_VAR_STRING, mysql.MYSQL_TYPE_STRING, mysql.MYSQL_TYPE_BLOB,
		mysql.MYSQL_TYPE_TINY_BLOB, mysql.MYSQL_TYPE_MEDIUM_BLOB, mysql.MYSQL_TYPE_LONG_BLOB,
		mysql.MYSQL_TYPE_ENUM, mysql.MYSQL_TYPE_SET:
		return o.textual(t, c)
	case mysql.MYSQL_TYPE_JSON:
		o.class, o.sql = document, sqltypes.TypeJSON
	default:
		o.class, o.sql = opaque, sqltypes.Int64
	}
	o.typ = evalengine.NewTypeEx(o.sql, collations.CollationBinaryID, true, size, scale, nil)
	return o, nil
}

func (o operand) textual(t *cdc.Table, c *cdc.Column) (operand, error) {
	switch c.Kind {
	case cdc.UUID, cdc.INET4, cdc.INET6:
		o.class, o.sql = address, sqltypes.VarBinary
		o.typ = evalengine.NewTypeEx(o.sql, collations.CollationBinaryID, true, 0, 0, nil)
		return o, nil
	}
	if c.Collation == collations.CollationBinaryID {
		o.class, o.sql = octets, sqltypes.VarBinary
		o.typ = evalengine.NewTypeEx(o.sql, collations.CollationBinaryID, true, 0, 0, nil)
		return o, nil
	}
	o.class, o.sql, o.raw = textual, sqltypes.VarChar, true
	o.listing = c.Type == mysql.MYSQL_TYPE_ENUM || c.Type == mysql.MYSQL_TYPE_SET
	coll, ok := knownOrdering(c.Collation)
	if !ok {
		return o, fmt.Errorf("column %s of %s.%s has collation number %d, by which where can't compare; leave the column out or give it another collation",
			c.Name, t.Schema, t.Name, c.Collation)
	}
	o.coll, o.order = coll.ID(), coll
	if o.listing {
		o.raw = false
		if !isUTF8(coll.Charset()) {
			o.recode = coll.Charset()
		}
	}
	o.typ = evalengine.NewTypeEx(o.sql, o.coll, true, 0, 0, nil)
	return o, nil
}

// append adds the column's value, in the form in which evalengine takes it, to
// buf and returns it as a value that refers to buf or to the image.
func (o *operand) append(buf []byte, im *cdc.Image) ([]byte, sqltypes.Value, error) {
	if im.IsNull(o.index) {
		return buf, sqltypes.NULL, nil
	}
	if o.class == opaque {
		return buf, sqltypes.MakeTrusted(o.sql, one), nil // IS NULL is all that is asked
	}
	if o.raw {
		return buf, sqltypes.MakeTrusted(o.sql, im.Bytes(o.index)), nil
	}
	start := len(buf)
	if o.class == address { // the binlog leaves trailing zeros out
		size := addressSizes[o.decl]
		buf = append(append(buf, im.Bytes(o.index)...), zeros[:size]...)
		buf = buf[:start+size]
		return buf, sqltypes.MakeTrusted(o.sql, buf[start:]), nil
	}
	buf, err := im.AppendText(buf, o.index)
	if err != nil {
		return buf, sqltypes.NULL, err
	}
	text := buf[start:len(buf):len(buf)]
	switch {
	case o.single:
		// 0.1 in a FLOAT is not 0.1: it is compared as what it is.
		f, err := strconv.ParseFloat(string(text), 32)
		if err != nil {
			return buf, sqltypes.NULL, fmt.Errorf("column %s: not a FLOAT", o.name)
		}
		buf = strconv.AppendFloat(buf[:start], f, 'g', -1, 64)
		text = buf[start:]
	case o.recode != nil:
		coded, err := charset.Convert(nil, o.recode, text, charset.Charset_utf8mb4{})
		if err != nil {
			return buf, sqltypes.NULL, fmt.Errorf("column %s: a label is not in its character set", o.name)
		}
		text = coded
	}
	return buf, sqltypes.MakeTrusted(o.sql, text), nil
}

// sample is a value that any column of the type can hold.
func (o *operand) sample() string {
	switch o.class {
	case integer:
		if o.year {
			return "2026"
		}
	case date:
		return "2026-11-21"
	case datetime:
		return "2026-11-21 01:13:15"
	case timeofday:
		return "01:13:15"
	case document:
		return `{"a": 1}`
	case address:
		return map[string]string{"UUID": "00000000-0000-0000-0000-000000000000", "INET4": "0.0.0.0", "INET6": "::"}[o.decl]
	}
	return "1"
}

var one = []byte("1")
