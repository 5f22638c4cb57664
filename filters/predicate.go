package filters

import (
	"fmt"
	"strings"

	"vitess.io/vitess/go/mysql/collations"
	"vitess.io/vitess/go/sqltypes"
	"vitess.io/vitess/go/vt/sqlparser"
	"vitess.io/vitess/go/vt/vtgate/evalengine"

	"rowcast/cdc"
)

// nodeOp is how a node of a predicate comes to its verdict.
type nodeOp uint8

const (
	opLeaf nodeOp = iota // by evalengine
	opNative
	opAnd
	opOr
	opXor
	opNot
	opIs
)

// node is a predicate bound to a table's columns. The logic is ours, so that
// each leaf is compiled on its own, with its literals in the collation of the
// column that it compares: evalengine knows one such collation per expression.
type node struct {
	op     nodeOp
	kids   []*node
	is     sqlparser.IsExprOperator
	expr   evalengine.Expr
	native *native
	dates  []int // operands of an opLeaf that must not hold zero dates
	text   string
}

// predicate is a where bound to a table.
type predicate struct {
	where *where
	table *cdc.Table
	cols  []operand

	static   *node     // the clauses without parameters; nil: true
	keys     []keyPart // the clauses that a map look-up decides
	residual []*clause // the others with parameters
	needed   []bool    // by operand: the residual clauses name it
	shape    string    // of the keys; "" where there are none
	checking bool      // parameters without a default are given sample values
	clauses  []*node   // each clause, in order; nil where it has parameters
}

// bind compiles the where for a table as it is.
func (w *where) bind(t *cdc.Table) (*predicate, error) {
	p := &predicate{where: w, table: t, checking: true}
	defer func() { p.checking = false }()
	for _, name := range w.columns {
		i := columnIndex(t, name)
		if i < 0 {
			return nil, fmt.Errorf("%q is no column of %s.%s%s%s", name, t.Schema, t.Name,
				didYouMean(name, columnNames(t)), place(w.source, name))
		}
		o, err := newOperand(t, i)
		if err != nil {
			return nil, err
		}
		p.cols = append(p.cols, o)
	}
	p.clauses, p.needed = make([]*node, len(w.clauses)), make([]bool, len(p.cols))
	var static []*node
	for i, c := range w.clauses {
		switch {
		case len(c.params) == 0:
			n, err := p.compile(c.expr, nil)
			if err != nil {
				return nil, err
			}
			p.clauses[i], static = n, append(static, n)
		case p.addKey(c):
		default:
			// Judged here with the defaults, so that what can never work is
			// refused before the first client comes.
			if _, err := p.compile(c.expr, w.samples()); err != nil {
				return nil, err
			}
			p.residual = append(p.residual, c)
			p.need(c)
		}
	}
	if len(static) > 0 {
		p.static = &node{op: opAnd, kids: static}
	}
	for i := range p.keys {
		p.shape += p.keys[i].shape()
	}
	if p.shape == "" && w.mayKey() {
		// Under a wildcard other tables' frames may be keyed, and a binding
		// without a key would be shown those too.
		p.shape = unkeyedShape
	}
	return p, nil
}

// need notes the columns of a clause that is judged later than the row is seen.
func (p *predicate) need(c *clause) {
	_ = sqlparser.Walk(func(n sqlparser.SQLNode) (bool, error) {
		if col, ok := n.(*sqlparser.ColName); ok {
			p.needed[p.column(col.Name.String())] = true
		}
		return true, nil
	}, c.expr)
}

// samples stand for values of parameters when a table is checked: the default,
// or a placeholder of no particular type.
func (w *where) samples() map[string]string {
	m := map[string]string{}
	for _, q := range w.params {
		m[q.Name] = q.Default
	}
	return m
}

// column finds an operand by the name that where uses.
func (p *predicate) column(name string) int {
	for i := range p.cols {
		if strings.EqualFold(p.cols[i].name, name) {
			return i
		}
	}
	return -1
}

// compile turns an expression into a node. values stand for its parameters.
func (p *predicate) compile(e sqlparser.Expr, values map[string]string) (n *node, err error) {
	defer recovered(&err, sqlparser.String(e)+" can't be compiled")
	return p.node(e, values)
}

func (p *predicate) node(e sqlparser.Expr, values map[string]string) (*node, error) {
	switch e := e.(type) {
	case *sqlparser.AndExpr:
		return p.branch(opAnd, values, e.Left, e.Right)
	case *sqlparser.OrExpr:
		return p.branch(opOr, values, e.Left, e.Right)
	case *sqlparser.XorExpr:
		for _, side := range []sqlparser.Expr{e.Left, e.Right} {
			if !p.plainTruth(side) {
				return nil, fmt.Errorf("%s: servers differ in what XOR makes of %s; compare it, as in (%s <> 0) XOR …%s",
					sqlparser.String(e), sqlparser.String(side), sqlparser.String(side), place(p.where.source, "xor"))
			}
		}
		return p.branch(opXor, values, e.Left, e.Right)
	case *sqlparser.NotExpr:
		return p.branch(opNot, values, e.Expr)
	case *sqlparser.UnaryExpr:
		if e.Operator == sqlparser.BangOp {
			return p.branch(opNot, values, e.Expr)
		}
	case *sqlparser.IsExpr:
		if logical(e.Left) {
			n, err := p.branch(opIs, values, e.Left)
			if err == nil {
				n.is = e.Right
			}
			return n, err
		}
	}
	return p.leaf(e, values)
}

