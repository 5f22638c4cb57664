package where

import (
	"bytes"
	"fmt"
	"slices"

	"vitess.io/vitess/go/vt/sqlparser"
)

// isNull is column IS NULL.
type isNull struct{ col int }

func (n *isNull) eval(_ *Evaluator, row Row) (Verdict, error) { return truth(row[n.col] == nil), nil }

// comparison compares a column with a constant.
type comparison struct {
	op    sqlparser.ComparisonExprOperator
	col   int
	order order
	form  []byte // nil: NULL
}

func (n *comparison) eval(e *Evaluator, row Row) (Verdict, error) {
	return compare(n.op, n.order, e.form(n.order, row[n.col]), n.form), nil
}

// columns compares two columns of one kind.
type columns struct {
	op           sqlparser.ComparisonExprOperator
	left, right  int
	order, other order
}

func (n *columns) eval(e *Evaluator, row Row) (Verdict, error) {
	a := e.form(n.order, row[n.left])
	return compare(n.op, n.order, a, e.formIn(1, n.other, row[n.right])), nil
}

// among is IN.
type among struct {
	col   int
	order order
	forms [][]byte // nil: NULL
}

func (n *among) eval(e *Evaluator, row Row) (Verdict, error) {
	v, a := False, e.form(n.order, row[n.col])
	for _, b := range n.forms {
		switch compare(sqlparser.EqualOp, n.order, a, b) {
		case True:
			return True, nil
		case Null:
			v = Null
		}
	}
	return v, nil
}

type between struct {
	col       int
	order     order
	low, high []byte // nil: NULL
}

func (n *between) eval(e *Evaluator, row Row) (Verdict, error) {
	a := e.form(n.order, row[n.col])
	low := compare(sqlparser.GreaterEqualOp, n.order, a, n.low)
	high := compare(sqlparser.LessEqualOp, n.order, a, n.high)
	switch {
	case low == False || high == False:
		return False, nil
	case low == Null || high == Null:
		return Null, nil
	}
	return True, nil
}

// compare judges two forms; nil is NULL.
func compare(op sqlparser.ComparisonExprOperator, o order, a, b []byte) Verdict {
	if a == nil || b == nil {
		if op == sqlparser.NullSafeEqualOp {
			return truth(a == nil && b == nil)
		}
		return Null
	}
	switch op {
	case sqlparser.EqualOp, sqlparser.NullSafeEqualOp:
		return truth(bytes.Equal(a, b))
	case sqlparser.NotEqualOp:
		return truth(!bytes.Equal(a, b))
	}
	c := o.compare(a, b)
	switch op {
	case sqlparser.LessThanOp:
		return truth(c < 0)
	case sqlparser.LessEqualOp:
		return truth(c <= 0)
	case sqlparser.GreaterThanOp:
		return truth(c > 0)
	}
	return truth(c >= 0)
}

// like is column LIKE 'pattern'.
type like struct {
	col     int
	pattern *likePattern
}

func (n *like) eval(e *Evaluator, row Row) (Verdict, error) {
	if row[n.col] == nil {
		return Null, nil
	}
	return truth(n.pattern.match(&e.scratch[0], row[n.col])), nil
}

// leaf compiles one comparison that needs no evalengine; nil where it does.
func (c *compiler) leaf(e sqlparser.Expr) (test, error) {
	switch e := e.(type) {
	case *sqlparser.ComparisonExpr:
		return c.comparison(e)
	case *sqlparser.BetweenExpr:
		col := c.p.column(e.Left)
		if col < 0 || c.p.cols[col].order == nil {
			return nil, nil
		}
		if err := c.p.cols[col].sorts(sqlparser.LessThanOp); err != nil {
			return nil, err
		}
		forms, err := c.forms(col, e.From, e.To)
		if forms == nil || err != nil {
			return nil, err
		}
		t := c.dated(col, &between{col, c.p.cols[col].order, forms[0], forms[1]}, forms...)
		if !e.IsBetween {
			return not{t}, nil
		}
		return t, nil
	case *sqlparser.JSONContainsExpr:
		return c.jsonContains(e)
	case *sqlparser.IsExpr:
		col := c.p.column(e.Left)
		switch {
		case col < 0:
		case e.Right == sqlparser.IsNullOp:
			return &isNull{col}, nil
		case e.Right == sqlparser.IsNotNullOp:
			return not{&isNull{col}}, nil
		}
	}
	return nil, nil
}

var flipped = map[sqlparser.ComparisonExprOperator]sqlparser.ComparisonExprOperator{
	sqlparser.EqualOp: sqlparser.EqualOp, sqlparser.NotEqualOp: sqlparser.NotEqualOp, sqlparser.NullSafeEqualOp: sqlparser.NullSafeEqualOp,
	sqlparser.LessThanOp: sqlparser.GreaterThanOp, sqlparser.GreaterThanOp: sqlparser.LessThanOp,
	sqlparser.LessEqualOp: sqlparser.GreaterEqualOp, sqlparser.GreaterEqualOp: sqlparser.LessEqualOp,
}

