package where

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-mysql-org/go-mysql/mysql"
	"vitess.io/vitess/go/mysql/collations"
	"vitess.io/vitess/go/mysql/collations/charset"
	"vitess.io/vitess/go/sqltypes"
	"vitess.io/vitess/go/vt/sqlparser"
	"vitess.io/vitess/go/vt/vtgate/evalengine"

	"rowcast/cdc/row"
)

// class is what a column is to a predicate.
type class uint8

const (
	opaque    class = iota // nothing but IS NULL
	integer                // YEAR and BIT too
	float                  // FLOAT and DOUBLE
	decimal                // DECIMAL
	textual                // CHAR, VARCHAR, TEXT, and the labels of ENUM and SET
	blob                   // BINARY, VARBINARY, BLOB
	date                   // DATE
	datetime               // DATETIME and TIMESTAMP
	timeofday              // TIME
	document               // JSON of MySQL; MariaDB's is textual
	address                // UUID, INET4, INET6 of MariaDB
)

// column is a column that a predicate names.
type column struct {
	index int // in Table.Columns
	name  string
	decl  string // its type
	class class
	order order // nil: only evalengine compares its values

	sql      sqltypes.Type // as evalengine takes it
	typ      evalengine.Type
	coll     *collation      // of textual
	recode   charset.Charset // labels come in UTF-8 and are needed in this; nil: as they are
	enumSet  bool            // ENUM or SET
	single   bool            // FLOAT
	year     bool
	bit      bool
	unsigned bool // of integer

	timestamp bool
}

func newColumn(t *row.Table, i int) (column, error) {
	def := &t.Columns[i]
	c := column{index: i, name: def.Name, decl: def.TypeName()}
	var size, scale int32
	switch def.Type {
	case mysql.MYSQL_TYPE_TINY, mysql.MYSQL_TYPE_SHORT, mysql.MYSQL_TYPE_INT24, mysql.MYSQL_TYPE_LONG, mysql.MYSQL_TYPE_LONGLONG:
		c.class, c.sql, c.unsigned = integer, sqltypes.Int64, def.Unsigned
		if def.Unsigned {
			c.sql = sqltypes.Uint64
		}
	case mysql.MYSQL_TYPE_YEAR:
		c.class, c.sql, c.year, c.unsigned = integer, sqltypes.Uint64, true, true
	case mysql.MYSQL_TYPE_BIT:
		c.class, c.sql, c.bit, c.unsigned = integer, sqltypes.Uint64, true, true
	case mysql.MYSQL_TYPE_FLOAT:
		c.class, c.sql, c.single = float, sqltypes.Float64, true
	case mysql.MYSQL_TYPE_DOUBLE:
		c.class, c.sql = float, sqltypes.Float64
	case mysql.MYSQL_TYPE_NEWDECIMAL:
		c.class, c.sql = decimal, sqltypes.Decimal
		size, scale = int32(def.Meta>>8), int32(def.Meta&0xff)
	case mysql.MYSQL_TYPE_DATE, mysql.MYSQL_TYPE_NEWDATE:
		c.class, c.sql = date, sqltypes.Date
	case mysql.MYSQL_TYPE_DATETIME, mysql.MYSQL_TYPE_DATETIME2, mysql.MYSQL_TYPE_TIMESTAMP, mysql.MYSQL_TYPE_TIMESTAMP2:
		c.class, c.sql, size = datetime, sqltypes.Datetime, int32(def.Meta)
		c.timestamp = def.Type == mysql.MYSQL_TYPE_TIMESTAMP || def.Type == mysql.MYSQL_TYPE_TIMESTAMP2
	case mysql.MYSQL_TYPE_TIME, mysql.MYSQL_TYPE_TIME2:
		c.class, c.sql, size = timeofday, sqltypes.Time, int32(def.Meta)
	case mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_VAR_STRING, mysql.MYSQL_TYPE_STRING, mysql.MYSQL_TYPE_BLOB,
		mysql.MYSQL_TYPE_TINY_BLOB, mysql.MYSQL_TYPE_MEDIUM_BLOB, mysql.MYSQL_TYPE_LONG_BLOB,
		mysql.MYSQL_TYPE_ENUM, mysql.MYSQL_TYPE_SET:
		if err := c.setString(t, def); err != nil {
			return c, err
		}
	case mysql.MYSQL_TYPE_JSON:
		c.class, c.sql = document, sqltypes.TypeJSON
	default:
		c.class, c.sql = opaque, sqltypes.Int64
	}
	collID := collations.ID(collations.CollationBinaryID)
	if c.coll != nil {
		collID = c.coll.ID()
	}
	c.typ = evalengine.NewTypeEx(c.sql, collID, true, size, scale, nil)
	c.order = newOrder(&c)
	return c, nil
}

