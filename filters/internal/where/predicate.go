package where

import (
	"fmt"
	"strings"

	"vitess.io/vitess/go/sqltypes"
	"vitess.io/vitess/go/vt/sqlparser"

	"rowcast/cdc/row"
	"rowcast/internal/nearest"
)

// Predicate is a Where compiled for a table.
type Predicate struct {
	where    *Where
	defaults map[string]string
	cols     []column

	static   Condition
	keys     []keyPart // the clauses that a look-up decides
	format   string    // of the keys
	residual []*clause // the others with parameters
	needed   []bool    // by column: the residual clauses name it
}

// noKeys is the format of keys of a table whose columns allow no look-up, though
// another's may: under a wildcard other tables' frames may be keyed, and a binding
// without a key would be shown those too.
const noKeys = "-"

// Compile compiles the predicate for a table as it is. defaults are the values of
// its parameters where a request gives none; "" is no value.
func (w *Where) Compile(t *row.Table, defaults map[string]string) (*Predicate, error) {
	p := &Predicate{where: w, defaults: defaults}
	for _, name := range w.columns {
		i := t.Find(name)
		if i < 0 {
			return nil, fmt.Errorf("%q is not a column of %s%s%s", name, t, nearest.Suggest(name, ColumnNames(t)), point(w.source, name))
		}
		c, err := newColumn(t, i)
		if err != nil {
			return nil, err
		}
		p.cols = append(p.cols, c)
	}
	p.needed = make([]bool, len(p.cols))
	var static []*clause
	for _, c := range w.clauses {
		switch {
		case len(c.params) == 0:
			static = append(static, c)
		case p.addKey(c):
		default:
			p.residual = append(p.residual, c)
			for _, name := range c.columns {
				p.needed[p.columnNamed(name)] = true
			}
		}
	}
	if p.format == "" && w.MayKey() {
		p.format = noKeys
	}
	var err error
	if p.static, err = p.compile(static, nil, false); err != nil {
		return nil, err
	}
	// Judged here with the defaults, so that what can never work is refused before
	// the first client comes.
	_, err = p.compile(p.residual, defaults, true)
	return p, err
}

// compile joins clauses by AND, with values for their parameters; sample gives
// those without a value one that fits.
func (p *Predicate) compile(clauses []*clause, values map[string]string, sample bool) (Condition, error) {
	c := compiler{p: p, values: values, sample: sample}
	var list allOf
	for _, cl := range clauses {
		t, err := c.clause(cl)
		if err != nil {
			return Condition{}, err
		}
		list = append(list, t)
	}
	switch len(list) {
	case 0:
		return Condition{}, nil
	case 1:
		return Condition{list[0]}, nil
	}
	return Condition{list}, nil
}

// Source is the text of the Where.
func (p *Predicate) Source() string { return p.where.source }

// Static is the clauses without parameters.
func (p *Predicate) Static() Condition { return p.static }

// KeyFormat is the same for two predicates if their keys can be compared; "" where
// there can be none.
func (p *Predicate) KeyFormat() string { return p.format }

// HasResidual reports whether there are clauses that each binding has to judge.
func (p *Predicate) HasResidual() bool { return len(p.residual) > 0 }

// Residual is the clauses that no look-up decides, with values.
func (p *Predicate) Residual(values map[string]string) (Condition, error) {
	return p.compile(p.residual, values, false)
}

// columnNamed finds a column by the name that where uses, or -1.
func (p *Predicate) columnNamed(name string) int {
	for i := range p.cols {
		if strings.EqualFold(p.cols[i].name, name) {
			return i
		}
	}
	return -1
}

// column is the column that a node is, or -1.
func (p *Predicate) column(n sqlparser.SQLNode) int {
	if c, ok := n.(*sqlparser.ColName); ok {
		return p.columnNamed(c.Name.String())
	}
	return -1
}

// Columns lists the columns that the predicate names, as indexes into Table.Columns.
func (p *Predicate) Columns() []int {
	list := make([]int, len(p.cols))
	for i := range p.cols {
		list[i] = p.cols[i].index
	}
	return list
}

// Fixed lists the columns that clauses of the topmost AND compare with one value, as
// indexes into Table.Columns.
func (p *Predicate) Fixed() (list []int) {
	for _, c := range p.where.clauses {
		cmp, ok := c.expr.(*sqlparser.ComparisonExpr)
		if !ok || cmp.Operator != sqlparser.EqualOp {
			continue
		}
		left, right := p.column(cmp.Left), p.column(cmp.Right)
		if i := max(left, right); i >= 0 && min(left, right) < 0 && len(c.columns) == 1 {
			list = append(list, p.cols[i].index)
		}
	}
	return list
}

