package filters

import (
	"bytes"
	"strconv"

	"vitess.io/vitess/go/sqltypes"
	"vitess.io/vitess/go/vt/sqlparser"
)

// native compares a column with constants or with another column of its class:
// what most predicates do. It allocates nothing, pads texts as their collation
// does, and compares zero dates and times over 24 hours, which evalengine does not.
type native struct {
	op         sqlparser.ComparisonExprOperator
	between    bool // consts are the two bounds
	negate     bool // of between
	class      class
	col        int
	other      int   // the column that it is compared with; -1: the constants
	otherClass class // of that; DATE and DATETIME can be compared
	consts     []constant
	order      ordering // of textual
	like       *likePattern
	contains   *contains // JSON_CONTAINS, alone
	isNull     bool      // IS NULL; with negate IS NOT NULL
}

// constant is a literal in the form in which its class is compared.
type constant struct {
	null  bool
	bytes []byte // weights of textual, text of octets and dates
	num   number // of integer and timeofday
}

// number is any BIGINT, signed or not.
type number struct {
	negative  bool
	magnitude uint64
}

func (a number) compare(b number) int {
	switch {
	case a.negative != b.negative:
		if a.negative {
			return -1
		}
		return 1
	case a.magnitude == b.magnitude:
		return 0
	case (a.magnitude < b.magnitude) != a.negative:
		return -1
	}
	return 1
}

func parseNumber(s []byte) (number, bool) {
	var n number
	if len(s) > 0 && s[0] == '-' {
		n.negative, s = true, s[1:]
	}
	u, err := strconv.ParseUint(string(s), 10, 64)
	n.magnitude = u
	n.negative = n.negative && u != 0
	return n, err == nil
}

// form brings a column's value into the form of its class.
func (n *native) form(buf []byte, v sqltypes.Value, class class) (_ []byte, c constant) {
	if v.IsNull() {
		return buf, constant{null: true}
	}
	raw := v.Raw()
	switch class {
	case textual:
		start := len(buf)
		buf = n.order.appendWeights(buf, raw)
		return buf, constant{bytes: buf[start:]}
	case integer:
		c.num, _ = parseNumber(raw)
	case timeofday:
		c.num, _ = parseTime(raw)
	case date:
		start := len(buf)
		buf = append(append(buf, raw...), " 00:00:00"...)
		return buf, constant{bytes: buf[start:]}
	case datetime:
		if dot := bytes.IndexByte(raw, '.'); dot >= 0 {
			raw = bytes.TrimRight(bytes.TrimRight(raw, "0"), ".")
		}
		c.bytes = raw
	default:
		c.bytes = raw
	}
	return buf, c
}

func (n *native) compare(a, b *constant) int {
	switch n.class {
	case integer, timeofday:
		return a.num.compare(b.num)
	case textual:
		return n.order.compare(a.bytes, b.bytes)
	case exact:
		return compareDecimals(a.bytes, b.bytes)
	}
	return bytes.Compare(a.bytes, b.bytes)
}

// test judges a row; buf is scratch.
func (n *native) test(buf []byte, row []sqltypes.Value) ([]byte, verdict, error) {
	if n.contains != nil {
		v, err := n.contains.test(row)
		return buf, v, err
	}
	buf, v := n.judge(buf, row)
	return buf, v, nil
}

func (n *native) judge(buf []byte, row []sqltypes.Value) ([]byte, verdict) {
	if n.isNull {
		return buf, truth(row[n.col].IsNull() != n.negate)
	}
	if n.like != nil {
		v := row[n.col]
		if v.IsNull() {
			return buf, isNull
		}
		ok, buf := n.like.match(buf, v.Raw())
		verdict := truth(ok)
		if n.op == sqlparser.NotLikeOp {
			verdict = negate(verdict)
		}
		return buf, verdict
	}
	buf, left := n.form(buf, row[n.col], n.class)
	if n.other >= 0 {
		var right constant
		buf, right = n.form(buf, row[n.other], n.otherClass)
		return buf, n.one(n.op, &left, &right)
	}
	switch {
	case n.between:
		v := n.within(&left)
		if n.negate {
			v = negate(v)
		}
		return buf, v
	case n.op == sqlparser.InOp:
		return buf, n.in(&left)
	case n.op == sqlparser.NotInOp:
		return buf, negate(n.in(&left))
	}
	return buf, n.one(n.op, &left, &n.consts[0])
}

// one judges a single comparison.
func (n *native) one(op sqlparser.ComparisonExprOperator, a, b *constant) verdict {
	if op == sqlparser.NullSafeEqualOp {
		if a.null || b.null {
			return truth(a.null && b.null)
		}
		return truth(n.compare(a, b) == 0)
	}
	if a.null || b.null {
		return isNull
	}
	c := n.compare(a, b)
	switch op {
	case sqlparser.EqualOp:
		return truth(c == 0)
	case sqlparser.NotEqualOp:
		return truth(c != 0)
	case sqlparser.LessThanOp:
		return truth(c < 0)
	case sqlparser.LessEqualOp:
		return truth(c <= 0)
	case sqlparser.GreaterThanOp:
		return truth(c > 0)
	}
	return truth(c >= 0)
}

func (n *native) in(a *constant) verdict {
	v := isFalse
	for i := range n.consts {
		switch n.one(sqlparser.EqualOp, a, &n.consts[i]) {
		case isTrue:
			return isTrue
		case isNull:
			v = isNull
		}
	}
	return v
}

func (n *native) within(a *constant) verdict {
	low := n.one(sqlparser.GreaterEqualOp, a, &n.consts[0])
	high := n.one(sqlparser.LessEqualOp, a, &n.consts[1])
	switch {
	case low == isFalse || high == isFalse:
		return isFalse
	case low == isNull || high == isNull:
		return isNull
	}
	return isTrue
}

// parseTime reads a TIME as microseconds.
func parseTime(s []byte) (number, bool) {
	var n number
	if len(s) > 0 && s[0] == '-' {
		n.negative, s = true, s[1:]
	}
	fields := [4]uint64{}
	field, digits := 0, 0
	for _, c := range s {
		switch {
		case c >= '0' && c <= '9':
			if field == 3 {
				if digits++; digits > 6 {
					continue
				}
			}
			fields[field] = fields[field]*10 + uint64(c-'0')
		case c == ':' && field < 2, c == '.' && field == 2:
			field++
		default:
			return n, false
		}
	}
	for ; digits < 6; digits++ {
		fields[3] *= 10
	}
	n.magnitude = ((fields[0]*60+fields[1])*60+fields[2])*1e6 + fields[3]
	n.negative = n.negative && n.magnitude != 0
	return n, field >= 1 && fields[1] < 60 && fields[2] < 60
}
