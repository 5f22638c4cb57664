package where

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"vitess.io/vitess/go/vt/sqlparser"
	"vitess.io/vitess/go/vt/vtenv"

	"rowcast/internal/nearest"
)

const (
	maxSource = 64 << 10 // bytes of one predicate
	// MaxValue is how many bytes a parameter's value may have.
	MaxValue = 1024
)

// Where is a parsed predicate.
type Where struct {
	source  string
	clauses []*clause
	columns []string // named ones, as written first
}

// clause is one operand of the topmost AND.
type clause struct {
	expr    sqlparser.Expr
	text    string
	params  []string // that it names
	columns []string
	// where it is `column = :param`, which a map look-up can decide
	eqColumn, eqParam string
}

// environment is what evalengine needs: MySQL 8's parser and collations.
var environment = sync.OnceValues(func() (*vtenv.Environment, error) {
	return vtenv.New(vtenv.Options{MySQLServerVersion: "8.0.30"})
})

var paramName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// IsParam reports whether a parameter can have that name.
func IsParam(name string) bool { return paramName.MatchString(name) }

// CheckValue refuses what can't be a parameter's value, whatever it is compared with.
func CheckValue(name, value string) error {
	switch {
	case len(value) > MaxValue:
		return fmt.Errorf("the value of %s has %d bytes, at most %d are allowed", name, len(value), MaxValue)
	case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
		return fmt.Errorf("the value of %s is not valid UTF-8 text", name)
	}
	return nil
}

// Parse parses a MySQL expression and refuses what can't be judged from a row alone.
func Parse(source string) (_ *Where, err error) {
	defer recovered(&err, "it can't be parsed")
	if len(source) > maxSource {
		return nil, fmt.Errorf("it has %d bytes, at most %d are allowed", len(source), maxSource)
	}
	env, err := environment()
	if err != nil {
		return nil, fmt.Errorf("prepare the SQL parser: %w", err)
	}
	if err := checkDepth(env.Parser(), source); err != nil {
		return nil, err
	}
	const head = "select 1 from t where "
	// The line break ends a comment that would swallow what follows.
	stmt, err := env.Parser().Parse(head + source + "\n")
	if err != nil {
		return nil, syntaxError(source, len(head), err)
	}
	sel, ok := stmt.(*sqlparser.Select)
	if !ok || sel.Where == nil || sel.GroupBy != nil || sel.Having != nil || len(sel.OrderBy) > 0 || sel.Limit != nil ||
		sel.Lock != sqlparser.NoLock || sel.Into != nil || len(sel.Windows) > 0 {
		return nil, errors.New("it is more than one expression: write only what follows WHERE, without GROUP BY, ORDER BY, LIMIT and the like")
	}
	w := &Where{source: source}
	if err := w.check(sel.Where.Expr); err != nil {
		return nil, err
	}
	w.columns = columnsOf(sel.Where.Expr)
	for _, e := range conjuncts(nil, sel.Where.Expr) {
		w.clauses = append(w.clauses, newClause(e))
	}
	return w, nil
}

// String is the predicate as it was written.
func (w *Where) String() string { return w.source }

