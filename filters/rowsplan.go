package filters

import (
	"errors"
	"fmt"
	"slices"

	"rowcast/cdc"
	"rowcast/filters/internal/where"
)

// opRow is the operation of a row that is sent as it is, not as it changes.
const opRow = cdc.Delete + 1

func opName(op cdc.Op) string {
	if op == opRow {
		return "row"
	}
	return op.String()
}

// RowsPlan is how a stream's rows are read from a table as it is, and become what
// a subscriber gets. It is immutable and safe for concurrent use.
type RowsPlan struct {
	set     *Set
	plan    *plan
	binding *Binding // nil without parameters
	sorting sorting
	columns []int

	sql      string
	key      string // of the binding
	residual where.Condition
}

// PlanRows plans how to read the rows of a stream for a binding, nil for none: in the
// configured order, or byKey in the order of the primary key, ascending. A *Fault
// says that the stream does not fit the table.
func (s *Set) PlanRows(stream int, t *cdc.Table, b *Binding, byKey bool) (*RowsPlan, error) {
	r := s.rules[stream]
	pl := s.planOf(r, t)
	if pl.err != nil {
		return nil, pl.err
	}
	p := &RowsPlan{set: s, plan: pl, binding: b, columns: pl.rowColumns()}
	var err error
	if byKey {
		p.sorting, err = keySorting(t)
	} else {
		p.sorting, err = r.order.bind(t, p.columns)
	}
	if err == nil {
		err = p.bind()
	}
	if err != nil {
		return nil, &Fault{fmt.Sprintf("%s: its rows can't be read", r), err}
	}
	return p, nil
}

// planOf is the rule's plan for a table, which may not be in use yet, or not any more:
// it is not noted as such.
func (s *Set) planOf(r *rule, t *cdc.Table) *plan {
	if v, ok := s.plans.byTable.Load(t); ok {
		for _, p := range v.([]*plan) {
			if p.rule == r {
				return p
			}
		}
	}
	return newPlan(r, t)
}