func (p *predicate) branch(op nodeOp, values map[string]string, kids ...sqlparser.Expr) (*node, error) {
	n := &node{op: op}
	for _, k := range kids {
		kid, err := p.node(k, values)
		if err != nil {
			return nil, err
		}
		n.kids = append(n.kids, kid)
	}
	return n, nil
}

// logical tells whether an expression is made of predicates, each of which may
// have a collation of its own.
func logical(e sqlparser.Expr) bool {
	switch e := e.(type) {
	case *sqlparser.AndExpr, *sqlparser.OrExpr, *sqlparser.XorExpr, *sqlparser.NotExpr, *sqlparser.ComparisonExpr, *sqlparser.BetweenExpr:
		return true
	case *sqlparser.UnaryExpr:
		return e.Operator == sqlparser.BangOp
	}
	return false
}

// plainTruth tells whether an operand of XOR is true in every server when it is
// not 0. Of other numbers than integers some servers cut off the fraction first,
// MariaDB 10.11.14 among them.
func (p *predicate) plainTruth(e sqlparser.Expr) bool {
	switch e := e.(type) {
	case *sqlparser.IsExpr, sqlparser.BoolVal, *sqlparser.NullVal:
		return true
	case *sqlparser.Literal:
		return e.Type == sqlparser.IntVal
	case *sqlparser.ColName:
		return sqltypes.IsIntegral(p.cols[p.column(e.Name.String())].typ.Type())
	}
	return logical(e)
}

// leaf compiles one comparison, or whatever else has a truth value.
func (p *predicate) leaf(e sqlparser.Expr, values map[string]string) (*node, error) {
	text := sqlparser.String(e)
	l := &leaf{p: p, values: values, text: text}
	switch n, err := l.native(e); {
	case err != nil:
		return nil, fmt.Errorf("%w%s", err, place(p.where.source, firstWord(text)))
	case n != nil:
		return &node{op: opNative, native: n, text: text}, nil
	}
	e, err := l.prepare(e)
	if err != nil {
		return nil, err
	}
	env, err := environment()
	if err != nil {
		return nil, fmt.Errorf("prepare the SQL compiler: %w", err)
	}
	expr, err := evalengine.Translate(e, &evalengine.Config{
		ResolveColumn: func(c *sqlparser.ColName) (int, error) { return p.column(c.Name.String()), nil },
		ResolveType: func(x sqlparser.Expr) (evalengine.Type, bool) {
			c, ok := x.(*sqlparser.ColName)
			if !ok {
				return evalengine.Type{}, false
			}
			return p.cols[p.column(c.Name.String())].typ, true
		},
		Collation:     l.coll,
		SQLMode:       evalengine.ParseSQLMode(""),
		Environment:   env,
		NoCompilation: true,
	})
	if err != nil {
		return nil, fmt.Errorf("%s can't be compiled: %s%s", text, strings.ToLower(err.Error()), place(p.where.source, firstWord(text)))
	}
	n := &node{op: opLeaf, expr: expr, text: text, dates: l.dates}
	if err := p.try(n); err != nil {
		return nil, fmt.Errorf("%s can't be computed%s", text, place(p.where.source, firstWord(text)))
	}
	return n, nil
}

// try computes a leaf for made-up rows: evalengine compiles what it then fails
// to compute, such as UPPER in some collations.
func (p *predicate) try(n *node) error {
	e := evaluators.Get().(*evaluator)
	defer putEvaluator(e)
	nulls, samples := make([]sqltypes.Value, len(p.cols)), make([]sqltypes.Value, len(p.cols))
	for i := range p.cols {
		o := &p.cols[i]
		samples[i] = sqltypes.MakeTrusted(o.sql, []byte(o.sample()))
	}
	for _, row := range [][]sqltypes.Value{nulls, samples} {
		if _, err := e.test(n, row); err != nil {
			return err
		}
	}
	return nil
}

// firstWord is what to point at; the parser quotes names that are keywords.
func firstWord(s string) string {
	s = strings.TrimLeft(s, "`(")
	return s[:len(s)-len(strings.TrimLeft(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"))]
}

// defaultCollation is that of literals where no column has one: what a
// connection has by default.
const defaultCollation collations.ID = collations.CollationUtf8mb4ID