// Clause describes one operand of the topmost AND.
type Clause struct {
	Text    string   // as MySQL would write it
	Params  []string // that it names
	Columns []int    // that it names, as indexes into Table.Columns
}

// Clauses describes the operands of the topmost AND.
func (p *Predicate) Clauses() []Clause {
	list := make([]Clause, len(p.where.clauses))
	for i, c := range p.where.clauses {
		list[i] = Clause{Text: c.text, Params: c.params}
		for _, name := range c.columns {
			list[i].Columns = append(list[i].Columns, p.cols[p.columnNamed(name)].index)
		}
	}
	return list
}

// Clause is one operand of the topmost AND, with values.
func (p *Predicate) Clause(i int, values map[string]string) (Condition, error) {
	return p.compile(p.where.clauses[i:i+1], values, false)
}

// Row is the values of an image's columns that a predicate names, each in the form
// that its order takes; nil is NULL.
type Row [][]byte

// Keep copies what residual clauses need of a row, or all of it.
func (p *Predicate) Keep(row Row, all bool) Row {
	size := 0
	for i, v := range row {
		if all || p.needed[i] {
			size += len(v)
		}
	}
	buf := make([]byte, 0, size)
	kept := make(Row, len(row))
	for i, v := range row {
		if v != nil && (all || p.needed[i]) {
			start := len(buf)
			buf = append(buf, v...)
			kept[i] = buf[start:len(buf):len(buf)]
		}
	}
	return kept
}

// compiler turns clauses into tests.
type compiler struct {
	p      *Predicate
	values map[string]string // of the parameters
	sample bool              // parameters without a value get one
}

func (c *compiler) clause(cl *clause) (t test, err error) {
	defer recovered(&err, cl.text+" can't be compiled")
	return c.compile(cl.expr)
}

func (c *compiler) compile(e sqlparser.Expr) (test, error) {
	switch e := e.(type) {
	case *sqlparser.AndExpr:
		pair, err := c.pair(e.Left, e.Right)
		return allOf(pair[:]), err
	case *sqlparser.OrExpr:
		pair, err := c.pair(e.Left, e.Right)
		return anyOf(pair[:]), err
	case *sqlparser.XorExpr:
		for _, side := range []sqlparser.Expr{e.Left, e.Right} {
			if !c.p.plainTruth(side) {
				return nil, fmt.Errorf("%s: servers differ in what XOR makes of %s; compare it, as in (%s <> 0) XOR …%s",
					sqlparser.String(e), sqlparser.String(side), sqlparser.String(side), point(c.p.where.source, "xor"))
			}
		}
		pair, err := c.pair(e.Left, e.Right)
		return xor(pair), err
	case *sqlparser.NotExpr:
		t, err := c.compile(e.Expr)
		return not{t}, err
	case *sqlparser.UnaryExpr:
		if e.Operator == sqlparser.BangOp {
			t, err := c.compile(e.Expr)
			return not{t}, err
		}
	case *sqlparser.IsExpr:
		if logical(e.Left) {
			t, err := c.compile(e.Left)
			return is{t, e.Right}, err
		}
	}
	t, err := c.leaf(e)
	if err != nil {
		return nil, fmt.Errorf("%w%s", err, point(c.p.where.source, firstWord(sqlparser.String(e))))
	}
	if t != nil {
		return t, nil
	}
	return c.engine(e)
}

func (c *compiler) pair(left, right sqlparser.Expr) (pair [2]test, err error) {
	if pair[0], err = c.compile(left); err == nil {
		pair[1], err = c.compile(right)
	}
	return pair, err
}

// logical reports whether an expression is made of predicates, each of which may
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

// plainTruth reports whether an operand of XOR is true in every server when it is
// not 0. Of other numbers than integers some servers cut off the fraction first,
// MariaDB 10.11.14 among them.
func (p *Predicate) plainTruth(e sqlparser.Expr) bool {
	switch e := e.(type) {
	case *sqlparser.IsExpr, sqlparser.BoolVal, *sqlparser.NullVal:
		return true
	case *sqlparser.Literal:
		return e.Type == sqlparser.IntVal
	case *sqlparser.ColName:
		return sqltypes.IsIntegral(p.cols[p.column(e)].typ.Type())
	}
	return logical(e)
}
