package where

import (
	"encoding/hex"
	"fmt"
	"strings"

	"vitess.io/vitess/go/vt/sqlparser"
)

// SQL is the predicate with values for its parameters, as a server judges it: what
// follows WHERE, its clauses each in brackets. It is made of names in backticks,
// numbers, and texts in hexadecimal, whatever the values are. values must have
// passed Key and Residual.
func (p *Predicate) SQL(values map[string]string) (string, error) {
	var b strings.Builder
	for i, c := range p.where.clauses {
		if i > 0 {
			b.WriteString(" AND ")
		}
		text, err := p.clauseSQL(c, values)
		if err != nil {
			return "", fmt.Errorf("%s: %w", c.text, err)
		}
		b.WriteString("(" + text + ")")
	}
	return b.String(), nil
}

func (p *Predicate) clauseSQL(c *clause, values map[string]string) (_ string, err error) {
	defer recovered(&err, "it can't be written as SQL")
	if col := p.keyColumn(c); col != nil {
		form, err := col.paramForm(values[c.eqParam])
		switch {
		case err != nil:
			return "", err
		case form == nil:
			return "FALSE", nil // no value of the column equals it
		case col.class == integer:
			// As a text it would be compared as a floating-point number.
			return QuoteName(col.name) + " = " + string(appendDigits(nil, form)), nil
		}
	}
	w := sqlWriter{p: p, values: values, beside: map[sqlparser.SQLNode]*column{}}
	w.findConstants(c.expr)
	buf := sqlparser.NewTrackedBuffer(w.format)
	w.format(buf, c.expr)
	return buf.String(), w.err
}

// keyColumn is the column of a clause that a look-up decides, or nil.
func (p *Predicate) keyColumn(c *clause) *column {
	if c.eqColumn == "" {
		return nil
	}
	if col := &p.cols[p.columnNamed(c.eqColumn)]; col.keyable() {
		return col
	}
	return nil
}

// sqlWriter writes an expression of which each leaf is safe.
type sqlWriter struct {
	p      *Predicate
	values map[string]string
	beside map[sqlparser.SQLNode]*column // constants: the column that each is compared with
	err    error
}

// findConstants notes what is compared with which column, as translator.beside
// and compiler.constant see it.
func (w *sqlWriter) findConstants(e sqlparser.Expr) {
	_ = sqlparser.Walk(func(n sqlparser.SQLNode) (bool, error) {
		switch n := n.(type) {
		case *sqlparser.ComparisonExpr:
			switch n.Operator {
			case sqlparser.LikeOp, sqlparser.NotLikeOp, sqlparser.RegexpOp, sqlparser.NotRegexpOp:
			case sqlparser.InOp, sqlparser.NotInOp:
				if list, ok := n.Right.(sqlparser.ValTuple); ok {
					for _, x := range list {
						w.pair(n.Left, x)
					}
				}
			default:
				w.pair(n.Left, n.Right)
				w.pair(n.Right, n.Left)
			}
		case *sqlparser.BetweenExpr:
			w.pair(n.Left, n.From)
			w.pair(n.Left, n.To)
		case *sqlparser.FuncExpr:
			if n.Name.Lowered() == "nullif" && len(n.Exprs) == 2 {
				w.pair(n.Exprs[0], n.Exprs[1])
			}
		case *sqlparser.CaseExpr:
			for _, when := range n.Whens {
				w.pair(n.Expr, when.Cond)
			}
		}
		return true, nil
	}, e)
}

func (w *sqlWriter) pair(left, right sqlparser.Expr) {
	if row, ok := left.(sqlparser.ValTuple); ok {
		if list, ok := right.(sqlparser.ValTuple); ok && len(row) == len(list) {
			for i := range row {
				w.pair(row[i], list[i])
			}
		}
		return
	}
	if i := w.p.column(left); i >= 0 {
		switch right.(type) {
		case *sqlparser.Argument, *sqlparser.Literal:
			w.beside[right] = &w.p.cols[i]
		}
	}
}

// format is a sqlparser.NodeFormatter.
func (w *sqlWriter) format(buf *sqlparser.TrackedBuffer, n sqlparser.SQLNode) {
	switch n := n.(type) {
	case *sqlparser.ColName:
		buf.WriteString(QuoteName(w.p.cols[w.p.column(n)].name))
	case *sqlparser.Argument:
		w.text(buf, n, w.values[n.Name])
	case *sqlparser.Literal:
		if n.Type == sqlparser.StrVal {
			w.text(buf, n, n.Val)
			return
		}
		n.Format(buf)
	case *sqlparser.RegexpLikeExpr:
		if n.MatchType != nil {
			n.Format(buf)
			return
		}
		buf.Myprintf("(%v) regexp (%v)", n.Expr, n.Pattern) // MariaDB has no function for it
	default:
		n.Format(buf)
	}
}

// text writes a text as what it is where it stands.
func (w *sqlWriter) text(buf *sqlparser.TrackedBuffer, n sqlparser.SQLNode, s string) {
	if col := w.beside[n]; col != nil {
		lit, err := col.literal(s)
		if err != nil {
			if w.err == nil {
				w.err = err
			}
			return
		}
		if lit.Type == sqlparser.IntVal {
			buf.Write(appendDigits(nil, integerForm(lit.Val)))
			return
		}
		s = col.plainText(s)
	}
	buf.WriteString("_utf8mb4 x'" + hex.EncodeToString([]byte(s)) + "'")
}

// plainText spells a number or a date as every server reads it.
func (c *column) plainText(s string) string {
	switch c.class {
	case date, datetime:
		if form, err := parseMoment(s); err == nil {
			return string(form)
		}
		fallthrough
	case integer, float, decimal, timeofday:
		return strings.TrimSpace(s)
	}
	return s
}