func (c *column) setString(t *row.Table, def *row.Column) error {
	switch {
	case def.Kind == row.UUID || def.Kind == row.INET4 || def.Kind == row.INET6:
		c.class, c.sql = address, sqltypes.VarBinary
		return nil
	case def.Collation == collations.CollationBinaryID:
		c.class, c.sql = blob, sqltypes.VarBinary
		return nil
	}
	c.class, c.sql = textual, sqltypes.VarChar
	c.enumSet = def.Type == mysql.MYSQL_TYPE_ENUM || def.Type == mysql.MYSQL_TYPE_SET
	coll, ok := lookupCollation(def.Collation)
	if !ok {
		return fmt.Errorf("column %s of %s.%s has collation number %d, by which where can't compare; leave the column out or give it another collation",
			def.Name, t.Schema, t.Name, def.Collation)
	}
	c.coll = &coll
	if c.enumSet && !isUTF8(coll.Charset()) {
		c.recode = coll.Charset()
	}
	return nil
}

// empty is a value that is not NULL.
var empty = []byte{}

// read adds the column's value to buf, in the form that order.form takes, and
// returns it: it refers to buf or to the image. It is nil for NULL.
func (c *column) read(buf []byte, im *row.Image) (_, value []byte, err error) {
	start := len(buf)
	switch {
	case im.IsNull(c.index):
		return buf, nil, nil
	case c.class == opaque:
		return buf, empty, nil // IS NULL is all that is asked
	case c.class == integer:
		buf = appendInteger(buf, uint64(im.Int64(c.index)), !c.unsigned && im.Int64(c.index) < 0)
		return buf, buf[start:len(buf):len(buf)], nil
	case c.class == textual && !c.enumSet:
		return buf, im.Bytes(c.index), nil
	case c.class == address: // the binlog leaves trailing zeros out
		buf = append(append(buf, im.Bytes(c.index)...), zeros[:]...)[:start+addressSizes[c.decl]]
		return buf, buf[start:], nil
	}
	if buf, err = im.AppendText(buf, c.index); err != nil {
		return buf, nil, err
	}
	switch {
	case len(buf) == start: // buf may be nil, which would mean NULL
		return buf, empty, nil
	case c.single:
		// 0.1 in a FLOAT is not 0.1: it is compared as what it is.
		f, err := strconv.ParseFloat(string(buf[start:]), 32)
		if err != nil {
			return buf, nil, fmt.Errorf("column %s: not a FLOAT", c.name)
		}
		buf = strconv.AppendFloat(buf[:start], f, 'g', -1, 64)
	case c.recode != nil:
		label, err := charset.Convert(nil, c.recode, buf[start:], charset.Charset_utf8mb4{})
		if err != nil {
			return buf, nil, fmt.Errorf("column %s: a label is not in its character set", c.name)
		}
		buf = append(buf[:start], label...)
	}
	return buf, buf[start:len(buf):len(buf)], nil
}

// engineValue is a value as evalengine takes it; buf holds what has to be written.
func (c *column) engineValue(buf, value []byte) ([]byte, sqltypes.Value) {
	if value == nil {
		return buf, sqltypes.NULL
	}
	if c.class != integer {
		return buf, sqltypes.MakeTrusted(c.sql, value)
	}
	start := len(buf)
	buf = appendDigits(buf, value)
	return buf, sqltypes.MakeTrusted(c.sql, buf[start:len(buf):len(buf)])
}

