package filters

import (
	"strings"

	"vitess.io/vitess/go/vt/sqlparser"
)

// rewrite spells out what evalengine does not have, or has wrong.
func (l *leaf) rewrite(c *sqlparser.Cursor) bool {
	switch n := c.Node().(type) {
	case *sqlparser.ComparisonExpr:
		if n.Operator == sqlparser.NotLikeOp {
			n.Operator = sqlparser.LikeOp
			c.Replace(&sqlparser.NotExpr{Expr: n})
		}
	case *sqlparser.FuncExpr:
		switch name := n.Name.Lowered(); {
		case name == "nullif" && len(n.Exprs) == 2:
			// So that the comparison in it is one for all that follows.
			c.Replace(&sqlparser.CaseExpr{
				Whens: []*sqlparser.When{{Cond: sqlparser.NewComparisonExpr(sqlparser.EqualOp, n.Exprs[0], n.Exprs[1], nil), Val: &sqlparser.NullVal{}}},
				Else:  sqlparser.Clone(n.Exprs[0]),
			})
		case name == "datediff" && len(n.Exprs) == 2:
			days := func(e sqlparser.Expr) sqlparser.Expr { return sqlparser.NewFuncExpr("to_days", e) }
			c.Replace(&sqlparser.BinaryExpr{Operator: sqlparser.MinusOp, Left: days(n.Exprs[0]), Right: days(n.Exprs[1])})
		case name == "find_in_set" && len(n.Exprs) == 2:
			l.findInSet(c, n)
		case foldable(name) && len(n.Exprs) == 1 && l.utf8mb4():
			// evalengine folds the case of utf8mb4 in the newest collation only.
			n.Exprs[0] = &sqlparser.CollateExpr{Expr: n.Exprs[0], Collation: "utf8mb4_0900_ai_ci"}
			c.Replace(&sqlparser.CollateExpr{Expr: n, Collation: l.collationName()})
		}
	case *sqlparser.JSONAttributesExpr:
		// Under these names evalengine knows them.
		name := map[sqlparser.JSONAttributeType]string{sqlparser.LengthAttributeType: "json_length", sqlparser.DepthAttributeType: "json_depth"}[n.Type]
		args := []sqlparser.Expr{n.JSONDoc}
		if n.Path != nil {
			args = append(args, n.Path)
		}
		c.Replace(sqlparser.NewFuncExpr(name, args...))
	case *sqlparser.ExtractFuncExpr:
		c.Replace(sqlparser.NewFuncExpr(extracts[n.IntervalType], n.Expr))
	}
	return true
}

// extracts are the units of EXTRACT that have a function of their own.
var extracts = map[sqlparser.IntervalType]string{
	sqlparser.IntervalYear: "year", sqlparser.IntervalQuarter: "quarter", sqlparser.IntervalMonth: "month", sqlparser.IntervalDay: "dayofmonth",
	sqlparser.IntervalHour: "hour", sqlparser.IntervalMinute: "minute", sqlparser.IntervalSecond: "second",
}

// findInSet looks for ,x, in ,list, which tells whether and not where; checkNode
// has seen to it that no more is asked.
func (l *leaf) findInSet(c *sqlparser.Cursor, n *sqlparser.FuncExpr) {
	x := n.Exprs[0]
	if lit, ok := x.(*sqlparser.Literal); !ok || strings.Contains(lit.Val, ",") || lit.Val == "" {
		if arg, ok := x.(*sqlparser.Argument); ok {
			v := l.values[arg.Name]
			if v == "" && l.p.checking {
				v = "x"
			}
			if v == "" || strings.Contains(v, ",") {
				l.fail("%s: %q can't be a label of a set", arg.Name, shorten(v))
			}
			x = sqlparser.NewStrLiteral(v)
		} else {
			l.fail("FIND_IN_SET needs one label, as in FIND_IN_SET('a', column)")
		}
	}
	comma := func() sqlparser.Expr { return sqlparser.NewStrLiteral(",") }
	c.Replace(&sqlparser.LocateExpr{
		SubStr: sqlparser.NewFuncExpr("concat", comma(), x, comma()),
		Str:    sqlparser.NewFuncExpr("concat", comma(), n.Exprs[1], comma()),
	})
}