// rowColumns are the columns that rows need: those that are sent, of the key, of the
// order, and those that where, text and event name.
func (p *plan) rowColumns() []int {
	list := slices.Clone(p.table.Key)
	for _, c := range slices.Concat(p.cols, p.text) {
		list = append(list, c.index)
	}
	if p.pred != nil {
		list = append(list, p.pred.Columns()...)
	}
	for _, part := range p.event[opRow] {
		if part.index >= 0 {
			list = append(list, part.index)
		}
	}
	for _, term := range p.rule.order.terms {
		if i := p.table.Find(term.column); i >= 0 {
			list = append(list, i)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

var errNotBound = errors.New("rows of a stream with parameters need its values")

// bind prepares where with the binding's values.
func (p *RowsPlan) bind() error {
	pred := p.plan.pred
	if pred == nil {
		return nil
	}
	var values map[string]string
	if len(p.plan.rule.params) > 0 {
		if p.binding == nil || p.binding.rule.where.String() != pred.Source() {
			return errNotBound
		}
		values = p.binding.values
	}
	var err error
	if p.key, err = pred.Key(values); err != nil {
		return err
	}
	if p.residual, err = pred.Residual(values); err != nil {
		return err
	}
	p.sql, err = pred.SQL(values)
	return err
}

// Columns are those that the plan needs, as indexes into Table.Columns, ascending.
func (p *RowsPlan) Columns() []int { return p.columns }

// Where is what follows WHERE in SQL, clauses in brackets joined by AND; "": every row.
func (p *RowsPlan) Where() string { return p.sql }

// OrderBy is what follows ORDER BY in SQL.
func (p *RowsPlan) OrderBy() string { return p.sorting.sql() }

// Descends reports whether the order begins with what is highest.
func (p *RowsPlan) Descends() bool {
	return len(p.sorting.descends) > 0 && p.sorting.descends[0]
}

// Resumable reports whether a client can go on after a row by its key alone: rows
// come in the order of the primary key, of which no part is kept from clients.
func (p *RowsPlan) Resumable() bool {
	t := p.plan.table
	if len(t.Key) == 0 || len(p.sorting.sorts) != len(t.Key) || p.plan.key == nil {
		return false
	}
	for n, i := range t.Key {
		if p.sorting.sorts[n].Index() != i || p.sorting.descends[n] != p.sorting.descends[0] || p.plan.key[n].mask != plain {
			return false
		}
	}
	return true
}

// After is SQL for the rows that come after key, an image that has the primary key,
// in its ascending order. An index on the key serves it.
func (p *RowsPlan) After(key *cdc.Image) (string, error) {
	byKey, err := keySorting(p.plan.table)
	if err != nil {
		return "", err
	}
	sql := ""
	for _, s := range slices.Backward(byKey.sorts) {
		literal, err := s.AppendLiteral(nil, key)
		if err != nil {
			return "", err
		}
		greater := s.Operand() + " > " + string(literal)
		if sql == "" {
			sql = greater
			continue
		}
		equal := s.Operand() + " = " + string(literal)
		sql = fmt.Sprintf("%s >= %s AND (%s OR (%s AND %s))", s.Operand(), literal, greater, equal, sql)
	}
	return sql, nil
}

// Match judges a row by where. An error, a *Fault, means that it can't be judged.
func (p *RowsPlan) Match(im *cdc.Image) (bool, error) {
	if p.plan.pred == nil {
		return true, nil
	}
	ok, err := p.match(im)
	if err != nil {
		return false, p.plan.rule.unjudged(err)
	}
	return ok, nil
}

func (p *RowsPlan) match(im *cdc.Image) (bool, error) {
	e, pred := where.Borrow(), p.plan.pred
	defer where.GiveBack(e)
	e.Reset()
	row, err := e.Load(after, pred, im)
	if err != nil {
		return false, err
	}
	if v, err := e.Eval(pred.Static(), row); err != nil || v != where.True {
		return false, err
	}
	if pred.HasKeys() && !e.HasKey(pred, row, p.key) {
		return false, nil
	}
	v, err := e.Eval(p.residual, row)
	return v == where.True, err
}

// AppendPlace adds where a row stands in the plan's order.
func (p *RowsPlan) AppendPlace(dst []byte, im *cdc.Image) ([]byte, error) {
	e := where.Borrow()
	defer where.GiveBack(e)
	e.Reset()
	dst, ok, err := e.AppendPlace(dst, p.sorting.sorts, im)
	if err != nil || !ok {
		return dst, p.unplaced(err)
	}
	if len(p.plan.table.Key) > 0 {
		return dst, nil
	}
	// Rows that can't be told apart by their order are told apart by all that they hold.
	for _, i := range p.columns {
		if dst, err = appendWhole(dst, im, i); err != nil {
			return dst, p.unplaced(err)
		}
	}
	return dst, nil
}

func (p *RowsPlan) unplaced(err error) error {
	if err == nil {
		err = errors.New("the row lacks a column that it is sorted by")
	}
	return &Fault{fmt.Sprintf("%s: a row can't be sorted", p.plan.rule), err}
}

// appendWhole adds a column's value so that equal bytes mean equal rows.
func appendWhole(dst []byte, im *cdc.Image, i int) ([]byte, error) {
	if !im.Has(i) || im.IsNull(i) {
		return append(dst, 0), nil
	}
	start := len(dst)
	dst, err := im.AppendText(append(dst, 1, 0, 0, 0, 0), i)
	if err == nil {
		size := uint32(len(dst) - start - 5)
		dst[start+1], dst[start+2], dst[start+3], dst[start+4] = byte(size>>24), byte(size>>16), byte(size>>8), byte(size)
	}
	return dst, err
}

// Compare compares two places in the plan's order: 0 only for the places of one row,
// or in a table without a primary key of equal rows.
func (p *RowsPlan) Compare(a, b []byte) int {
	return where.ComparePlaces(p.sorting.sorts, p.sorting.descends, a, b)
}

// Within reports of a frame's tag whether the row before the change, and the row
// after it, stand at or before a place in the ascending order of the primary key: one
// that a plan by key has made, or a Resumable one. What an insert has replaced and what
// a delete has left are not rows of its stream. Of an update, and of the frames that
// are Crossing, it tells both: a client takes such a delete if only the row before is
// within, such an insert if only the row after is, and the update if both are. ok is
// false where that can't be told, since the change is of another definition of the key.
func (p *RowsPlan) Within(tag any, key []byte) (first, second, ok bool) {
	t, isTag := tag.(*rowsTag)
	if !isTag || t.places.format != p.plan.placeFormat {
		return false, false, false
	}
	in := func(side int, without cdc.Op) bool {
		place := t.places.at[side]
		return place != nil && (t.crossing || t.op != without) && where.ComparePlaces(p.plan.keySorts, nil, place, key) <= 0
	}
	return in(before, cdc.Insert), in(after, cdc.Delete), true
}

// Text tells that what Render gives is text, not JSON.
func (p *RowsPlan) Text() bool { return p.plan.rule.form == formText }

// Render makes of a row what a subscriber gets. event and data are valid until emit
// returns.
func (p *RowsPlan) Render(im *cdc.Image, emit func(event string, data []byte) error) error {
	sc := p.set.scratch.Get().(*scratch)
	defer p.set.release(sc)
	sc.current = cdc.Change{Table: p.plan.table, After: im}
	defer func() { sc.current = cdc.Change{} }()
	data, err := sc.payload(p.plan, &sc.current, opRow)
	if err != nil {
		return err
	}
	event, err := sc.eventName(p.plan, &sc.current, opRow)
	if err != nil {
		return err
	}
	return emit(event, data)
}