func (c *compiler) comparison(e *sqlparser.ComparisonExpr) (test, error) {
	op, left, right := e.Operator, e.Left, e.Right
	if c.p.column(left) < 0 {
		var ok bool
		if op, ok = flipped[op]; !ok {
			return nil, nil
		}
		left, right = right, left
	}
	i := c.p.column(left)
	if i < 0 || c.p.cols[i].order == nil {
		return nil, nil
	}
	col := &c.p.cols[i]
	if err := col.sorts(op); err != nil {
		return nil, err
	}
	switch op {
	case sqlparser.LikeOp:
		return c.like(i, right)
	case sqlparser.NotLikeOp:
		t, err := c.like(i, right)
		if t == nil || err != nil {
			return nil, err
		}
		return not{t}, nil
	case sqlparser.RegexpOp, sqlparser.NotRegexpOp:
		return nil, nil
	case sqlparser.InOp, sqlparser.NotInOp:
		list, ok := right.(sqlparser.ValTuple)
		if !ok {
			return nil, nil
		}
		forms, err := c.forms(i, list...)
		if forms == nil || err != nil {
			return nil, err
		}
		if op == sqlparser.NotInOp {
			return not{&among{i, col.order, forms}}, nil
		}
		return &among{i, col.order, forms}, nil
	}
	if j := c.p.column(right); j >= 0 {
		if other := &c.p.cols[j]; col.like(other) {
			return &columns{op, i, j, col.order, other.order}, nil
		}
		return nil, nil
	}
	forms, err := c.forms(i, right)
	if forms == nil || err != nil {
		return nil, err
	}
	t := &comparison{op, i, col.order, forms[0]}
	if op == sqlparser.EqualOp || op == sqlparser.NotEqualOp || op == sqlparser.NullSafeEqualOp {
		return t, nil
	}
	return c.dated(i, t, forms...), nil
}

// dated is a test that can't be made for zero dates.
type dated struct {
	test
	col  int
	name string
}

func (n dated) eval(e *Evaluator, row Row) (Verdict, error) {
	if partial(row[n.col]) {
		return Null, fmt.Errorf("where: column %s has a date with a part that is 0, which servers compare with times before 1970 each in its own way", n.name)
	}
	return n.test.eval(e, row)
}

// dated guards a comparison for which of the servers' TIMESTAMPs is lower.
func (c *compiler) dated(i int, t test, forms ...[]byte) test {
	col := &c.p.cols[i]
	if slices.ContainsFunc(forms, col.beforeTimestamps) {
		return dated{t, i, col.name}
	}
	return t
}

// sorts refuses to sort UUIDs: MariaDB's order of them depends on their version
// and on the server's.
func (c *column) sorts(op sqlparser.ComparisonExprOperator) error {
	switch op {
	case sqlparser.LessThanOp, sqlparser.LessEqualOp, sqlparser.GreaterThanOp, sqlparser.GreaterEqualOp:
		if c.decl == "UUID" && c.class == address {
			return fmt.Errorf("column %s is UUID, which where can compare only by =, <>, <=>, IN and IS NULL", c.name)
		}
	}
	return nil
}

// like reports whether the values of two columns compare by one order.
func (c *column) like(other *column) bool {
	dates := func(c *column) bool { return c.class == date || c.class == datetime }
	if dates(c) && dates(other) {
		return true
	}
	return c.class == other.class && c.coll.same(other.coll) && c.enumSet == other.enumSet && (!c.enumSet && c.class != address || c.decl == other.decl)
}

func (c *compiler) like(i int, pattern sqlparser.Expr) (test, error) {
	col := &c.p.cols[i]
	var text string
	switch e := pattern.(type) {
	case *sqlparser.Argument:
		text = c.values[e.Name]
	case *sqlparser.Literal:
		if e.Type != sqlparser.StrVal {
			return nil, nil
		}
		text = e.Val
	default:
		return nil, nil
	}
	if col.class != textual && col.class != blob {
		return nil, nil
	}
	p, err := newLike(text, col.coll)
	if err != nil {
		return nil, err
	}
	return &like{i, p}, nil
}

// forms are those of the constants that a column is compared with, nil for NULL;
// no list at all if one of them is not a constant of the column's kind.
func (c *compiler) forms(i int, list ...sqlparser.Expr) ([][]byte, error) {
	col := &c.p.cols[i]
	forms := make([][]byte, 0, len(list))
	for _, e := range list {
		lit, err := c.constant(col, e)
		if err != nil {
			return nil, err
		}
		if lit == nil {
			return nil, nil
		}
		if lit == null {
			forms = append(forms, nil)
			continue
		}
		form, ok, err := col.order.literal(lit)
		if err != nil || !ok {
			return nil, err
		}
		forms = append(forms, form)
	}
	return forms, nil
}

// null stands for NULL among constants.
var null = &sqlparser.Literal{}

// constant is a literal or parameter as it is compared with a column; nil: it is neither.
func (c *compiler) constant(col *column, e sqlparser.Expr) (*sqlparser.Literal, error) {
	switch x := e.(type) {
	case *sqlparser.NullVal:
		return null, nil
	case *sqlparser.Argument:
		return c.param(col, x.Name)
	case *sqlparser.Literal:
		if x.Type == sqlparser.StrVal {
			return col.literal(x.Val)
		}
		return col.hex(x)
	case *sqlparser.UnaryExpr:
		if lit, ok := x.Expr.(*sqlparser.Literal); ok && x.Operator == sqlparser.UMinusOp && (lit.Type == sqlparser.IntVal || lit.Type == sqlparser.DecimalVal) {
			return &sqlparser.Literal{Type: lit.Type, Val: "-" + lit.Val}, nil
		}
	}
	return nil, nil
}

// param is a parameter's value as it is compared with a column.
func (c *compiler) param(col *column, name string) (*sqlparser.Literal, error) {
	v := c.values[name]
	if v == "" && c.sample {
		v = col.sample()
	}
	lit, err := col.literal(v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return lit, nil
}