// sample is a text that any column of the type can be compared with.
func (c *column) sample() string {
	switch c.class {
	case integer:
		if c.year {
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
		return map[string]string{"UUID": "00000000-0000-0000-0000-000000000000", "INET4": "0.0.0.0", "INET6": "::"}[c.decl]
	}
	return "1"
}

var (
	wholeNumber   = regexp.MustCompile(`^[+-]?[0-9]+$`)
	decimalNumber = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`)
	yearText      = regexp.MustCompile(`^[0-9]{4}$`)
	datetimeText  = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?)?$`)
	timeText      = regexp.MustCompile(`^-?[0-9]{1,3}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?$`)
)

// refuse says that a text can't be compared with the column.
func (c *column) refuse(s, why string) error {
	return fmt.Errorf("column %s is %s: %q %s", c.name, c.decl, shorten(s), why)
}

const (
	notNumber   = "is not a number"
	notYear     = "is not a year of four digits"
	notTime     = "is not a time; write '12:34:56'"
	notDatetime = "is not a date and time; write '2026-11-21' or '2026-11-21 01:13:15.817'"
)

// literal is a text as it is compared with the column: as a number only if it is
// one, and so for a date. The servers would go on with a warning, or fail.
func (c *column) literal(s string) (*sqlparser.Literal, error) {
	trimmed := strings.TrimSpace(s)
	switch c.class {
	case integer, float, decimal:
		if !decimalNumber.MatchString(trimmed) {
			return nil, c.refuse(s, notNumber)
		}
		if c.year && !yearText.MatchString(trimmed) {
			return nil, c.refuse(s, notYear)
		}
		if c.class != integer {
			break
		}
		if form, ok := wholeForm(trimmed); ok {
			return sqlparser.NewIntLiteral(string(appendDigits(nil, form))), nil
		}
		if f, err := strconv.ParseFloat(trimmed, 64); err != nil || math.Abs(f) >= exactWhole || beyondDouble(trimmed) {
			return nil, c.refuse(s, "can't be compared exactly; write a whole number, without an exponent")
		}
	case date, datetime:
		if !datetimeText.MatchString(trimmed) {
			return nil, c.refuse(s, notDatetime)
		}
	case timeofday:
		if !timeText.MatchString(trimmed) {
			return nil, c.refuse(s, notTime)
		}
	}
	return sqlparser.NewStrLiteral(s), nil
}

// hex is the text that a hexadecimal or binary literal is beside the column: it has the
// bytes of the column's character set.
func (c *column) hex(lit *sqlparser.Literal) (*sqlparser.Literal, error) {
	if c.class != textual || c.enumSet || literalKind(lit) != hexKind {
		return lit, nil
	}
	digits, base, perByte := strings.TrimPrefix(lit.Val, "0x"), 16, 2
	if lit.Type == sqlparser.BitNum {
		digits, base, perByte = strings.TrimPrefix(lit.Val, "0b"), 2, 8
	}
	n, ok := new(big.Int).SetString("0"+digits, base)
	if !ok {
		return nil, fmt.Errorf("%s is not a literal", shorten(lit.Val))
	}
	raw := n.FillBytes(make([]byte, (len(digits)+perByte-1)/perByte))
	text, err := charset.Convert(nil, charset.Charset_utf8mb4{}, raw, c.coll.Charset())
	if err != nil || !utf8.Valid(text) {
		return nil, c.refuse(lit.Val, "is not a text in its character set")
	}
	return sqlparser.NewStrLiteral(string(text)), nil
}

// beforeTimestamps reports whether the form of a constant is earlier than any TIMESTAMP
// but '0000-00-00 00:00:00', of which MySQL takes it for the equal.
func (c *column) beforeTimestamps(form []byte) bool {
	const first = "1970-01-01 00:00:01"
	return c.timestamp && form != nil && string(form) < first && !bytes.HasPrefix(form, []byte("0000-00-00"))
}

// checkYear refuses 26 for 2026: the servers take it for that, but not in every
// kind of comparison.
func (c *column) checkYear(lit *sqlparser.Literal) error {
	if c.year && lit != nil && lit.Type == sqlparser.IntVal && len(lit.Val) < 4 && lit.Val != "0" {
		return c.refuse(lit.Val, notYear)
	}
	return nil
}

// ColumnNames lists what of a table may be named: all but what the server made.
func ColumnNames(t *row.Table) []string {
	var names []string
	for i := range t.Columns {
		if !t.Columns[i].Hidden {
			names = append(names, t.Columns[i].Name)
		}
	}
	return names
}
