package filters

import (
	"fmt"
	"strings"

	"rowcast/cdc"
	"rowcast/filters/internal/where"
)

// Clause is what one operand of a where's topmost AND says of a change.
type Clause struct {
	Text   string // as MySQL would write it
	Before string // true, false or null; "" where there is no such image, or the clause needs values that are not given
	After  string
	Values []Value // of the columns it names
	Err    error   // why it can't be judged
}

// Value is a column's value before and after, as SELECT prints it.
type Value struct {
	Column        string
	Before, After string
	Hidden        bool // masked, or not in columns: the values are left empty
}

// Explain judges each clause of a stream's where for a change, with the
// defaults of its parameters unless b gives others. There are no clauses where
// every row matches.
func (s *Set) Explain(stream int, c *cdc.Change, b *Binding) []Clause {
	r := s.rules[stream]
	if r.where == nil {
		return nil
	}
	pl := newPlan(r, c.Table)
	if pl.pred == nil {
		return []Clause{{Text: r.where.String(), Err: pl.err}}
	}
	x := explainer{pl: pl, change: c, values: r.defaults()}
	if b != nil {
		x.values, x.bound = b.values, true
	}
	for side, im := range x.images() {
		if im != nil && x.err == nil {
			x.rows[side], x.err = x.eval.Load(side, pl.pred, im)
		}
	}
	var clauses []Clause
	for i, cl := range pl.pred.Clauses() {
		clauses = append(clauses, x.clause(i, cl))
	}
	return clauses
}

// explainer holds what the clauses of one change have in common.
type explainer struct {
	pl     *plan
	change *cdc.Change
	values map[string]string
	bound  bool // values are a request's
	eval   where.Evaluator
	rows   [2]where.Row
	err    error
}

func (x *explainer) images() [2]*cdc.Image {
	return [2]*cdc.Image{x.change.Before, x.change.After}
}

func (x *explainer) clause(i int, c where.Clause) Clause {
	out := Clause{Text: c.Text, Err: x.err}
	for _, col := range c.Columns {
		out.Values = append(out.Values, x.value(col))
	}
	if out.Err != nil {
		return out
	}
	for _, name := range c.Params {
		if !x.bound && x.values[name] == "" {
			return out
		}
	}
	condition, err := x.pl.pred.Clause(i, x.values)
	if err != nil {
		out.Err = err
		return out
	}
	for side, text := range []*string{&out.Before, &out.After} {
		if x.images()[side] == nil {
			continue
		}
		v, err := x.eval.Eval(condition, x.rows[side])
		if err != nil {
			out.Err = err
			return out
		}
		*text = v.String()
	}
	return out
}

// value shows a column only if it is sent as it is.
func (x *explainer) value(index int) Value {
	v := Value{Column: x.pl.table.Columns[index].Name, Hidden: true}
	for _, c := range x.pl.cols {
		if c.index == index && c.mask == plain {
			v.Hidden = false
		}
	}
	if v.Hidden {
		return v
	}
	for side, text := range []*string{&v.Before, &v.After} {
		im := x.images()[side]
		switch {
		case im == nil:
		case !im.Has(index):
			*text = "(not in the row image)"
		case im.IsNull(index):
			*text = "NULL"
		default:
			b, err := im.AppendText(nil, index)
			if err != nil {
				*text = fmt.Sprintf("(%s)", err)
				continue
			}
			*text = strings.ToValidUTF8(string(b), "�")
		}
	}
	return v
}
