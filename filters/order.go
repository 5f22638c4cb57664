package filters

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"rowcast/cdc"
	"rowcast/filters/internal/where"
	"rowcast/internal/nearest"
)

// ordering is how rows are sorted, as the config says it.
type ordering struct {
	source string
	terms  []orderTerm
}

// orderTerm is one column of an ordering.
type orderTerm struct {
	column   string
	descends bool
}

const (
	maxOrder      = 4096 // bytes
	maxOrderTerms = 64
)

// parseOrder reads what follows ORDER BY: names of columns, each with ASC or DESC.
func parseOrder(source string) (ordering, error) {
	o := ordering{source: source}
	switch {
	case len(source) > maxOrder:
		return ordering{}, fmt.Errorf("it has %d bytes, at most %d are allowed", len(source), maxOrder)
	case !utf8.ValidString(source) || strings.ContainsRune(source, 0):
		return ordering{}, errors.New("it is not valid UTF-8 text")
	}
	s := orderScanner{rest: source}
	for {
		t, err := s.term()
		if err != nil {
			return ordering{}, err
		}
		for _, other := range o.terms {
			if strings.EqualFold(other.column, t.column) {
				return ordering{}, fmt.Errorf("column %q is listed twice", t.column)
			}
		}
		if o.terms = append(o.terms, t); len(o.terms) > maxOrderTerms {
			return ordering{}, fmt.Errorf("it has more than %d columns", maxOrderTerms)
		}
		switch sep, _ := s.next(); sep {
		case "":
			return o, nil
		case ",":
		default:
			return ordering{}, fmt.Errorf("%.40q is not expected after column %q; write columns with commas between them, as \"created DESC, id\"", sep, t.column)
		}
	}
}

// orderScanner splits an order into words, names in backticks and commas.
type orderScanner struct{ rest string }

func (s *orderScanner) term() (orderTerm, error) {
	word, name := s.next()
	switch {
	case word == "":
		return orderTerm{}, errors.New(`a column is missing; write it as "created DESC, id"`)
	case name == "" && word[0] == '`':
		return orderTerm{}, fmt.Errorf("%.40q is not a name in backticks", word)
	case name == "":
		return orderTerm{}, fmt.Errorf("%.40q is not a column; only columns can be named here, each with ASC or DESC, as \"created DESC, id\"", word)
	}
	t := orderTerm{column: name}
	before := *s
	switch direction, _ := s.next(); {
	case strings.EqualFold(direction, "DESC"):
		t.descends = true
	case strings.EqualFold(direction, "ASC"):
	case direction == "" || direction == ",":
		*s = before
	default:
		return orderTerm{}, fmt.Errorf("%.40q after column %q is not ASC or DESC%s", direction, name, nearest.DidYouMean(direction, []string{"ASC", "DESC"}))
	}
	return t, nil
}

// next is the next word, or other character, as it is written; "" at the end. name is
// what it names, "" where it can't be a name.
func (s *orderScanner) next() (word, name string) {
	s.rest = strings.TrimLeft(s.rest, " \t\r\n")
	if s.rest == "" {
		return "", ""
	}
	end := 0
	switch c := s.rest[0]; {
	case c == '`':
		name, end = quotedName(s.rest)
	case isNameByte(c):
		for end < len(s.rest) && isNameByte(s.rest[end]) {
			end++
		}
		name = s.rest[:end]
	default:
		_, end = utf8.DecodeRuneInString(s.rest)
	}
	word, s.rest = s.rest[:end], s.rest[end:]
	return word, name
}

// quotedName reads a name in backticks, in which two stand for one. It is "" where the
// last one is missing.
func quotedName(s string) (name string, end int) {
	var out strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] == '`' {
			if i+1 == len(s) || s[i+1] != '`' {
				return out.String(), i + 1
			}
			i++
		}
		out.WriteByte(s[i])
	}
	return "", len(s)
}

func isNameByte(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf
}

// sorting is an ordering of a table's rows that tells any two of them apart, as far as
// the table's columns do.
type sorting struct {
	sorts    []*where.Sort
	descends []bool
}

func (o *sorting) add(s *where.Sort, descends bool) {
	o.sorts, o.descends = append(o.sorts, s), append(o.descends, descends)
}

func (o *sorting) has(i int) bool {
	for _, s := range o.sorts {
		if s.Index() == i {
			return true
		}
	}
	return false
}

// sql is what follows ORDER BY.
func (o *sorting) sql() string {
	var b strings.Builder
	for i, s := range o.sorts {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(s.SQL())
		if o.descends[i] {
			b.WriteString(" DESC")
		}
	}
	return b.String()
}

// keySorting sorts by the primary key, ascending.
func keySorting(t *cdc.Table) (o sorting, err error) {
	if len(t.Key) == 0 {
		return o, fmt.Errorf("%s has no primary key", t)
	}
	for _, i := range t.Key {
		s, err := where.NewSort(t, i)
		if err != nil {
			return sorting{}, fmt.Errorf("rows can't be sorted by the primary key: %w", err)
		}
		o.add(s, false)
	}
	return o, nil
}

// bind looks for the columns in a table, and adds those that tell rows apart, in the
// direction of the last: the primary key, or else what can be compared of columns.
func (o *ordering) bind(t *cdc.Table, columns []int) (sorting, error) {
	var out sorting
	last := true
	for _, term := range o.terms {
		i := t.Find(term.column)
		if i < 0 {
			return out, fmt.Errorf("%q is not a column of %s%s", term.column, t, nearest.Suggest(term.column, where.ColumnNames(t)))
		}
		s, err := where.NewSort(t, i)
		if err != nil {
			return out, err
		}
		out.add(s, term.descends)
		last = term.descends
	}
	for _, i := range t.Key {
		if out.has(i) {
			continue
		}
		s, err := where.NewSort(t, i)
		if err != nil {
			return out, fmt.Errorf("the primary key is a part of every order: %w", err)
		}
		out.add(s, last)
	}
	if len(t.Key) > 0 {
		return out, nil
	}
	for _, i := range columns {
		if s, err := where.NewSort(t, i); err == nil && !out.has(i) && !isLOB(&t.Columns[i]) {
			out.add(s, last)
		}
	}
	return out, nil
}
