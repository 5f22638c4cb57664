package filters

import (
	"fmt"
	"strings"
	"time"

	"vitess.io/vitess/go/vt/sqlparser"
)

// native recognises a comparison that needs no evalengine; nil where it does.
func (l *leaf) native(e sqlparser.Expr) (*native, error) {
	switch e := e.(type) {
	case *sqlparser.ComparisonExpr:
		op, left, right := e.Operator, e.Left, e.Right
		if l.operand(left) == nil {
			flipped, ok := flip[op]
			if !ok {
				return nil, nil
			}
			op, left, right = flipped, right, left
		}
		n := l.newNative(left)
		if n == nil {
			return nil, nil
		}
		n.op = op
		if err := l.p.cols[n.col].ordered(op); err != nil {
			return nil, err
		}
		switch op {
		case sqlparser.LikeOp, sqlparser.NotLikeOp:
			return l.nativeLike(n, right)
		case sqlparser.RegexpOp, sqlparser.NotRegexpOp:
			return nil, nil
		case sqlparser.InOp, sqlparser.NotInOp:
			list, ok := right.(sqlparser.ValTuple)
			if !ok {
				return nil, nil
			}
			return l.constants(n, list...)
		}
		if o := l.operand(right); o != nil {
			return l.columns(n, o), nil
		}
		return l.constants(n, right)
	case *sqlparser.BetweenExpr:
		n := l.newNative(e.Left)
		if n == nil {
			return nil, nil
		}
		if err := l.p.cols[n.col].ordered(sqlparser.LessThanOp); err != nil {
			return nil, err
		}
		n.between, n.negate = true, !e.IsBetween
		return l.constants(n, e.From, e.To)
	case *sqlparser.JSONContainsExpr:
		c, err := l.jsonContains(e)
		if err != nil {
			return nil, err
		}
		return &native{contains: c}, nil
	case *sqlparser.IsExpr:
		o := l.operand(e.Left)
		if o == nil || e.Right != sqlparser.IsNullOp && e.Right != sqlparser.IsNotNullOp {
			return nil, nil
		}
		return &native{col: l.p.column(o.name), isNull: true, negate: e.Right == sqlparser.IsNotNullOp}, nil
	}
	return nil, nil
}

var flip = map[sqlparser.ComparisonExprOperator]sqlparser.ComparisonExprOperator{
	sqlparser.EqualOp: sqlparser.EqualOp, sqlparser.NotEqualOp: sqlparser.NotEqualOp, sqlparser.NullSafeEqualOp: sqlparser.NullSafeEqualOp,
	sqlparser.LessThanOp: sqlparser.GreaterThanOp, sqlparser.GreaterThanOp: sqlparser.LessThanOp,
	sqlparser.LessEqualOp: sqlparser.GreaterEqualOp, sqlparser.GreaterEqualOp: sqlparser.LessEqualOp,
}

func (l *leaf) newNative(left sqlparser.Expr) *native {
	o := l.operand(left)
	if o == nil {
		return nil
	}
	n := &native{class: o.class, col: l.p.column(o.name), other: -1}
	switch o.class {
	case textual:
		n.order = o.order
	case integer, exact, octets, date, datetime, timeofday, address:
	default:
		return nil
	}
	return n
}

// ordered refuses to sort UUIDs: MariaDB's order of them depends on their version
// and on the server's.
func (o *operand) ordered(op sqlparser.ComparisonExprOperator) error {
	if o.decl == "UUID" && o.class == address && op >= sqlparser.LessThanOp && op <= sqlparser.GreaterEqualOp {
		return fmt.Errorf("column %s is UUID, which where can compare only by =, <>, <=>, IN and IS NULL", o.name)
	}
	return nil
}

// columns compares two columns, if they are of one kind.
func (l *leaf) columns(n *native, o *operand) *native {
	n.other, n.otherClass = l.p.column(o.name), o.class
	a := &l.p.cols[n.col]
	dates := func(c class) bool { return c == date || c == datetime }
	switch {
	case dates(a.class) && dates(o.class):
	case a.class != o.class || a.coll != o.coll || a.order.pads != o.order.pads || a.listing != o.listing || a.listing && a.decl != o.decl || a.class == address && a.decl != o.decl:
		return nil
	}
	return n
}

func (l *leaf) nativeLike(n *native, e sqlparser.Expr) (*native, error) {
	var pattern string
	switch e := e.(type) {
	case *sqlparser.Argument:
		pattern = l.values[e.Name]
	case *sqlparser.Literal:
		if e.Type != sqlparser.StrVal {
			return nil, nil
		}
		pattern = e.Val
	default:
		return nil, nil
	}
	if n.class != textual && n.class != octets {
		return nil, nil
	}
	var ok bool
	if n.like, ok = newLike(pattern, n.order.Collation); !ok {
		return nil, fmt.Errorf("the pattern of LIKE holds a character that its column's character set, %s, does not have", n.order.Charset().Name())
	}
	return n, nil
}

