package filters

import (
	"bytes"
	"encoding/json"
	"fmt"

	"vitess.io/vitess/go/sqltypes"
	"vitess.io/vitess/go/vt/sqlparser"
)

// contains is JSON_CONTAINS(column, 'candidate'[, '$.path']), which evalengine
// does not have.
type contains struct {
	col       int
	candidate any
	path      []string // of members, from the root
	absent    verdict  // where the path leads nowhere: NULL in MySQL, false in MariaDB
}

// jsonContains recognises one with a column and literals.
func (l *leaf) jsonContains(e *sqlparser.JSONContainsExpr) (*contains, error) {
	o := l.operand(e.Target)
	if o == nil || o.class != document && (o.class != textual || o.decl != "JSON") {
		return nil, fmt.Errorf("JSON_CONTAINS works on a column of type JSON only")
	}
	c := &contains{col: l.p.column(o.name), absent: isNull}
	if o.class == textual {
		c.absent = isFalse
	}
	candidate := l.jsonLiteral(e.Candidate)
	if candidate == nil {
		return nil, fmt.Errorf(`the second argument of JSON_CONTAINS must be a JSON literal, such as '"goal"' or '7', or JSON_QUOTE(:param)`)
	}
	var err error
	if c.candidate, err = decodeJSON(candidate); err != nil {
		return nil, fmt.Errorf("the second argument of JSON_CONTAINS is not valid JSON; write '\"goal\"' or '7'")
	}
	if len(e.PathList) > 1 {
		return nil, fmt.Errorf("JSON_CONTAINS takes one path")
	}
	for _, p := range e.PathList {
		lit, ok := p.(*sqlparser.Literal)
		if !ok || lit.Type != sqlparser.StrVal {
			return nil, fmt.Errorf("the path of JSON_CONTAINS must be a literal, such as '$.tags'")
		}
		if c.path, ok = memberPath(lit.Val); !ok {
			return nil, fmt.Errorf("the path of JSON_CONTAINS may name members only, as '$.event.tags' does")
		}
	}
	return c, nil
}

// jsonLiteral is the text of a JSON literal; nil where it is none.
func (l *leaf) jsonLiteral(e sqlparser.Expr) []byte {
	switch e := e.(type) {
	case *sqlparser.Literal:
		if e.Type == sqlparser.StrVal {
			return []byte(e.Val)
		}
	case *sqlparser.JSONQuoteExpr:
		var s string
		switch x := e.StringArg.(type) {
		case *sqlparser.Argument:
			s = l.values[x.Name]
		case *sqlparser.Literal:
			s = x.Val
		default:
			return nil
		}
		b, err := json.Marshal(s)
		if err == nil {
			return b
		}
	}
	return nil
}

// memberPath reads $.a.b, without quotes, wildcards and array cells.
func memberPath(s string) ([]string, bool) {
	if s == "$" {
		return nil, true
	}
	if len(s) < 3 || s[:2] != "$." {
		return nil, false
	}
	var path []string
	for _, part := range bytes.Split([]byte(s[2:]), []byte(".")) {
		if !paramName.Match(part) {
			return nil, false
		}
		path = append(path, string(part))
	}
	return path, true
}

func decodeJSON(b []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err = d.Decode(&v); err == nil && d.More() {
		err = fmt.Errorf("more than one value")
	}
	return v, err
}

func (c *contains) test(row []sqltypes.Value) (verdict, error) {
	v := row[c.col]
	if v.IsNull() {
		return isNull, nil
	}
	doc, err := decodeJSON(v.Raw())
	if err != nil {
		return isNull, fmt.Errorf("where: JSON_CONTAINS: the column does not hold valid JSON in this row")
	}
	for _, name := range c.path {
		object, _ := doc.(map[string]any) // of anything else no member is found
		member, ok := object[name]
		if !ok {
			return c.absent, nil
		}
		doc = member
	}
	return truth(holdsJSONValue(doc, c.candidate)), nil
}

// holdsJSONValue: an array holds what one of its elements holds, and another
// array whose elements it holds all; an object holds one whose members it holds.
func holdsJSONValue(target, candidate any) bool {
	if list, ok := target.([]any); ok {
		if wanted, ok := candidate.([]any); ok {
			for _, w := range wanted {
				if !anyHolds(list, w) {
					return false
				}
			}
			return true
		}
		return anyHolds(list, candidate)
	}
	if object, ok := target.(map[string]any); ok {
		wanted, ok := candidate.(map[string]any)
		if !ok {
			return false
		}
		for name, w := range wanted {
			v, ok := object[name]
			if !ok || !holdsJSONValue(v, w) {
				return false
			}
		}
		return true
	}
	return sameScalar(target, candidate)
}

func anyHolds(list []any, candidate any) bool {
	for _, v := range list {
		if holdsJSONValue(v, candidate) {
			return true
		}
	}
	return false
}

func sameScalar(a, b any) bool {
	x, ok := a.(json.Number)
	y, ok2 := b.(json.Number)
	if ok && ok2 {
		if x == y {
			return true
		}
		if wholeNumber.MatchString(x.String()) && wholeNumber.MatchString(y.String()) {
			return false // a float would make neighbours of 2^53 equal
		}
		p, err := x.Float64()
		q, err2 := y.Float64()
		return err == nil && err2 == nil && p == q
	}
	switch a.(type) {
	case nil, bool, string:
		switch b.(type) {
		case nil, bool, string:
			return a == b
		}
	}
	return false
}
