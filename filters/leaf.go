package filters

import (
	"fmt"
	"strings"

	"vitess.io/vitess/go/mysql/collations"
	"vitess.io/vitess/go/mysql/collations/charset"
	"vitess.io/vitess/go/mysql/collations/colldata"
	"vitess.io/vitess/go/vt/sqlparser"
)

// leaf makes an expression ready for evalengine: values for parameters,
// literals in the form of what they are compared with, and a plain no to what
// evalengine would judge otherwise than the servers.
type leaf struct {
	p      *predicate
	values map[string]string // of the parameters
	text   string
	coll   collations.ID // of literals
	pads   bool          // in it trailing spaces do not count
	dates  []int         // operands
	err    error
}

func (l *leaf) fail(format string, args ...any) {
	if l.err == nil {
		l.err = fmt.Errorf("%s%s", fmt.Sprintf(format, args...), place(l.p.where.source, firstWord(l.text)))
	}
}

func (l *leaf) prepare(e sqlparser.Expr) (sqlparser.Expr, error) {
	e = sqlparser.Clone(e)
	l.collation(e)
	if l.err != nil {
		return nil, l.err
	}
	e = sqlparser.Rewrite(e, nil, l.rewrite).(sqlparser.Expr)
	// Comparisons first: they know what a literal or a parameter is compared
	// with. What they leave is replaced where it stands.
	e = sqlparser.Rewrite(e, l.down, l.up).(sqlparser.Expr)
	if l.err != nil {
		return nil, l.err
	}
	return e, nil
}

// collation finds the one collation in which the leaf's literals are meant.
func (l *leaf) collation(e sqlparser.Expr) {
	var first *operand
	_ = sqlparser.Walk(func(n sqlparser.SQLNode) (bool, error) {
		if o := l.operand(n); o != nil && o.coll != 0 {
			if first != nil && (first.coll != o.coll || first.order.pads != o.order.pads) {
				l.fail("%s and %s have different collations; compare them with an explicit COLLATE in one of a kind", first.name, o.name)
			}
			if first == nil {
				first = o
			}
		}
		return true, nil
	}, e)
	l.coll = defaultCollation
	if first != nil {
		l.coll, l.pads = first.coll, first.order.pads
	}
}

// operand is the column that a node is, or nil.
func (l *leaf) operand(n sqlparser.SQLNode) *operand {
	c, ok := n.(*sqlparser.ColName)
	if !ok {
		return nil
	}
	i := l.p.column(c.Name.String())
	if i < 0 {
		return nil
	}
	return &l.p.cols[i]
}

func (l *leaf) down(c *sqlparser.Cursor) bool {
	if l.err != nil {
		return false
	}
	switch n := c.Node().(type) {
	case *sqlparser.ComparisonExpr:
		l.comparison(n)
	case *sqlparser.BetweenExpr:
		l.alike("BETWEEN", n.Left, n.From, n.To)
		n.From, n.To = l.beside(n.Left, n.From), l.beside(n.Left, n.To)
		if l.isJSON(n.Left) {
			l.fail("BETWEEN on JSON is not supported; write >= and <=")
		}
		l.pad(&n.Left, &n.From, &n.To)
	case *sqlparser.JSONExtractExpr:
		l.extract(n, c.Parent())
	case *sqlparser.CaseExpr:
		l.caseBase(n)
	case *sqlparser.FuncExpr:
		l.function(n)
	case *sqlparser.ColName:
		l.column(n, c.Parent())
	}
	return l.err == nil
}

// up replaces on the way back, so that what is put in is not visited again.
func (l *leaf) up(c *sqlparser.Cursor) bool {
	if l.err != nil {
		return true // false would make Rewrite lose the expression
	}
	switch n := c.Node().(type) {
	case *sqlparser.Argument:
		c.Replace(l.literal(l.values[n.Name]))
	case *sqlparser.Literal:
		if n.Type == sqlparser.StrVal {
			n.Val = l.encode(n.Val)
		}
	case *sqlparser.UnaryExpr:
		if n.Operator == sqlparser.UPlusOp {
			c.Replace(n.Expr)
		}
	}
	return true
}

func (l *leaf) literal(s string) *sqlparser.Literal { return sqlparser.NewStrLiteral(l.encode(s)) }

// encode puts a literal, which is written in UTF-8, into the character set in
// which it is compared.
func (l *leaf) encode(s string) string {
	coll := colldata.Lookup(l.coll)
	if coll == nil || isUTF8(coll.Charset()) {
		return s
	}
	b, err := charset.Convert(nil, coll.Charset(), []byte(s), charset.Charset_utf8mb4{})
	if err != nil {
		l.fail("a text holds a character that its column's character set, %s, does not have", coll.Charset().Name())
	}
	return string(b)
}

