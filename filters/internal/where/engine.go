package where

import (
	"fmt"
	"strings"

	"vitess.io/vitess/go/mysql/collations/colldata"
	"vitess.io/vitess/go/sqltypes"
	"vitess.io/vitess/go/vt/sqlparser"
	"vitess.io/vitess/go/vt/vtgate/evalengine"
)

// engine is a leaf that evalengine computes.
type engine struct {
	expr  evalengine.Expr
	text  string
	all   []column
	cols  []int // that it names
	dates []int // that must not hold zero dates
}

func (t *engine) eval(e *Evaluator, row Row) (v Verdict, err error) {
	for _, i := range t.dates {
		if partial(row[i]) {
			return Null, fmt.Errorf("where: %s can't be computed for a date with a part that is 0; compare the column itself", t.text)
		}
	}
	if err := e.init(); err != nil {
		return Null, err
	}
	// evalengine was not written for whatever a row may hold. A panic leaves the
	// environment in an unknown state.
	defer func() {
		if r := recover(); r != nil {
			e.env = nil
			v, err = Null, fmt.Errorf("where: %s can't be computed for this row: the SQL library failed in %s", t.text, panicked()) // r may quote a value
		}
	}()
	e.digits, e.row = e.digits[:0], append(e.row[:0], make([]sqltypes.Value, len(row))...)
	for _, i := range t.cols {
		e.digits, e.row[i] = t.all[i].engineValue(e.digits, row[i])
	}
	e.env.Row = e.row
	// The interpreter, not the virtual machine: that takes some functions'
	// NULL for a number and fails.
	r, err := e.env.EvaluateAST(t.expr)
	switch {
	case err != nil:
		// The library's text may quote a value.
		return Null, fmt.Errorf("where: %s can't be computed for this row", t.text)
	case r == e.null:
		return Null, nil
	}
	return truth(r.ToBoolean()), nil
}

// engine compiles one comparison, or whatever else has a truth value.
func (c *compiler) engine(e sqlparser.Expr) (test, error) {
	text, names := sqlparser.String(e), columnsOf(e)
	l := &translator{compiler: c, text: text}
	e, err := l.prepare(e)
	if err != nil {
		return nil, err
	}
	env, err := environment()
	if err != nil {
		return nil, fmt.Errorf("prepare the SQL compiler: %w", err)
	}
	expr, err := evalengine.Translate(e, &evalengine.Config{
		ResolveColumn: func(col *sqlparser.ColName) (int, error) { return c.p.column(col), nil },
		ResolveType: func(x sqlparser.Expr) (evalengine.Type, bool) {
			i := c.p.column(x)
			if i < 0 {
				return evalengine.Type{}, false
			}
			return c.p.cols[i].typ, true
		},
		Collation:     l.coll.ID(),
		SQLMode:       evalengine.ParseSQLMode(""),
		Environment:   env,
		NoCompilation: true,
	})
	here := point(c.p.where.source, firstWord(text))
	if err != nil {
		return nil, fmt.Errorf("%s can't be compiled: %s%s", text, strings.ToLower(err.Error()), here)
	}
	t := &engine{expr: expr, text: text, all: c.p.cols, dates: l.dates}
	for _, name := range names {
		t.cols = append(t.cols, c.p.columnNamed(name))
	}
	if err := t.try(); err != nil {
		return nil, fmt.Errorf("%s can't be computed%s", text, here)
	}
	return t, nil
}

// try computes the leaf for made-up rows: evalengine compiles what it then fails
// to compute, such as UPPER in some collations.
func (t *engine) try() error {
	e := Borrow()
	defer GiveBack(e)
	nulls, samples := make(Row, len(t.all)), make(Row, len(t.all))
	for i := range t.all {
		c := &t.all[i]
		if samples[i] = []byte(c.sample()); c.class == integer {
			samples[i] = integerForm(c.sample())
		}
	}
	for _, row := range []Row{nulls, samples} {
		if _, err := t.eval(e, row); err != nil {
			return err
		}
	}
	return nil
}

// translator makes an expression ready for evalengine: values for parameters,
// literals in the form of what they are compared with, and a plain refusal of what
// evalengine would judge otherwise than the servers.
type translator struct {
	*compiler
	text  string
	coll  colldata.Collation // of literals
	pads  bool               // in it trailing spaces do not count
	dates []int              // columns that are computed with as dates
	err   error

	quotients map[*sqlparser.BinaryExpr]bool // see divide
}

