package filters

import (
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

var (
	dateFunctions = words(`date last_day from_days makedate`)
	timeFunctions = words(`time maketime sec_to_time`)
	anyFunctions  = words(`coalesce if ifnull nullif greatest least from_base64 unhex inet6_aton`)
)

func (l *leaf) kind(e sqlparser.Expr) kind {
	switch n := e.(type) {
	case *sqlparser.ColName:
		if o := l.operand(n); o != nil {
			return o.kind()
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
		switch name := n.Name.Lowered(); {
		case dateFunctions[name]:
			return dateKind
		case timeFunctions[name]:
			return timeKind
		case anyFunctions[name]:
			return anyKind
		case textFunctions[name]:
			return textKind
		}
		return numberKind
	}
	return anyKind
}

func (o *operand) kind() kind {
	switch o.class {
	case integer, float, exact:
		return numberKind
	case textual, octets, address:
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

// goTogether tells whether both servers and evalengine compare two kinds alike.
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
func (l *leaf) alike(what string, list ...sqlparser.Expr) {
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