// Params lists the parameters that the predicate names.
func (w *Where) Params() []string {
	var names []string
	for _, c := range w.clauses {
		for _, name := range c.params {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// PointAt shows where a parameter is in the predicate, for a message.
func (w *Where) PointAt(param string) string { return point(w.source, ":"+param) }

// MayKey reports whether the columns of some table may allow a look-up.
func (w *Where) MayKey() bool {
	return slices.ContainsFunc(w.clauses, func(c *clause) bool { return c.eqColumn != "" })
}

// conjuncts takes the topmost AND apart.
func conjuncts(list []sqlparser.Expr, e sqlparser.Expr) []sqlparser.Expr {
	if and, ok := e.(*sqlparser.AndExpr); ok {
		return conjuncts(conjuncts(list, and.Left), and.Right)
	}
	return append(list, e)
}

func newClause(e sqlparser.Expr) *clause {
	c := &clause{expr: e, text: sqlparser.String(e), columns: columnsOf(e)}
	_ = sqlparser.Walk(func(n sqlparser.SQLNode) (bool, error) {
		if a, ok := n.(*sqlparser.Argument); ok && !slices.Contains(c.params, a.Name) {
			c.params = append(c.params, a.Name)
		}
		return true, nil
	}, e)
	cmp, ok := e.(*sqlparser.ComparisonExpr)
	if !ok || cmp.Operator != sqlparser.EqualOp {
		return c
	}
	left, right := cmp.Left, cmp.Right
	if _, ok := left.(*sqlparser.Argument); ok {
		left, right = right, left
	}
	col, ok := left.(*sqlparser.ColName)
	arg, ok2 := right.(*sqlparser.Argument)
	if ok && ok2 {
		c.eqColumn, c.eqParam = col.Name.String(), arg.Name
	}
	return c
}

// columnsOf lists the columns that an expression names, each once.
func columnsOf(e sqlparser.Expr) (names []string) {
	_ = sqlparser.Walk(func(n sqlparser.SQLNode) (bool, error) {
		if c, ok := n.(*sqlparser.ColName); ok {
			name := c.Name.String()
			if !slices.ContainsFunc(names, func(other string) bool { return strings.EqualFold(name, other) }) {
				names = append(names, name)
			}
		}
		return true, nil
	}, e)
	return names
}

// syntaxError turns the parser's position into one in what was written.
func syntaxError(source string, head int, err error) error {
	msg := err.Error()
	var pos int
	if i := strings.LastIndex(msg, "at position "); i >= 0 {
		fmt.Sscanf(msg[i:], "at position %d", &pos)
	}
	// The parser is past the token that it could not use.
	at := min(max(pos-head-2, 0), len(source))
	for at > 0 && (at == len(source) || !strings.ContainsRune(" \t\r\n(),", rune(source[at-1]))) {
		at--
	}
	return fmt.Errorf("it is not a valid MySQL expression%s", mark(source, at, len(source)))
}

// recovered turns a panic of the SQL library, which was not written for whatever
// an operator may type, into an error.
func recovered(err *error, what string) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%s: the SQL library failed in %s: %v", what, panicked(), r)
	}
}

// panicked names the function that a panic which was recovered came from.
func panicked() string {
	pcs := make([]uintptr, 16)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, "runtime.") || !more {
			return fmt.Sprintf("%s (%s:%d)", f.Function, filepath.Base(f.File), f.Line)
		}
	}
}

// check walks the expression and refuses what can't be judged.
func (w *Where) check(e sqlparser.Expr) error {
	return sqlparser.Walk(func(n sqlparser.SQLNode) (bool, error) {
		err := w.checkNode(n)
		return err == nil, err
	}, e)
}

func (w *Where) refuse(word, format string, args ...any) error {
	return fmt.Errorf("%s%s", fmt.Sprintf(format, args...), point(w.source, word))
}

const noSubquery = "a subquery can't be judged from one row: name columns of this table only"

