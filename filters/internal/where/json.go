package where

import (
	"bytes"
	"encoding/json"
	"errors"

	"vitess.io/vitess/go/vt/sqlparser"
)

// contains is JSON_CONTAINS(column, 'candidate'[, '$.path']), which evalengine
// does not have.
type contains struct {
	col       int
	candidate any
	path      []string // of members, from the root
	absent    Verdict  // where the path leads nowhere: NULL in MySQL, false in MariaDB
}

// jsonContains compiles one with a column and literals.
func (c *compiler) jsonContains(e *sqlparser.JSONContainsExpr) (test, error) {
	t := &contains{col: c.p.column(e.Target), absent: Null}
	switch {
	case t.col >= 0 && c.p.cols[t.col].class == document:
	case t.col >= 0 && c.p.cols[t.col].class == textual && c.p.cols[t.col].decl == "JSON":
		t.absent = False
	default:
		return nil, errors.New("JSON_CONTAINS works on a column of type JSON only")
	}
	candidate := c.jsonLiteral(e.Candidate)
	if candidate == nil {
		return nil, errors.New(`the second argument of JSON_CONTAINS must be a JSON literal, such as '"goal"' or '7', or JSON_QUOTE(:param)`)
	}
	var err error
	if t.candidate, err = decodeJSON(candidate); err != nil {
		return nil, errors.New("the second argument of JSON_CONTAINS is not valid JSON; write '\"goal\"' or '7'")
	}
	if len(e.PathList) > 1 {
		return nil, errors.New("JSON_CONTAINS takes one path")
	}
	for _, p := range e.PathList {
		lit, ok := p.(*sqlparser.Literal)
		if !ok || lit.Type != sqlparser.StrVal {
			return nil, errors.New("the path of JSON_CONTAINS must be a literal, such as '$.tags'")
		}
		if t.path, ok = memberPath(lit.Val); !ok {
			return nil, errors.New("the path of JSON_CONTAINS may name members only, as '$.event.tags' does")
		}
	}
	return t, nil
}

// jsonLiteral is the text of a JSON literal; nil: it is not one.
func (c *compiler) jsonLiteral(e sqlparser.Expr) []byte {
	switch e := e.(type) {
	case *sqlparser.Literal:
		if e.Type == sqlparser.StrVal {
			return []byte(e.Val)
		}
	case *sqlparser.JSONQuoteExpr:
		var s string
		switch x := e.StringArg.(type) {
		case *sqlparser.Argument:
			s = c.values[x.Name]
		case *sqlparser.Literal:
			s = x.Val
		default:
			return nil
		}
		b, _ := json.Marshal(s) // a string can always be encoded
		return b
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
		err = errors.New("more than one value")
	}
	return v, err
}

func (t *contains) eval(_ *Evaluator, row Row) (Verdict, error) {
	value := row[t.col]
	if value == nil {
		return Null, nil
	}
	doc, err := decodeJSON(value)
	if err != nil {
		return Null, errors.New("where: JSON_CONTAINS: the column does not hold valid JSON in this row")
	}
	for _, name := range t.path {
		object, _ := doc.(map[string]any) // nothing else has members
		member, ok := object[name]
		if !ok {
			return t.absent, nil
		}
		doc = member
	}
	return truth(holdsJSONValue(doc, t.candidate)), nil
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
