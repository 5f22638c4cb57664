package filters

import (
	"errors"
	"fmt"
	"strings"
)

// name is the schema.table of an entry, either part of which may hold *.
type name struct {
	schema, table string
	wild          bool
}

func parseName(s string) (name, error) {
	if s == "" {
		return name{}, errors.New(`it is missing; write schema.table, or schema.* for all tables of a schema`)
	}
	schema, table, ok := strings.Cut(s, ".")
	if !ok || schema == "" || table == "" {
		return name{}, fmt.Errorf(`%q is not schema.table, such as "draft.picks" or "draft.*"`, s)
	}
	if strings.ContainsAny(s, "\r\n\x00") {
		return name{}, fmt.Errorf("%q holds a character that can't be in it; write schema.table", s)
	}
	if isQuoted(schema) || isQuoted(table) {
		return name{}, fmt.Errorf("%q has quotes around a name; write schema.table without quotes", s)
	}
	return name{schema: schema, table: table, wild: strings.Contains(s, "*")}, nil
}

// isQuoted reports whether a name was written as in SQL. One backtick may be part of it.
func isQuoted(name string) bool {
	return len(name) > 1 && name[0] == '`' && name[len(name)-1] == '`'
}

// matches reports whether a table goes by this name. It does not allocate.
func (n *name) matches(schema, table []byte) bool {
	return match(n.schema, schema) && match(n.table, table)
}

// match is the one wildcard, *: any number of bytes.
func match(pattern string, s []byte) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && pattern[p] == s[i]:
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// overlaps reports whether some table goes by both names.
func (n *name) overlaps(m *name) bool {
	return intersect(n.schema, m.schema) && intersect(n.table, m.table)
}

// intersect reports whether some text matches both patterns.
func intersect(a, b string) bool {
	row := make([]bool, len(b)+1) // row[j]: a[i:] and b[j:] have a text in common
	for i := len(a); i >= 0; i-- {
		next := append([]bool(nil), row...)
		for j := len(b); j >= 0; j-- {
			switch {
			case i == len(a) && j == len(b):
				row[j] = true
			case i < len(a) && a[i] == '*':
				row[j] = next[j] || j < len(b) && row[j+1]
			case j < len(b) && b[j] == '*':
				row[j] = row[j+1] || i < len(a) && next[j]
			default:
				row[j] = i < len(a) && j < len(b) && a[i] == b[j] && next[j+1]
			}
		}
	}
	return row[0]
}
