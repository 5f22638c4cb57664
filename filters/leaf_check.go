package filters

import (
	"strings"

	"vitess.io/vitess/go/vt/sqlparser"
)

// column refuses a column where its type can't be judged.
func (l *leaf) column(n *sqlparser.ColName, parent sqlparser.SQLNode) {
	o := l.operand(n)
	_, isNull := parent.(*sqlparser.IsExpr)
	if is, ok := parent.(*sqlparser.IsExpr); ok {
		isNull = is.Right == sqlparser.IsNullOp || is.Right == sqlparser.IsNotNullOp
	}
	switch {
	case isNull:
		return
	case o.class == opaque:
		l.fail("column %s is %s, of which where can only tell IS NULL and IS NOT NULL", o.name, o.decl)
	case o.listing && numericPlace(parent):
		l.fail("column %s is %s: compare it with its labels", o.name, o.decl)
	case (o.bit || o.year || o.single) && !arithmetic(parent):
		l.fail("column %s is %s, which is not supported there; CAST it to SIGNED or DOUBLE", o.name, o.decl)
	case o.class == octets && notBinary(parent):
		l.fail("column %s is %s, which is not supported there", o.name, o.decl)
	case !o.fitsFunction(parent):
		l.fail("column %s is %s, not what that function takes", o.name, o.decl)
	case o.class == address:
		l.fail("column %s is %s: compare it with a literal such as '%s', a parameter or a column of its type", o.name, o.decl, o.sample())
	case (o.class == date || o.class == datetime) && !comparedOnly(parent):
		l.dates = append(l.dates, l.p.column(o.name))
	}
}

// comparedOnly tells whether a column is compared there, which works for zero
// dates, rather than computed with.
func comparedOnly(parent sqlparser.SQLNode) bool {
	switch parent.(type) {
	case nil, *sqlparser.ComparisonExpr, *sqlparser.BetweenExpr, *sqlparser.CaseExpr, *sqlparser.When, sqlparser.ValTuple:
		return true
	}
	return false
}

// numericPlace tells whether a label would be taken for its number there.
func numericPlace(parent sqlparser.SQLNode) bool {
	switch n := parent.(type) {
	case *sqlparser.ComparisonExpr, *sqlparser.BetweenExpr, *sqlparser.CollateExpr, *sqlparser.CaseExpr, *sqlparser.When, *sqlparser.TrimFuncExpr, *sqlparser.SubstrExpr, *sqlparser.LocateExpr, *sqlparser.InsertExpr,
		*sqlparser.RegexpLikeExpr:
		return false
	case *sqlparser.FuncExpr:
		switch n.Name.Lowered() {
		case "concat", "concat_ws", "lower", "lcase", "upper", "ucase", "length", "char_length", "character_length",
			"left", "right", "replace", "reverse", "instr", "coalesce", "ifnull":
			return false
		}
	}
	return true
}

// arithmetic tells whether a column is taken as a number there. BIT, YEAR and
// FLOAT have a text form that is not the number's.
func arithmetic(parent sqlparser.SQLNode) bool {
	switch n := parent.(type) {
	case nil, *sqlparser.ComparisonExpr, *sqlparser.BetweenExpr, sqlparser.ValTuple, *sqlparser.BinaryExpr, *sqlparser.UnaryExpr,
		*sqlparser.CaseExpr, *sqlparser.When, *sqlparser.NotExpr, *sqlparser.IsExpr, *sqlparser.AndExpr, *sqlparser.OrExpr, *sqlparser.XorExpr:
		return true
	case *sqlparser.CastExpr:
		return castKind(n.Type) == numberKind
	case *sqlparser.ConvertExpr:
		return castKind(n.Type) == numberKind
	case *sqlparser.FuncExpr:
		return numberFunctions[n.Name.Lowered()]
	}
	return false
}

// numberFunctions take numbers.
var numberFunctions = words(`abs acos asin atan atan2 bit_count ceil ceiling coalesce cos cot degrees exp floor greatest if ifnull isnull
	least ln log log10 log2 mod nullif pi pow power radians round sign sin sqrt tan truncate`)

