package where

import (
	"slices"
	"strings"

	"vitess.io/vitess/go/vt/sqlparser"
)

// kind is what an expression is to a comparison. The servers convert between
// kinds each in its own way, so that most mixtures are refused.
type kind uint8

const (
	anyKind kind = iota // not known, or NULL, which goes with everything
	numberKind
	textKind
	hexKind // x'00': a text or a number, as it comes
	dateKind
	timeKind
	jsonKind
)

func (l *translator) kind(e sqlparser.Expr) kind {
	switch n := e.(type) {
	case *sqlparser.ColName:
		if col := l.column(n); col != nil {
			return col.kind()
		}
	case *sqlparser.Literal:
		return literalKind(n)
	case *sqlparser.Argument, *sqlparser.TrimFuncExpr, *sqlparser.SubstrExpr, *sqlparser.InsertExpr, *sqlparser.CollateExpr, *sqlparser.JSONUnquoteExpr:
		return textKind
	case *sqlparser.UnaryExpr, *sqlparser.BinaryExpr, *sqlparser.LocateExpr, *sqlparser.ComparisonExpr, sqlparser.BoolVal:
		return numberKind
	case *sqlparser.IntervalDateExpr:
		if l.kind(n.Date) == timeKind {
			return timeKind
		}
		return dateKind
	case *sqlparser.JSONExtractExpr:
		return jsonKind
	case *sqlparser.CastExpr:
		return castKind(n.Type)
	case *sqlparser.ConvertExpr:
		return castKind(n.Type)
	case *sqlparser.FuncExpr:
		switch t := functions[n.Name.Lowered()]; {
		case t&givesDate != 0:
			return dateKind
		case t&givesTime != 0:
			return timeKind
		case t&givesAny != 0:
			return anyKind
		case t&givesText != 0:
			return textKind
		}
		return numberKind
	}
	return anyKind
}

func (c *column) kind() kind {
	switch c.class {
	case integer, float, decimal:
		return numberKind
	case textual, blob, address:
		return textKind
	case date, datetime:
		return dateKind
	case timeofday:
		return timeKind
	case document:
		return jsonKind
	}
	return anyKind
}

func literalKind(n *sqlparser.Literal) kind {
	switch n.Type {
	case sqlparser.StrVal:
		return textKind
	case sqlparser.HexNum, sqlparser.HexVal, sqlparser.BitNum:
		return hexKind
	case sqlparser.DateVal, sqlparser.TimestampVal:
		return dateKind
	case sqlparser.TimeVal:
		return timeKind
	}
	return numberKind
}

func castKind(t *sqlparser.ConvertType) kind {
	switch strings.ToLower(t.Type) {
	case "char", "nchar", "binary":
		return textKind
	case "date", "datetime":
		return dateKind
	case "time":
		return timeKind
	case "json":
		return jsonKind
	}
	return numberKind
}

// goTogether reports whether both servers and evalengine compare two kinds alike.
func goTogether(a, b kind) bool {
	if a > b {
		a, b = b, a
	}
	switch {
	case a == anyKind || a == b:
		return true
	case b == jsonKind:
		return a == numberKind || a == textKind
	case a == textKind:
		return true // with a hex literal, a date or a time: converted to that
	}
	return a == numberKind && b == textKind
}

// alike refuses lists of both numbers and texts: each server has its own way to
// find one kind for all.
func (l *translator) alike(what string, list ...sqlparser.Expr) {
	first := anyKind
	for _, e := range list {
		k := l.kind(e)
		if k == hexKind {
			k = textKind
		}
		if k == anyKind {
			continue
		}
		if first != anyKind && k != first && (first == numberKind || k == numberKind || first == jsonKind || k == jsonKind) {
			l.fail("%s of different types is not supported; make them alike with CAST", what)
		}
		first = k
	}
}

// checkColumn refuses a column where its type can't be judged.
func (l *translator) checkColumn(n *sqlparser.ColName, parent sqlparser.SQLNode) {
	col := l.column(n)
	is, ok := parent.(*sqlparser.IsExpr)
	switch {
	case ok && (is.Right == sqlparser.IsNullOp || is.Right == sqlparser.IsNotNullOp):
		return
	case col.class == opaque:
		l.fail("column %s is %s, of which where can only tell IS NULL and IS NOT NULL", col.name, col.decl)
	case col.enumSet && numericPlace(parent):
		l.fail("column %s is %s: compare it with its labels", col.name, col.decl)
	case (col.bit || col.year || col.single) && !arithmetic(parent):
		l.fail("column %s is %s, which is not supported there; CAST it to SIGNED or DOUBLE", col.name, col.decl)
	case col.class == blob && notBinary(parent):
		l.fail("column %s is %s, which is not supported there", col.name, col.decl)
	case !col.fitsFunction(parent):
		l.fail("column %s is %s, not what that function takes", col.name, col.decl)
	case col.class == address:
		l.fail("column %s is %s: compare it with a literal such as '%s', a parameter or a column of its type", col.name, col.decl, col.sample())
	case (col.class == date || col.class == datetime) && !comparedOnly(parent):
		l.dates = append(l.dates, l.p.column(n))
	}
}

