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
			if first != nil && first.coll != o.coll {
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
		l.coll = first.coll
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
		n.From = l.beside(n.Left, n.From)
		n.To = l.beside(n.Left, n.To)
	case *sqlparser.ColName:
		l.column(n, c.Parent())
	}
	return l.err == nil
}

// up replaces on the way back, so that what is put in is not visited again.
func (l *leaf) up(c *sqlparser.Cursor) bool {
	if l.err != nil {
		return false
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
	return l.err == nil
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

// column refuses a column where its type can't be judged.
func (l *leaf) column(n *sqlparser.ColName, parent sqlparser.SQLNode) {
	o := l.operand(n)
	_, isNull := parent.(*sqlparser.IsExpr)
	if is, ok := parent.(*sqlparser.IsExpr); ok {
		isNull = is.Right == sqlparser.IsNullOp || is.Right == sqlparser.IsNotNullOp
	}
	switch {
	case isNull:
	case o.class == opaque:
		l.fail("column %s is %s, of which where can only tell IS NULL and IS NOT NULL", o.name, o.decl)
	case o.listing && numericPlace(parent):
		l.fail("column %s is %s: compare it with its labels", o.name, o.decl)
	case o.class == address:
		l.address(o, parent)
	}
}

// numericPlace tells whether a label would be taken for its number there.
func numericPlace(parent sqlparser.SQLNode) bool {
	switch n := parent.(type) {
	case *sqlparser.ComparisonExpr, *sqlparser.BetweenExpr, *sqlparser.IsExpr, *sqlparser.CollateExpr, sqlparser.ValTuple:
		return false
	case *sqlparser.FuncExpr:
		switch n.Name.Lowered() {
		case "concat", "concat_ws", "lower", "lcase", "upper", "ucase", "length", "char_length", "character_length",
			"left", "right", "replace", "reverse", "instr":
			return false
		}
	}
	return true
}

func (l *leaf) address(o *operand, parent sqlparser.SQLNode) {
	cmp, ok := parent.(*sqlparser.ComparisonExpr)
	if ok {
		switch cmp.Operator {
		case sqlparser.EqualOp, sqlparser.NotEqualOp, sqlparser.NullSafeEqualOp, sqlparser.InOp, sqlparser.NotInOp:
			return
		}
	}
	l.fail("column %s is %s, which where can compare only by =, <>, <=>, IN and IS NULL", o.name, o.decl)
}

// comparison gives literals and parameters the form of the column beside them.
func (l *leaf) comparison(n *sqlparser.ComparisonExpr) {
	switch n.Operator {
	case sqlparser.InOp, sqlparser.NotInOp:
		if list, ok := n.Right.(sqlparser.ValTuple); ok {
			for i := range list {
				list[i] = l.beside(n.Left, list[i])
			}
		}
	case sqlparser.LikeOp, sqlparser.NotLikeOp, sqlparser.RegexpOp, sqlparser.NotRegexpOp:
		l.pattern(n)
	default:
		left, right := n.Left, n.Right
		n.Right = l.beside(left, right)
		n.Left = l.beside(right, left)
	}
}

func (l *leaf) pattern(n *sqlparser.ComparisonExpr) {
	if o := l.operand(n.Left); o != nil && o.class != textual && o.class != octets {
		l.fail("column %s is %s: a pattern fits texts only", o.name, o.decl)
	}
}

// beside is e as it is compared with the column that other is, if it is one.
func (l *leaf) beside(other, e sqlparser.Expr) sqlparser.Expr {
	o := l.operand(other)
	if o == nil {
		return e
	}
	switch n := e.(type) {
	case *sqlparser.Argument:
		v, err := o.value(l.values[n.Name])
		if err != nil {
			l.fail(":%s: %s", n.Name, err)
			return e
		}
		return v
	case *sqlparser.Literal:
		if n.Type == sqlparser.StrVal {
			v, err := o.value(n.Val)
			if err != nil {
				l.fail("%s", err)
				return e
			}
			return v
		}
	}
	return l.unlike(o, e)
}

// unlike refuses comparisons that the servers and evalengine judge differently.
func (l *leaf) unlike(o *operand, e sqlparser.Expr) sqlparser.Expr {
	if o.listing && !l.isText(e) {
		l.fail("column %s is %s: compare it with its labels, as in %s = 'label'", o.name, o.decl, o.name)
	}
	return e
}

func (l *leaf) isText(e sqlparser.Expr) bool {
	switch n := e.(type) {
	case *sqlparser.NullVal, *sqlparser.Argument:
		return true
	case *sqlparser.Literal:
		return n.Type == sqlparser.StrVal
	case *sqlparser.ColName:
		o := l.operand(n)
		return o != nil && o.class == textual && !o.listing
	case *sqlparser.CollateExpr:
		return true
	case *sqlparser.FuncExpr:
		return strings.HasPrefix(n.Name.Lowered(), "concat")
	}
	return false
}
