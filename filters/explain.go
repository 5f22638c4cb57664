package filters

import (
	"fmt"
	"strings"

	"vitess.io/vitess/go/sqltypes"
	"vitess.io/vitess/go/vt/sqlparser"

	"rowcast/cdc"
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
// every row matches. See Ops for the rest of the verdict.
func (s *Set) Explain(stream int, c *cdc.Change, b *Binding) []Clause {
	r := s.rules[stream]
	if r.where == nil {
		return nil
	}
	p, err := r.where.bind(c.Table)
	if err != nil {
		return []Clause{{Text: r.where.source, Err: err}}
	}
	pl := newPlan(r, c.Table)
	values := r.where.samples()
	if b != nil {
		values = b.values
	}
	x := explainer{pl: pl, p: p, change: c}
	for side, im := range x.images() {
		if im != nil && x.err == nil {
			x.rows[side], x.err = x.eval.load(side, p, im)
		}
	}
	clauses := make([]Clause, 0, len(r.where.clauses))
	for _, cl := range r.where.clauses {
		clauses = append(clauses, x.clause(cl, values, b != nil))
	}
	return clauses
}

// explainer holds what the clauses of one change have in common.
type explainer struct {
	pl     *plan
	p      *predicate
	change *cdc.Change
	eval   evaluator
	rows   [2][]sqltypes.Value
	err    error
}

func (x *explainer) images() [2]*cdc.Image {
	return [2]*cdc.Image{x.change.Before, x.change.After}
}

func (x *explainer) clause(c *clause, values map[string]string, given bool) Clause {
	out := Clause{Text: c.text, Err: x.err, Values: x.values(c)}
	if out.Err != nil {
		return out
	}
	for _, name := range c.params {
		if !given && values[name] == "" {
			return out
		}
	}
	n, err := x.p.compile(c.expr, values)
	if err != nil {
		out.Err = err
		return out
	}
	for side, text := range []*string{&out.Before, &out.After} {
		if x.images()[side] == nil {
			continue
		}
		v, err := x.eval.test(n, x.rows[side])
		if err != nil {
			out.Err = err
			return out
		}
		*text = v.String()
	}
	return out
}

func (x *explainer) values(c *clause) []Value {
	var list []Value
	seen := map[string]bool{}
	_ = sqlparser.Walk(func(n sqlparser.SQLNode) (bool, error) {
		col, ok := n.(*sqlparser.ColName)
		if name := ""; ok {
			name = strings.ToLower(col.Name.String())
			if !seen[name] {
				seen[name] = true
				list = append(list, x.value(x.p.column(name)))
			}
		}
		return true, nil
	}, c.expr)
	return list
}

// value shows a column only if it is sent as it is.
func (x *explainer) value(i int) Value {
	o := &x.p.cols[i]
	v := Value{Column: o.name, Hidden: true}
	for _, c := range x.pl.cols {
		if c.index == o.index && c.mask == plain {
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
		case !im.Has(o.index):
			*text = "(not in the row image)"
		case im.IsNull(o.index):
			*text = "NULL"
		default:
			b, err := im.AppendText(nil, o.index)
			if err != nil {
				*text = fmt.Sprintf("(%s)", err)
				continue
			}
			*text = strings.ToValidUTF8(string(b), "�")
		}
	}
	return v
}