func (l *translator) fail(format string, args ...any) {
	if l.err == nil {
		l.err = fmt.Errorf("%s%s", fmt.Sprintf(format, args...), point(l.p.where.source, firstWord(l.text)))
	}
}

// column is the column that a node is, or nil.
func (l *translator) column(n sqlparser.SQLNode) *column {
	if i := l.p.column(n); i >= 0 {
		return &l.p.cols[i]
	}
	return nil
}

// encode puts a literal into the character set in which it is compared.
func (l *translator) encode(s string) string {
	b, err := encode(l.coll.Charset(), s)
	if err != nil {
		l.fail("%s", err)
	}
	return string(b)
}

func (l *translator) prepare(e sqlparser.Expr) (sqlparser.Expr, error) {
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
func (l *translator) collation(e sqlparser.Expr) {
	var first *column
	_ = sqlparser.Walk(func(n sqlparser.SQLNode) (bool, error) {
		if col := l.column(n); col != nil && col.coll != nil {
			if first != nil && !first.coll.same(col.coll) {
				l.fail("%s and %s have different collations; compare them with an explicit COLLATE in one of a kind", first.name, col.name)
			}
			if first == nil {
				first = col
			}
		}
		return true, nil
	}, e)
	l.coll = colldata.Lookup(defaultCollation)
	if first != nil {
		l.coll, l.pads = first.coll.Collation, first.coll.pads
	}
}

func (l *translator) down(c *sqlparser.Cursor) bool {
	if l.err != nil {
		return false
	}
	switch n := c.Node().(type) {
	case *sqlparser.ComparisonExpr:
		l.compared(n)
	case *sqlparser.BetweenExpr:
		l.noQuotient("in BETWEEN", n.Left, n.From, n.To)
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
		l.checkColumn(n, c.Parent())
	}
	return l.err == nil
}

// up replaces on the way back, so that what is put in is not visited again.
func (l *translator) up(c *sqlparser.Cursor) bool {
	if l.err != nil {
		return true // false would make Rewrite lose the expression
	}
	switch n := c.Node().(type) {
	case *sqlparser.Argument:
		c.Replace(sqlparser.NewStrLiteral(l.encode(l.values[n.Name])))
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

// compared gives literals and parameters the form of the column beside them.
func (l *translator) compared(n *sqlparser.ComparisonExpr) {
	switch n.Operator {
	case sqlparser.InOp, sqlparser.NotInOp:
		if l.isJSON(n.Left) {
			l.fail("IN on JSON is not supported; write = and OR")
		}
		l.noQuotient("in IN", n.Left, n.Right)
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

// pattern refuses what evalengine's LIKE and REGEXP judge otherwise than the
// servers do.
func (l *translator) pattern(n *sqlparser.ComparisonExpr) {
	if col := l.column(n.Left); col != nil && col.class != textual && col.class != blob {
		l.fail("column %s is %s: a pattern fits texts only", col.name, col.decl)
	}
	if n.Operator != sqlparser.LikeOp && n.Operator != sqlparser.NotLikeOp {
		return
	}
	name := l.coll.Name()
	for _, end := range []string{"_general_ci", "_bin", "_0900_ai_ci", "_swedish_ci", "binary"} {
		if strings.HasSuffix(name, end) {
			return
		}
	}
	l.fail("LIKE in %s works on a column itself only, not on an expression", name)
}

// beside is e as it is compared with the column that other is, if it is one.
func (l *translator) beside(other, e sqlparser.Expr) sqlparser.Expr {
	if row, ok := other.(sqlparser.ValTuple); ok {
		if values, ok := e.(sqlparser.ValTuple); ok && len(row) == len(values) {
			for i := range row {
				values[i] = l.beside(row[i], values[i])
			}
		}
		return e
	}
	col := l.column(other)
	if col == nil {
		if a, b := l.kind(other), l.kind(e); !goTogether(a, b) {
			l.fail("a comparison of different types is not supported; make them alike with CAST")
		} else if b == textKind && l.fractionOfTime(other) {
			l.fail("what is chosen among TIMEs with a fraction can't be compared with a text; compare the column itself")
		} else if l.beyondDouble(e) && l.numeric(other) {
			l.fail("a number of more than 15 digits that is written as a text can't be compared with an expression; write it without quotes")
		}
		return e
	}
	switch n := e.(type) {
	case *sqlparser.Argument:
		lit, err := l.param(col, n.Name)
		if err != nil {
			l.fail("%s", err)
			return e
		}
		l.checkTime(other, col, lit)
		return asTime(col, lit)
	case *sqlparser.Literal:
		if n.Type == sqlparser.StrVal {
			lit, err := col.literal(n.Val)
			if err != nil {
				l.fail("%s", err)
				return e
			}
			l.checkTime(other, col, lit)
			return asTime(col, lit)
		}
		lit, err := col.hex(n)
		if err != nil {
			l.fail("%s", err)
		} else if lit != n {
			return lit
		}
	}
	return l.unlike(col, e)
}

// checkTime refuses, or guards against, what leaf refuses or guards against beside a
// column of times.
func (l *translator) checkTime(n sqlparser.Expr, col *column, lit *sqlparser.Literal) {
	switch col.class {
	case timeofday:
		if _, _, err := col.order.literal(lit); err != nil {
			l.fail("%s", err)
		}
	case datetime:
		if form, err := parseMoment(lit.Val); err == nil && col.beforeTimestamps(form) {
			l.dates = append(l.dates, l.p.column(n))
		}
	}
}

// textAndTime: as a literal a text becomes a TIME, otherwise TIME becomes a text,
// or both a third, by server.
func (c *column) textAndTime(k kind) bool {
	return c.kind() == timeKind && k == textKind || c.kind() == textKind && k == timeKind
}

// asTime makes a text beside a TIME one: evalengine would compare texts.
func asTime(col *column, lit *sqlparser.Literal) sqlparser.Expr {
	if col.class == timeofday && lit.Type == sqlparser.StrVal {
		return sqlparser.NewTimeLiteral(lit.Val)
	}
	return lit
}

// unlike refuses comparisons that the servers and evalengine judge differently.
func (l *translator) unlike(col *column, e sqlparser.Expr) sqlparser.Expr {
	lit, _ := e.(*sqlparser.Literal)
	p := l.column(e)
	switch {
	case col.bit && l.isJSON(e), col.class == document && p != nil && p.bit:
		l.fail("a BIT column and JSON are compared differently by each server; CAST the column to SIGNED")
	case col.enumSet && !l.isText(e):
		l.fail("column %s is %s: compare it with its labels, as in %s = 'label'", col.name, col.decl, col.name)
	case col.bit && lit != nil && lit.Type != sqlparser.IntVal && lit.Type != sqlparser.BitNum && lit.Type != sqlparser.StrVal:
		l.fail("column %s is %s: compare it with a decimal number", col.name, col.decl)
	case col.checkYear(lit) != nil:
		l.fail("%s", col.checkYear(lit))
	case col.year && lit != nil && lit.Type != sqlparser.IntVal:
		l.fail("column %s is %s: compare it with a year of four digits", col.name, col.decl)
	case !goTogether(col.kind(), l.kind(e)) && !(col.bit && lit != nil), lit == nil && col.textAndTime(l.kind(e)):
		what := "that"
		if p != nil {
			what = p.name + " (" + p.decl + ")"
		}
		l.fail("column %s (%s) and %s are of different types; make them alike with CAST", col.name, col.decl, what)
	}
	return e
}

// rewrite spells out what evalengine does not have, or has wrong.
func (l *translator) rewrite(c *sqlparser.Cursor) bool {
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
		case functions[name]&foldsCase != 0 && len(n.Exprs) == 1 && l.foldsWrong():
			// evalengine folds the case of utf8mb4 in the newest collation only.
			n.Exprs[0] = &sqlparser.CollateExpr{Expr: n.Exprs[0], Collation: "utf8mb4_0900_ai_ci"}
			c.Replace(&sqlparser.CollateExpr{Expr: n, Collation: l.coll.Name()})
		}
	case *sqlparser.BinaryExpr:
		switch n.Operator {
		case sqlparser.MultOp:
			l.noQuotient("where it is multiplied", n.Left, n.Right)
		case sqlparser.DivOp:
			if !l.quotients[n] {
				l.noQuotient("where it is divided", n.Left, n.Right)
			}
			l.divide(c, n)
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

// findInSet looks for ,x, in ,list, which reports whether x is there but not where;
// checkComparison has seen to it that no more is asked.
func (l *translator) findInSet(c *sqlparser.Cursor, n *sqlparser.FuncExpr) {
	x := n.Exprs[0]
	if lit, ok := x.(*sqlparser.Literal); !ok || strings.Contains(lit.Val, ",") || lit.Val == "" {
		if arg, ok := x.(*sqlparser.Argument); ok {
			v := l.values[arg.Name]
			if v == "" && l.sample {
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
