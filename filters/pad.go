package filters

import (
	"strings"

	"vitess.io/vitess/go/mysql/collations"
	"vitess.io/vitess/go/mysql/collations/colldata"
	"vitess.io/vitess/go/vt/sqlparser"
)

// pad makes evalengine, which compares every text to its last byte, ignore
// trailing spaces where the collation does: both sides lose them.
func (l *leaf) pad(sides ...*sqlparser.Expr) {
	for _, e := range sides {
		if !l.isText(*e) {
			return
		}
	}
	for _, e := range sides {
		l.trim(e)
	}
}

func (l *leaf) trim(e *sqlparser.Expr) {
	switch n := (*e).(type) {
	case *sqlparser.NullVal:
	case *sqlparser.Literal:
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

func collationNamed(name string) colldata.Collation {
	env, err := environment()
	if err != nil {
		return nil
	}
	id := env.CollationEnv().LookupByName(strings.ToLower(name))
	if id == collations.Unknown {
		return nil
	}
	return colldata.Lookup(id)
}

// textFunctions give a text, in the collation of what they are given.
var textFunctions = words(`bin concat concat_ws conv date_format elt from_base64 hex inet6_ntoa inet_ntoa
	lcase left lower lpad md5 monthname oct repeat replace reverse right rpad sha sha1 sha2 space to_base64 ucase unhex upper`)

// isText tells whether an expression is a text whatever the row; NULL is.
func (l *leaf) isText(e sqlparser.Expr) bool {
	switch n := e.(type) {
	case *sqlparser.NullVal, *sqlparser.TrimFuncExpr, *sqlparser.SubstrExpr, *sqlparser.InsertExpr, *sqlparser.CollateExpr,
		*sqlparser.JSONUnquoteExpr, *sqlparser.Argument:
		return true
	case *sqlparser.Literal:
		return n.Type == sqlparser.StrVal
	case *sqlparser.ColName:
		o := l.operand(n)
		return o != nil && o.class == textual
	case *sqlparser.FuncExpr:
		switch name := n.Name.Lowered(); name {
		case "coalesce", "ifnull", "greatest", "least":
			return l.allText(n.Exprs...)
		case "if":
			return len(n.Exprs) == 3 && l.allText(n.Exprs[1:]...)
		case "nullif":
			return len(n.Exprs) == 2 && l.isText(n.Exprs[0])
		default:
			return textFunctions[name]
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

func (l *leaf) allText(list ...sqlparser.Expr) bool {
	for _, e := range list {
		if !l.isText(e) {
			return false
		}
	}
	return true
}

func foldable(name string) bool {
	return name == "lower" || name == "lcase" || name == "upper" || name == "ucase"
}

func (l *leaf) utf8mb4() bool {
	name := l.collationName()
	return strings.HasPrefix(name, "utf8mb4_") && name != "utf8mb4_0900_ai_ci"
}

func (l *leaf) collationName() string {
	if c := colldata.Lookup(l.coll); c != nil {
		return c.Name()
	}
	return ""
}