// comparedOnly reports whether a column is compared there, which works for zero
// dates, rather than computed with.
func comparedOnly(parent sqlparser.SQLNode) bool {
	switch parent.(type) {
	case nil, *sqlparser.ComparisonExpr, *sqlparser.BetweenExpr, *sqlparser.CaseExpr, *sqlparser.When, sqlparser.ValTuple:
		return true
	}
	return false
}

// numericPlace reports whether a label would be taken for its number there.
func numericPlace(parent sqlparser.SQLNode) bool {
	switch n := parent.(type) {
	case *sqlparser.ComparisonExpr, *sqlparser.BetweenExpr, *sqlparser.CollateExpr, *sqlparser.CaseExpr, *sqlparser.When, *sqlparser.TrimFuncExpr, *sqlparser.SubstrExpr, *sqlparser.LocateExpr, *sqlparser.InsertExpr,
		*sqlparser.RegexpLikeExpr:
		return false
	case *sqlparser.FuncExpr:
		return functions[n.Name.Lowered()]&takesLabels == 0
	}
	return true
}

// arithmetic reports whether a column is taken as a number there. BIT, YEAR and
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
		return functions[n.Name.Lowered()]&takesNumbers != 0
	}
	return false
}

func notBinary(parent sqlparser.SQLNode) bool {
	switch n := parent.(type) {
	case *sqlparser.CastExpr:
		return strings.EqualFold(n.Type.Type, "char")
	case *sqlparser.ConvertExpr:
		return strings.EqualFold(n.Type.Type, "char")
	case *sqlparser.FuncExpr:
		return functions[n.Name.Lowered()]&refusesBinary != 0
	case *sqlparser.BinaryExpr, *sqlparser.UnaryExpr:
		return true
	}
	return false
}

// fitsFunction: each server makes a date of a number in its own way.
func (c *column) fitsFunction(parent sqlparser.SQLNode) bool {
	f, ok := parent.(*sqlparser.FuncExpr)
	if !ok {
		return true
	}
	switch t, k := functions[f.Name.Lowered()], c.kind(); {
	case t&takesDates != 0:
		return k == dateKind || k == textKind || k == numberKind && f.Name.EqualString("week") // its mode
	case t&takesTimes != 0:
		return k == dateKind || k == timeKind || k == textKind
	}
	return true
}

// isJSON reports whether an expression is a JSON document.
func (l *translator) isJSON(e sqlparser.Expr) bool {
	if col := l.column(e); col != nil {
		return col.class == document
	}
	_, ok := e.(*sqlparser.JSONExtractExpr)
	return ok
}

