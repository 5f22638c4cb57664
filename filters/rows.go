package filters

import (
	"crypto/sha256"
	"fmt"
	"strconv"

	"rowcast/internal/nearest"
)

// RowsConfig is how many rows of a stream a subscriber begins with; the zero value:
// none.
type RowsConfig struct {
	Limit int
	All   bool // without a limit
}

// maxRows bounds a limit: more are "all", which are sent piece by piece.
const maxRows = 1_000_000

const allRows = "all"

// Any reports whether there are rows to begin with.
func (c RowsConfig) Any() bool { return c.All || c.Limit != 0 }

// String is a number, "all", or "" for none.
func (c RowsConfig) String() string {
	switch {
	case c.All:
		return allRows
	case c.Limit == 0:
		return ""
	}
	return strconv.Itoa(c.Limit)
}

// UnmarshalTOML takes a whole number or "all".
func (c *RowsConfig) UnmarshalTOML(value any) error {
	switch v := value.(type) {
	case int64:
		if v < 0 || v > maxRows {
			return fmt.Errorf(`%d is out of range; write a number from 0 to %d, or %q`, v, maxRows, allRows)
		}
		*c = RowsConfig{Limit: int(v)}
		return nil
	case string:
		if v == allRows {
			*c = RowsConfig{All: true}
			return nil
		}
		return fmt.Errorf(`%q is not allowed; write a number without quotes, or %q%s`, v, allRows, nearest.DidYouMean(v, []string{allRows}))
	}
	return fmt.Errorf(`must be a whole number without quotes, or %q`, allRows)
}

// Rows is how many rows a subscriber of a stream begins with.
func (s *Set) Rows(stream int) RowsConfig { return s.rules[stream].rows }

func (r *rule) compileRows(t *Table, p *problems) {
	r.rows = t.Rows
	switch {
	case r.rows.Any() && r.name.wild:
		p.add("rows", "%q stands for several tables, and rows are those of one; write an entry for each table that has rows", t.Name)
	case r.rows.Limit < 0 || r.rows.Limit > maxRows || r.rows.All && r.rows.Limit != 0:
		p.add("rows", "%d is out of range; write a number from 0 to %d, or %q", r.rows.Limit, maxRows, allRows)
	}
	if t.Order == "" {
		return
	}
	if !r.rows.Any() {
		p.add("order", "it says which rows a subscriber begins with, and there are none; set rows, or leave it out")
	}
	var err error
	if r.order, err = parseOrder(t.Order); err != nil {
		p.add("order", "%s", err)
	}
}

// Fingerprint is equal for two compilations by which a stream has the same rows and
// changes.
func (s *Set) Fingerprint(stream int) string { return s.rules[stream].fingerprint }

func fingerprint(t Table, o *Options) string {
	t.Line = 0
	sum := sha256.Sum256(fmt.Appendf(nil, "%#v %#v", t, *o)) // maps are printed in the order of their keys
	return string(sum[:])
}