func (w *Where) checkNode(n sqlparser.SQLNode) error {
	switch n := n.(type) {
	case nil, sqlparser.BoolVal, *sqlparser.NullVal, *sqlparser.Literal, *sqlparser.AndExpr, *sqlparser.OrExpr, *sqlparser.XorExpr,
		*sqlparser.NotExpr, *sqlparser.IsExpr, *sqlparser.BinaryExpr, sqlparser.ValTuple, *sqlparser.BetweenExpr, *sqlparser.CaseExpr, *sqlparser.When,
		*sqlparser.CollateExpr, *sqlparser.UnaryExpr, *sqlparser.CastExpr, *sqlparser.ConvertType, *sqlparser.ConvertExpr,
		sqlparser.IdentifierCI, sqlparser.IdentifierCS, sqlparser.TableName,
		*sqlparser.TrimFuncExpr, *sqlparser.SubstrExpr, *sqlparser.LocateExpr, *sqlparser.InsertExpr,
		*sqlparser.IntervalDateExpr, *sqlparser.IntervalFuncExpr, *sqlparser.RegexpLikeExpr,
		*sqlparser.JSONUnquoteExpr, *sqlparser.JSONContainsPathExpr:
		return nil
	case *sqlparser.ColName:
		if !n.Qualifier.IsEmpty() {
			return w.refuse(n.Name.String(), "write the column %s without its table", n.Name.String())
		}
		return nil
	case *sqlparser.JSONExtractExpr:
		for _, path := range n.PathList {
			if _, ok := path.(*sqlparser.Literal); !ok {
				return w.refuse("json_extract", "the path of JSON_EXTRACT or -> must be a literal, such as '$.name'")
			}
		}
		return nil
	case *sqlparser.JSONContainsExpr, *sqlparser.JSONQuoteExpr:
		return nil // judged once its column is known
	case *sqlparser.JSONAttributesExpr:
		if n.Type != sqlparser.LengthAttributeType && n.Type != sqlparser.DepthAttributeType {
			return w.refuse(n.Type.ToString(), "%s is not supported in where", n.Type.ToString())
		}
		return nil
	case *sqlparser.ExtractFuncExpr:
		if extracts[n.IntervalType] == "" {
			return w.refuse("extract", "EXTRACT(%s FROM …) is not supported in where", n.IntervalType.ToString())
		}
		return nil
	case *sqlparser.Argument:
		if !paramName.MatchString(n.Name) || !strings.Contains(w.source, ":"+n.Name) {
			return w.refuse("?", "write a parameter as :name")
		}
		return nil
	case *sqlparser.ComparisonExpr:
		return w.checkComparison(n)
	case *sqlparser.FuncExpr:
		for _, arg := range n.Exprs {
			if isFindInSet(arg) {
				return w.refuse("find_in_set", "FIND_IN_SET can only be compared with 0")
			}
		}
		return w.checkFunction(n.Name.Lowered(), n.Qualifier.String())
	case *sqlparser.CurTimeFuncExpr:
		return w.checkFunction(n.Name.Lowered(), "")
	case *sqlparser.Subquery, *sqlparser.ExistsExpr:
		return w.refuse("select", noSubquery)
	case *sqlparser.Variable:
		return w.refuse("@", "variables have no value here; use a parameter (:name, declared in params)")
	case sqlparser.ListArg, *sqlparser.Offset:
		return w.refuse("::", "write a parameter as :name")
	case sqlparser.AggrFunc:
		return w.refuse(n.AggrName(), "%s looks at many rows, but where is judged for each row alone", n.AggrName())
	case *sqlparser.Default:
		return w.refuse("default", "default() is not supported in where")
	}
	text := ""
	if e, ok := n.(sqlparser.Expr); ok {
		text, _, _ = strings.Cut(sqlparser.String(e), "(")
		text = strings.TrimSpace(text)
	}
	if text == "" || len(text) > 64 {
		return errors.New("it holds something that is not supported in where")
	}
	return w.refuse(text, "%s is not supported in where", text)
}

func (w *Where) checkFunction(name, qualifier string) error {
	traits, known := functions[name]
	switch {
	case traits&changes != 0:
		return w.refuse(name, "%s() has another value each time, so that the same change would be judged differently later", name)
	case qualifier != "" || !known:
		supported := slices.Sorted(maps.Keys(functions))
		supported = slices.DeleteFunc(supported, func(f string) bool { return functions[f]&changes != 0 })
		return w.refuse(name, "the function %s is not supported in where%s", name, nearest.Suggest(name, supported))
	}
	return nil
}

func isFindInSet(e sqlparser.Expr) bool {
	f, ok := e.(*sqlparser.FuncExpr)
	return ok && f.Name.Lowered() == "find_in_set"
}

func (w *Where) checkComparison(n *sqlparser.ComparisonExpr) error {
	if n.Modifier != sqlparser.Missing {
		return w.refuse("select", noSubquery)
	}
	lit, ok := n.Right.(*sqlparser.Literal)
	if isFindInSet(n.Right) || isFindInSet(n.Left) && (!ok || lit.Val != "0") {
		return w.refuse("find_in_set", "FIND_IN_SET can only be compared with 0")
	}
	switch n.Operator {
	case sqlparser.RegexpOp, sqlparser.NotRegexpOp: // a pattern from a client could cost unbounded time
		if lit, ok := n.Right.(*sqlparser.Literal); !ok || lit.Type != sqlparser.StrVal {
			return w.refuse("regexp", "the pattern of REGEXP must be a literal")
		}
	case sqlparser.LikeOp, sqlparser.NotLikeOp:
		if n.Escape != nil {
			return w.refuse("escape", "LIKE … ESCAPE is not supported; escape with \\")
		}
	}
	return nil
}