// extract: what MariaDB's JSON_EXTRACT gives is a text that compares in its own
// way, and in a TEXT column JSON may be MariaDB's. Unquoted they are alike.
func (l *translator) extract(n *sqlparser.JSONExtractExpr, parent sqlparser.SQLNode) {
	if col := l.column(n.JSONDoc); col != nil && col.class == document {
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
func (l *translator) function(n *sqlparser.FuncExpr) {
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
func (l *translator) branches(name string, args []sqlparser.Expr) {
	var temporal *column
	l.alike(strings.ToUpper(name), args...)
	for _, e := range args {
		if l.isJSON(e) {
			l.fail("%s on JSON is not supported; take a text or a number out of it with ->>", strings.ToUpper(name))
		}
		if col := l.column(e); col != nil && (col.class == date || col.class == datetime || col.class == timeofday) {
			temporal = col
		}
	}
	if temporal == nil {
		return
	}
	for _, e := range args {
		_, null := e.(*sqlparser.NullVal)
		if col := l.column(e); !null && (col == nil || col.class != temporal.class) {
			l.fail("%s of %s (%s) and another type is not supported", strings.ToUpper(name), temporal.name, temporal.decl)
		}
	}
}

// caseBase treats CASE x WHEN y as the comparison that it is.
func (l *translator) caseBase(n *sqlparser.CaseExpr) {
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

// pad makes evalengine, which compares every text to its last byte, ignore
// trailing spaces where the collation does: both sides lose them.
func (l *translator) pad(sides ...*sqlparser.Expr) {
	for _, e := range sides {
		if !l.isText(*e) {
			return
		}
	}
	for _, e := range sides {
		l.trim(e)
	}
}

func (l *translator) trim(e *sqlparser.Expr) {
	switch n := (*e).(type) {
	case *sqlparser.NullVal:
	case *sqlparser.Literal:
		if l.pads && strings.ContainsFunc(n.Val, func(r rune) bool { return r < ' ' }) {
			// They sort before the spaces that the servers pad the other text with.
			l.fail("a text with a control character can be compared with a column itself only")
		}
		if l.pads {
			n.Val = strings.TrimRight(n.Val, " ")
		}
	case sqlparser.ValTuple:
		for i := range n {
			l.trim(&n[i])
		}
	case *sqlparser.CollateExpr:
		if c := collationNamed(n.Collation); c != nil && spaceWeight(c) != nil {
			l.trim(&n.Expr)
		}
	default:
		if l.pads {
			*e = &sqlparser.TrimFuncExpr{TrimFuncType: sqlparser.RTrimType, Type: sqlparser.TrailingTrimType, StringArg: n}
		}
	}
}

// isText reports whether an expression is a text whatever the row; NULL is.
func (l *translator) isText(e sqlparser.Expr) bool {
	switch n := e.(type) {
	case *sqlparser.NullVal, *sqlparser.TrimFuncExpr, *sqlparser.SubstrExpr, *sqlparser.InsertExpr, *sqlparser.CollateExpr,
		*sqlparser.JSONUnquoteExpr, *sqlparser.Argument:
		return true
	case *sqlparser.Literal:
		return n.Type == sqlparser.StrVal
	case *sqlparser.ColName:
		col := l.column(n)
		return col != nil && col.class == textual
	case *sqlparser.FuncExpr:
		switch name := n.Name.Lowered(); name {
		case "coalesce", "ifnull", "greatest", "least":
			return l.allText(n.Exprs...)
		case "if":
			return len(n.Exprs) == 3 && l.allText(n.Exprs[1:]...)
		case "nullif":
			return len(n.Exprs) == 2 && l.isText(n.Exprs[0])
		default:
			return functions[name]&givesText != 0
		}
	case *sqlparser.CaseExpr:
		for _, w := range n.Whens {
			if !l.isText(w.Val) {
				return false
			}
		}
		return n.Else == nil || l.isText(n.Else)
	case *sqlparser.CastExpr:
		return strings.EqualFold(n.Type.Type, "char")
	case *sqlparser.ConvertExpr:
		return strings.EqualFold(n.Type.Type, "char")
	case sqlparser.ValTuple:
		return l.allText(n...)
	}
	return false
}

func (l *translator) allText(list ...sqlparser.Expr) bool {
	for _, e := range list {
		if !l.isText(e) {
			return false
		}
	}
	return true
}

// foldsWrong: evalengine folds the case of utf8mb4 in its newest collation only.
func (l *translator) foldsWrong() bool {
	name := l.coll.Name()
	return strings.HasPrefix(name, "utf8mb4_") && name != "utf8mb4_0900_ai_ci"
}

// choices are what COALESCE, CASE and their like choose among; nil for all else.
func choices(e sqlparser.Expr) (list []sqlparser.Expr) {
	switch n := e.(type) {
	case *sqlparser.FuncExpr:
		switch name := n.Name.Lowered(); {
		case functions[name]&givesAny == 0:
		case name == "if" && len(n.Exprs) == 3:
			return n.Exprs[1:]
		default:
			return n.Exprs
		}
	case *sqlparser.CaseExpr:
		for _, w := range n.Whens {
			list = append(list, w.Val)
		}
		if n.Else != nil {
			list = append(list, n.Else)
		}
	}
	return list
}

// fractionOfTime reports whether an expression chooses among values of which one is a
// TIME with a fraction: MySQL compares what is chosen as a text.
func (l *translator) fractionOfTime(e sqlparser.Expr) bool {
	return slices.ContainsFunc(choices(e), func(e sqlparser.Expr) bool {
		col := l.column(e)
		return col != nil && col.class == timeofday && col.typ.Size() > 0 || l.fractionOfTime(e)
	})
}

// numeric reports whether an expression is a number, chosen or computed.
func (l *translator) numeric(e sqlparser.Expr) bool {
	return l.kind(e) == numberKind || slices.ContainsFunc(choices(e), l.numeric)
}

// beyondDouble reports whether a constant is a text that is a number which a double may
// not hold: some servers compare such a text with a number as doubles, others do not.
func (l *translator) beyondDouble(e sqlparser.Expr) bool {
	text := ""
	switch n := e.(type) {
	case *sqlparser.Argument:
		text = l.values[n.Name]
	case *sqlparser.Literal:
		if n.Type == sqlparser.StrVal {
			text = n.Val
		}
	}
	return beyondDouble(text)
}

func beyondDouble(text string) bool {
	const safe = 15
	digits := 0
	for _, c := range text {
		if c >= '0' && c <= '9' {
			digits++
		}
	}
	return digits > safe && decimalNumber.MatchString(strings.TrimSpace(text))
}
