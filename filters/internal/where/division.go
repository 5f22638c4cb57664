package where

import (
	"strconv"
	"strings"

	"vitess.io/vitess/go/vt/sqlparser"
)

const (
	divIncrement = 4  // digits that / adds to those of its left operand: div_precision_increment
	maxScale     = 30 // of a DECIMAL
)

// divide rounds what / gives to the digits that the servers compare it with: evalengine
// has more.
func (l *translator) divide(c *sqlparser.Cursor, n *sqlparser.BinaryExpr) {
	if l.quotients[n] {
		return
	}
	if l.quotients == nil {
		l.quotients = map[*sqlparser.BinaryExpr]bool{}
	}
	l.quotients[n] = true
	left, known := l.scale(n.Left)
	right, alsoKnown := l.scale(n.Right)
	switch {
	case left == floating || right == floating:
	case !known || !alsoKnown:
		l.fail("the digits of what / gives are known of columns, numbers and what is computed from these only")
	default:
		c.Replace(sqlparser.NewFuncExpr("round", n, sqlparser.NewIntLiteral(strconv.Itoa(min(left+divIncrement, maxScale)))))
	}
}

// floating is the scale of a FLOAT or DOUBLE, and of texts, which become such.
const floating = -1

// scale is how many digits after the point the servers give a number.
func (l *translator) scale(e sqlparser.Expr) (scale int, known bool) {
	switch n := e.(type) {
	case *sqlparser.ColName:
		switch col := l.column(n); col.class {
		case integer:
			return 0, true
		case decimal:
			return int(col.typ.Scale()), true
		case float, textual:
			return floating, true
		}
	case *sqlparser.Literal:
		switch n.Type {
		case sqlparser.IntVal:
			return 0, true
		case sqlparser.DecimalVal:
			_, fraction, _ := strings.Cut(n.Val, ".")
			return len(fraction), true
		case sqlparser.FloatVal, sqlparser.StrVal:
			return floating, true
		}
	case *sqlparser.Argument:
		return floating, true
	case *sqlparser.UnaryExpr:
		return l.scale(n.Expr)
	case *sqlparser.BinaryExpr:
		return l.scaleOf(n)
	case *sqlparser.FuncExpr:
		if l.quotients[quotientOf(n)] {
			return l.scale(n.Exprs[0])
		}
	}
	return 0, false
}

// quotientOf is what divide has put into a call of ROUND.
func quotientOf(n *sqlparser.FuncExpr) *sqlparser.BinaryExpr {
	if n.Name.Lowered() != "round" || len(n.Exprs) != 2 {
		return nil
	}
	q, _ := n.Exprs[0].(*sqlparser.BinaryExpr)
	return q
}

func (l *translator) scaleOf(n *sqlparser.BinaryExpr) (scale int, known bool) {
	left, known := l.scale(n.Left)
	right, alsoKnown := l.scale(n.Right)
	known = known && alsoKnown
	if left == floating || right == floating {
		return floating, known
	}
	switch n.Operator {
	case sqlparser.PlusOp, sqlparser.MinusOp, sqlparser.ModOp:
		return max(left, right), known
	case sqlparser.MultOp:
		return min(left+right, maxScale), known
	case sqlparser.DivOp:
		return min(left+divIncrement, maxScale), known
	}
	return 0, known
}

// noQuotient refuses a quotient where the servers differ in its digits.
func (l *translator) noQuotient(where string, list ...sqlparser.Expr) {
	for _, e := range list {
		_ = sqlparser.Walk(func(x sqlparser.SQLNode) (bool, error) {
			if q, ok := x.(*sqlparser.BinaryExpr); ok && q.Operator == sqlparser.DivOp {
				if s, known := l.scaleOf(q); !known || s != floating {
					l.fail("servers differ in the digits of %s %s; divide last, and compare it by = or <", sqlparser.String(q), where)
				}
			}
			return l.err == nil, nil
		}, e)
	}
}