func notBinary(parent sqlparser.SQLNode) bool {
	switch n := parent.(type) {
	case *sqlparser.CastExpr:
		return strings.EqualFold(n.Type.Type, "char")
	case *sqlparser.ConvertExpr:
		return strings.EqualFold(n.Type.Type, "char")
	case *sqlparser.FuncExpr:
		return n.Name.Lowered() == "bit_count"
	case *sqlparser.BinaryExpr, *sqlparser.UnaryExpr:
		return true
	}
	return false
}

var (
	takeDates = words(`date date_format datediff day dayofmonth dayofweek dayofyear last_day month monthname quarter to_days to_seconds
		week weekday weekofyear year yearweek`)
	takeTimes = words(`hour minute second microsecond time time_to_sec`)
)

// fitsFunction: each server makes a date of a number in its own way.
func (o *operand) fitsFunction(parent sqlparser.SQLNode) bool {
	f, ok := parent.(*sqlparser.FuncExpr)
	if !ok {
		return true
	}
	switch name, k := f.Name.Lowered(), o.kind(); {
	case takeDates[name]:
		return k == dateKind || k == textKind || name == "week" && k == numberKind
	case takeTimes[name]:
		return k == dateKind || k == timeKind || k == textKind
	}
	return true
}

// isJSON tells whether an expression is a JSON document.
func (l *leaf) isJSON(e sqlparser.Expr) bool {
	if o := l.operand(e); o != nil {
		return o.class == document
	}
	_, ok := e.(*sqlparser.JSONExtractExpr)
	return ok
}

// extract: what MariaDB's JSON_EXTRACT gives is a text that compares in its own
// way, and in a TEXT column JSON may be MariaDB's. Unquoted they are alike.
func (l *leaf) extract(n *sqlparser.JSONExtractExpr, parent sqlparser.SQLNode) {
	if o := l.operand(n.JSONDoc); o != nil && o.class == document {
		return
	}
	switch parent.(type) {
	case *sqlparser.JSONUnquoteExpr, *sqlparser.IsExpr:
	default:
		l.fail("what JSON_EXTRACT gives can't be compared here; write JSON_UNQUOTE(JSON_EXTRACT(…))")
	}
}

// function refuses arguments of which evalengine makes another type than the
// servers do, and pads what is compared.
func (l *leaf) function(n *sqlparser.FuncExpr) {
	name := n.Name.Lowered()
	switch name {
	case "strcmp", "field":
		for i := range n.Exprs {
			l.pad(&n.Exprs[i])
		}
	case "coalesce", "ifnull", "if", "greatest", "least":
		args := n.Exprs
		if name == "if" && len(args) == 3 {
			args = args[1:]
		}
		l.branches(name, args)
	}
}

// branches refuses results of which one is a JSON document, or one a date and
// another is not.
func (l *leaf) branches(name string, args []sqlparser.Expr) {
	var temporal *operand
	l.alike(strings.ToUpper(name), args...)
	for _, e := range args {
		if l.isJSON(e) {
			l.fail("%s on JSON is not supported; take a text or a number out of it with ->>", strings.ToUpper(name))
		}
		if o := l.operand(e); o != nil && (o.class == date || o.class == datetime || o.class == timeofday) {
			temporal = o
		}
	}
	if temporal == nil {
		return
	}
	for _, e := range args {
		_, null := e.(*sqlparser.NullVal)
		if o := l.operand(e); !null && (o == nil || o.class != temporal.class) {
			l.fail("%s of %s (%s) and another type is not supported", strings.ToUpper(name), temporal.name, temporal.decl)
		}
	}
}

// caseBase treats CASE x WHEN y as the comparison that it is.
func (l *leaf) caseBase(n *sqlparser.CaseExpr) {
	vals := []sqlparser.Expr{}
	for _, w := range n.Whens {
		vals = append(vals, w.Val)
	}
	if n.Else != nil {
		vals = append(vals, n.Else)
	}
	l.branches("case", vals)
	if n.Expr == nil {
		return
	}
	if l.isJSON(n.Expr) {
		l.fail("CASE on JSON is not supported; write CASE WHEN … = …")
	}
	sides := []*sqlparser.Expr{&n.Expr}
	for _, w := range n.Whens {
		w.Cond = l.beside(n.Expr, w.Cond)
		sides = append(sides, &w.Cond)
	}
	l.pad(sides...)
}