// comparison gives literals and parameters the form of the column beside them.
func (l *leaf) comparison(n *sqlparser.ComparisonExpr) {
	switch n.Operator {
	case sqlparser.InOp, sqlparser.NotInOp:
		if l.isJSON(n.Left) {
			l.fail("IN on JSON is not supported; write = and OR")
		}
		if list, ok := n.Right.(sqlparser.ValTuple); ok {
			if _, row := n.Left.(sqlparser.ValTuple); !row && l.kind(n.Left) != numberKind {
				l.alike("IN", append([]sqlparser.Expr{n.Left}, list...)...)
			}
			for i := range list {
				list[i] = l.beside(n.Left, list[i])
			}
		}
		l.pad(&n.Left, &n.Right)
	case sqlparser.LikeOp, sqlparser.NotLikeOp, sqlparser.RegexpOp, sqlparser.NotRegexpOp:
		l.pattern(n)
	default:
		left, right := n.Left, n.Right
		n.Right = l.beside(left, right)
		n.Left = l.beside(right, left)
		l.pad(&n.Left, &n.Right)
	}
}

// pattern refuses what LIKE and REGEXP, where evalengine computes them, take
// for something else than the servers do.
func (l *leaf) pattern(n *sqlparser.ComparisonExpr) {
	if o := l.operand(n.Left); o != nil && o.class != textual && o.class != octets {
		l.fail("column %s is %s: a pattern fits texts only", o.name, o.decl)
	}
	if n.Operator != sqlparser.LikeOp && n.Operator != sqlparser.NotLikeOp {
		return
	}
	name := colldata.Lookup(l.coll).Name()
	for _, end := range []string{"_general_ci", "_bin", "_0900_ai_ci", "_swedish_ci", "binary"} {
		if strings.HasSuffix(name, end) {
			return
		}
	}
	l.fail("LIKE in %s works on a column itself only, not on an expression", name)
}

// beside is e as it is compared with the column that other is, if it is one.
func (l *leaf) beside(other, e sqlparser.Expr) sqlparser.Expr {
	if row, ok := other.(sqlparser.ValTuple); ok {
		if values, ok := e.(sqlparser.ValTuple); ok && len(row) == len(values) {
			for i := range row {
				values[i] = l.beside(row[i], values[i])
			}
		}
		return e
	}
	o := l.operand(other)
	if o == nil {
		if a, b := l.kind(other), l.kind(e); !goTogether(a, b) {
			l.fail("a comparison of different types is not supported; make them alike with CAST")
		}
		return e
	}
	switch n := e.(type) {
	case *sqlparser.Argument:
		v, err := l.param(o, n.Name)
		if err != nil {
			l.fail("%s", err)
			return e
		}
		return asTime(o, v)
	case *sqlparser.Literal:
		if n.Type == sqlparser.StrVal {
			v, err := o.value(n.Val)
			if err != nil {
				l.fail("%s", err)
				return e
			}
			return asTime(o, v)
		}
	}
	return l.unlike(o, e)
}

// textAndTime: as a literal a text becomes a TIME, otherwise TIME becomes a text,
// or both a third, by server.
func (o *operand) textAndTime(k kind) bool {
	return o.kind() == timeKind && k == textKind || o.kind() == textKind && k == timeKind
}

// asTime makes a text beside a TIME one: evalengine would compare texts.
func asTime(o *operand, v sqlparser.Expr) sqlparser.Expr {
	if lit, ok := v.(*sqlparser.Literal); ok && o.class == timeofday && lit.Type == sqlparser.StrVal {
		return sqlparser.NewTimeLiteral(lit.Val)
	}
	return v
}

// unlike refuses comparisons that the servers and evalengine judge differently.
func (l *leaf) unlike(o *operand, e sqlparser.Expr) sqlparser.Expr {
	lit, _ := e.(*sqlparser.Literal)
	p := l.operand(e)
	switch {
	case o.listing && !l.isText(e):
		l.fail("column %s is %s: compare it with its labels, as in %s = 'label'", o.name, o.decl, o.name)
	case o.bit && lit != nil && lit.Type != sqlparser.IntVal && lit.Type != sqlparser.BitNum && lit.Type != sqlparser.StrVal:
		l.fail("column %s is %s: compare it with a decimal number", o.name, o.decl)
	case o.checkYear(lit) != nil:
		l.fail("%s", o.checkYear(lit))
	case o.year && lit != nil && lit.Type != sqlparser.IntVal:
		l.fail("column %s is %s: compare it with a year of four digits", o.name, o.decl)
	case !goTogether(o.kind(), l.kind(e)) && !(o.bit && lit != nil), lit == nil && o.textAndTime(l.kind(e)):
		what := "that"
		if p != nil {
			what = p.name + " (" + p.decl + ")"
		}
		l.fail("column %s (%s) and %s are of different types; make them alike with CAST", o.name, o.decl, what)
	}
	return e
}
