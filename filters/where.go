package filters

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"vitess.io/vitess/go/vt/sqlparser"
	"vitess.io/vitess/go/vt/vtenv"
)

const (
	maxWhere  = 64 << 10 // bytes of one where
	maxParams = 64       // of one entry
)

// where is a parsed predicate. Its clauses are joined by AND.
type where struct {
	source  string
	clauses []*clause
	columns []string // named ones, as written first
	params  []Param  // declared ones, sorted by name
}

// clause is one operand of the topmost AND.
type clause struct {
	expr   sqlparser.Expr
	text   string
	params []string // that it names
	// where it is `column = :param`, which a map look-up can decide
	eqColumn, eqParam string
}

// environment is what evalengine needs: MySQL 8's parser and collations.
var environment = sync.OnceValues(func() (*vtenv.Environment, error) {
	return vtenv.New(vtenv.Options{MySQLServerVersion: "8.0.30"})
})

var paramName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// reservedParams have a meaning of their own in a request.
var reservedParams = []string{"table", "lastEventId", "wait"}

func (r *rule) compileWhere(t *Table, p *problems) {
	r.params = compileParams(t, p)
	if strings.TrimSpace(t.Where) == "" {
		for _, q := range r.params {
			p.add("params", "%q is declared, but there is no where that uses it", q.Name)
		}
		return
	}
	w, err := parseWhere(t.Where)
	if err != nil {
		p.add("where", "%s", err)
		return
	}
	w.params = r.params
	declared := slices.Sorted(maps.Keys(t.Params))
	used := map[string]bool{}
	for _, c := range w.clauses {
		for _, name := range c.params {
			used[name] = true
			if !slices.Contains(declared, name) {
				p.add("where", ":%s is not declared%s; add it to params, as in params = { %s = \"\" }%s",
					name, didYouMean(name, declared), name, place(t.Where, ":"+name))
			}
		}
	}
	for _, name := range declared {
		if !used[name] {
			p.add("params", "%q is declared, but where does not use :%s", name, name)
		}
	}
	r.where = w
}

func compileParams(t *Table, p *problems) []Param {
	if len(t.Params) > maxParams {
		p.add("params", "there are %d, at most %d are allowed", len(t.Params), maxParams)
		return nil
	}
	var params []Param
	for _, name := range slices.Sorted(maps.Keys(t.Params)) {
		value := t.Params[name]
		switch {
		case !paramName.MatchString(name):
			p.add("params", "%q can't be a parameter's name: use letters, digits and _", name)
		case slices.Contains(reservedParams, name):
			p.add("params", "%q is reserved in requests; choose another name", name)
		}
		if err := checkValue(name, value); err != nil {
			p.add("params", "%s", err)
		}
		params = append(params, Param{Name: name, Default: value, Required: value == ""})
	}
	return params
}

// parseWhere parses a MySQL expression and refuses what can't be judged from a
// row alone.
func parseWhere(source string) (_ *where, err error) {
	defer recovered(&err, "it can't be parsed")
	if len(source) > maxWhere {
		return nil, fmt.Errorf("it has %d bytes, at most %d are allowed", len(source), maxWhere)
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
		return nil, errors.New("it is more than one expression: write what would stand behind WHERE, without GROUP BY, ORDER BY, LIMIT and the like")
	}
	w := &where{source: source}
	if err := w.check(sel.Where.Expr); err != nil {
		return nil, err
	}
	for _, e := range conjuncts(nil, sel.Where.Expr) {
		w.clauses = append(w.clauses, newClause(e))
	}
	return w, nil
}

// conjuncts takes the topmost AND apart.
func conjuncts(list []sqlparser.Expr, e sqlparser.Expr) []sqlparser.Expr {
	if and, ok := e.(*sqlparser.AndExpr); ok {
		return conjuncts(conjuncts(list, and.Left), and.Right)
	}
	return append(list, e)
}

func newClause(e sqlparser.Expr) *clause {
	c := &clause{expr: e, text: sqlparser.String(e)}
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

// syntaxError turns the parser's position into one in what was written.
func syntaxError(source string, head int, err error) error {
	msg := err.Error()
	var pos int
	if i := strings.LastIndex(msg, "at position "); i >= 0 {
		fmt.Sscanf(msg[i:], "at position %d", &pos)
	}
	// The parser stands behind the token that it could not use.
	at := min(max(pos-head-2, 0), len(source))
	for at > 0 && (at == len(source) || !strings.ContainsRune(" \t\r\n(),", rune(source[at-1]))) {
		at--
	}
	return fmt.Errorf("it is not a valid MySQL expression%s", mark(source, at, len(source)))
}

// recovered turns a panic of the SQL libraries, which were not written for
// what an operator may type, into an error.
func recovered(err *error, what string) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%s: the SQL library failed in %s: %v", what, panicked(), r)
	}
}