// constants takes the literals and parameters that a column is compared with.
func (l *leaf) constants(n *native, list ...sqlparser.Expr) (*native, error) {
	o := &l.p.cols[n.col]
	for _, e := range list {
		switch x := e.(type) {
		case *sqlparser.NullVal:
			n.consts = append(n.consts, constant{null: true})
			continue
		case *sqlparser.Argument:
			v, err := l.param(o, x.Name)
			if err != nil {
				return nil, err
			}
			e = v
		case *sqlparser.Literal:
			if x.Type == sqlparser.StrVal {
				v, err := o.value(x.Val)
				if err != nil {
					return nil, err
				}
				e = v
			}
		case *sqlparser.UnaryExpr:
			if lit, ok := x.Expr.(*sqlparser.Literal); ok && x.Operator == sqlparser.UMinusOp && (lit.Type == sqlparser.IntVal || lit.Type == sqlparser.DecimalVal) {
				e = &sqlparser.Literal{Type: lit.Type, Val: "-" + lit.Val}
			}
		}
		lit, ok := e.(*sqlparser.Literal)
		if !ok {
			return nil, nil
		}
		c, ok, err := l.constant(n, o, lit)
		if err != nil || !ok {
			return nil, err
		}
		n.consts = append(n.consts, c)
	}
	return n, nil
}

// param is a parameter's value as it is compared with a column.
func (l *leaf) param(o *operand, name string) (sqlparser.Expr, error) {
	v := l.values[name]
	if v == "" && l.p.checking {
		v = o.sample()
	}
	e, err := o.value(v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return e, nil
}

// constant is a literal in the form of the column's class; ok is false where it
// is of another kind.
func (l *leaf) constant(n *native, o *operand, lit *sqlparser.Literal) (c constant, ok bool, err error) {
	switch o.class {
	case integer:
		if lit.Type != sqlparser.IntVal {
			return c, false, nil
		}
		if c.num, ok = parseNumber([]byte(lit.Val)); ok && o.year {
			if err = o.checkYear(lit); err != nil {
				return c, true, err
			}
		}
		return c, ok, nil
	case exact:
		c.bytes = []byte(lit.Val)
		return c, lit.Type == sqlparser.IntVal || lit.Type == sqlparser.DecimalVal, nil
	case textual:
		if lit.Type != sqlparser.StrVal {
			return c, false, nil
		}
		l.coll = o.coll
		c.bytes = n.order.appendWeights(nil, []byte(l.encode(lit.Val)))
		return c, true, l.err
	case octets, address:
		c.bytes = []byte(lit.Val)
		return c, lit.Type == sqlparser.StrVal, nil
	case timeofday:
		if lit.Type != sqlparser.StrVal && lit.Type != sqlparser.TimeVal {
			return c, false, nil
		}
		if c.num, ok = parseTime([]byte(strings.TrimSpace(lit.Val))); !ok {
			err = fmt.Errorf("%q is no time", shorten(lit.Val))
		} else if _, fraction, _ := strings.Cut(lit.Val, "."); len(strings.TrimRight(fraction, "0")) > int(o.typ.Size()) {
			// MySQL rounds here, but not where the column is a DATETIME.
			err = fmt.Errorf("%q has more digits behind its point than column %s (%s) holds", shorten(lit.Val), o.name, o.decl)
		}
		return c, true, err
	}
	if lit.Type != sqlparser.StrVal && lit.Type != sqlparser.DateVal && lit.Type != sqlparser.TimestampVal {
		return c, false, nil
	}
	c.bytes, err = normalDate(lit.Val)
	return c, true, err
}

// checkYear refuses 26 for 2026.
func (o *operand) checkYear(lit *sqlparser.Literal) error {
	if o.year && lit != nil && lit.Type == sqlparser.IntVal && len(lit.Val) < 4 && lit.Val != "0" {
		return o.shortYear(lit.Val)
	}
	return nil
}

// normalDate writes a date and time so that texts compare as times do.
func normalDate(s string) ([]byte, error) {
	s = strings.Replace(strings.TrimSpace(s), "T", " ", 1)
	day, clock, ok := strings.Cut(s, " ")
	switch {
	case !ok:
		clock = "00:00:00"
	case len(clock) == len("00:00"):
		clock += ":00"
	}
	if !datetimeText.MatchString(s) {
		return nil, fmt.Errorf("%q is no date and time; write '2026-11-21' or '2026-11-21 01:13:15.817'", shorten(s))
	}
	if strings.Contains(clock, ".") {
		clock = strings.TrimRight(strings.TrimRight(clock, "0"), ".")
	}
	if _, err := time.Parse("15:04:05.999999", clock); err != nil {
		return nil, fmt.Errorf("%q is no time of day", shorten(clock))
	}
	if partial([]byte(day)) {
		return []byte(day + " " + clock), nil // zero dates exist; they compare as they are written
	}
	if _, err := time.Parse("2006-01-02", day); err != nil {
		return nil, fmt.Errorf("%q is no date", shorten(day))
	}
	return []byte(day + " " + clock), nil
}

// partial tells whether a date has a part that is 0.
func partial(day []byte) bool {
	return len(day) >= 10 && (string(day[:4]) == "0000" || string(day[5:7]) == "00" || string(day[8:10]) == "00")
}
