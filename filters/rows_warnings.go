package filters

import (
	"fmt"
	"slices"
	"strings"

	"rowcast/cdc"
	"rowcast/filters/internal/where"
)

// RowsWarnings says what makes the rows of stream i costly, or less than they could be:
// none where it has no rows. indexes are the columns of each index of the table, the
// primary key among them.
func (s *Set) RowsWarnings(i int, t *cdc.Table, indexes [][]string) []string {
	r := s.rules[i]
	pl := &plan{rule: r, table: t}
	if !r.rows.Any() || len(pl.bind().errs) > 0 {
		return nil
	}
	order, err := r.order.bind(t, pl.rowColumns())
	if err != nil {
		return nil // CheckTable says it
	}
	w := rowsWarner{plan: pl, order: order, indexes: indexes}
	for _, warning := range []string{w.unkeyed(), w.resumes(), w.sorts(), w.scans()} {
		if warning != "" {
			w.list = append(w.list, warning)
		}
	}
	return w.list
}

type rowsWarner struct {
	plan    *plan
	order   sorting
	indexes [][]string
	list    []string
}

func (w *rowsWarner) unkeyed() string {
	if len(w.plan.table.Key) > 0 {
		return ""
	}
	return fmt.Sprintf("%s has no primary key, so that its rows come all at once, from the first one again after each break, and a page can't tell which of them a change is of: ALTER TABLE %s ADD PRIMARY KEY (…)",
		w.plan.table, quoted(w.plan.table))
}

// resumes says why a client that is cut off within many rows begins them again.
func (w *rowsWarner) resumes() string {
	t := w.plan.table
	p := RowsPlan{plan: w.plan, sorting: w.order}
	if !w.plan.rule.rows.All || len(t.Key) == 0 || p.Resumable() {
		return ""
	}
	why := "their order is not that of the primary key"
	if w.plan.key == nil {
		why = "a part of the primary key is not sent"
	} else if slices.ContainsFunc(w.plan.key, func(c column) bool { return c.mask != plain }) {
		why = "a part of the primary key is masked"
	}
	return fmt.Sprintf("a client that is cut off within the rows of %s gets them from the first one again, since %s", t, why)
}

// sorts says that the server sorts rows each time that they are loaded.
func (w *rowsWarner) sorts() string {
	t := w.plan.table
	for _, s := range w.order.sorts {
		if !s.Indexed() {
			return fmt.Sprintf("rows of %s are sorted by %s, which no index does: each load reads and sorts all of them", t, s.SQL())
		}
	}
	if slices.ContainsFunc(w.indexes, w.serves) || len(t.Key) == 0 {
		return ""
	}
	mixed := ""
	columns := w.fixed()
	for n, s := range w.order.sorts {
		if !columnIn(columns, s.Name()) && !slices.Contains(t.Key, s.Index()) {
			columns = append(columns, s.Name())
		}
		if w.order.descends[n] != w.order.descends[0] {
			mixed = ", in these directions"
		}
	}
	if mixed != "" {
		return fmt.Sprintf("rows of %s are sorted up by one column and down by another, which only an index with the same directions serves: without one, each load reads and sorts all of them", t)
	}
	return fmt.Sprintf("rows of %s are sorted by %s, and no index has them in that order, so that each load reads and sorts all of them: %s", t, w.order.sql(), addIndex(t, columns))
}

// serves reports whether an index has the rows in the order.
func (w *rowsWarner) serves(index []string) bool {
	t, fixed := w.plan.table, w.fixed()
	columns := slices.Clone(index)
	for _, i := range t.Key { // InnoDB's indexes end with the primary key
		if name := t.Columns[i].Name; !columnIn(columns, name) {
			columns = append(columns, name)
		}
	}
	var direction *bool
	for n, s := range w.order.sorts {
		if columnIn(fixed, s.Name()) {
			continue
		}
		for len(columns) > 0 && columnIn(fixed, columns[0]) {
			columns = columns[1:]
		}
		if len(columns) == 0 || !strings.EqualFold(columns[0], s.Name()) || direction != nil && *direction != w.order.descends[n] {
			return false
		}
		direction, columns = &w.order.descends[n], columns[1:]
	}
	return true
}

// fixed are the columns that where compares with one value.
func (w *rowsWarner) fixed() (names []string) {
	if w.plan.pred == nil {
		return nil
	}
	for _, i := range w.plan.pred.Fixed() {
		names = append(names, w.plan.table.Columns[i].Name)
	}
	return names
}

// scans says that no index helps to find the rows that match.
func (w *rowsWarner) scans() string {
	t := w.plan.table
	if w.plan.pred == nil {
		return ""
	}
	var names []string
	for _, i := range w.plan.pred.Columns() {
		names = append(names, t.Columns[i].Name)
	}
	if len(names) == 0 || slices.ContainsFunc(w.indexes, func(index []string) bool { return len(index) > 0 && columnIn(names, index[0]) }) {
		return ""
	}
	columns := w.fixed()
	if len(columns) == 0 {
		columns = names[:1]
	}
	return fmt.Sprintf("no index of %s begins with a column that where names, so that each load of its rows may read the whole table: %s", t, addIndex(t, columns))
}

func addIndex(t *cdc.Table, columns []string) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = where.QuoteName(c)
	}
	return fmt.Sprintf("ALTER TABLE %s ADD INDEX (%s)", quoted(t), strings.Join(names, ", "))
}

func quoted(t *cdc.Table) string { return where.QuoteName(t.Schema) + "." + where.QuoteName(t.Name) }
