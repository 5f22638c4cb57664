package where

import (
	"context"
	"fmt"
	"sync"
	"time"

	"vitess.io/vitess/go/sqltypes"
	"vitess.io/vitess/go/vt/vtenv"
	"vitess.io/vitess/go/vt/vtgate/evalengine"

	"rowcast/cdc/row"
)

// Evaluator judges rows. It is reused, so that judging allocates nothing once its
// buffers have grown, and is not safe for concurrent use.
type Evaluator struct {
	rows    [2]Row
	values  []byte    // what rows refer to
	scratch [2][]byte // of forms: of one side of a comparison and the other
	key     []byte

	env    *evalengine.ExpressionEnv // nil: to be made
	null   evalengine.EvalResult
	row    []sqltypes.Value
	digits []byte // of integers, for evalengine
}

// maxScratch is how much an evaluator may keep: a single huge row must not stay in
// memory for ever.
const maxScratch = 1 << 20

// Small reports whether the evaluator may be kept for the next row.
func (e *Evaluator) Small() bool {
	return cap(e.values) <= maxScratch && cap(e.scratch[0]) <= maxScratch && cap(e.scratch[1]) <= maxScratch
}

var evaluators = sync.Pool{New: func() any { return new(Evaluator) }}

// Borrow is an Evaluator of a pool: for bindings, of which there may be many more
// than are judged at a time.
func Borrow() *Evaluator { return evaluators.Get().(*Evaluator) }

// GiveBack returns an Evaluator to the pool, unless a huge row has made it huge.
func GiveBack(e *Evaluator) {
	if e.Small() {
		evaluators.Put(e)
	}
}

// Reset lets the rows that were loaded be overwritten.
func (e *Evaluator) Reset() { e.values = e.values[:0] }

// Load reads the columns that the predicate names from an image; side is 0 or 1,
// for the image before and the one after. The Row is valid until Reset.
func (e *Evaluator) Load(side int, p *Predicate, im *row.Image) (Row, error) {
	values := e.rows[side][:0]
	for i := range p.cols {
		c := &p.cols[i]
		if !im.Has(c.index) {
			return nil, fmt.Errorf("the row image lacks column %q, which where needs: set binlog_row_image=FULL", c.name)
		}
		var value []byte
		var err error
		if e.values, value, err = c.read(e.values, im); err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	e.rows[side] = values
	return values, nil
}

// Eval judges one condition over a row.
func (e *Evaluator) Eval(c Condition, row Row) (Verdict, error) {
	if c.test == nil {
		return True, nil
	}
	return c.test.eval(e, row)
}

// form is the form of a value, until the next one is asked for; nil is NULL.
func (e *Evaluator) form(o order, value []byte) []byte { return e.formIn(0, o, value) }

func (e *Evaluator) formIn(side int, o order, value []byte) (form []byte) {
	if value == nil {
		return nil
	}
	if e.scratch[side] == nil {
		e.scratch[side] = make([]byte, 0, 64) // a form without bytes must not be nil
	}
	e.scratch[side], form = o.form(e.scratch[side][:0], value)
	return form
}

// session is what a predicate may know of a connection: UTC, and that zero
// dates are dates, since such rows exist and must be judged.
type session struct{ env *vtenv.Environment }

func (s session) TimeZone() *time.Location        { return time.UTC }
func (s session) GetKeyspace() string             { return "" }
func (s session) SQLMode() string                 { return "" }
func (s session) Environment() *vtenv.Environment { return s.env }
func (s session) SetLastInsertID(uint64)          {}

// init makes what evalengine works with.
func (e *Evaluator) init() error {
	if e.env != nil {
		return nil
	}
	env, err := environment()
	if err != nil {
		return fmt.Errorf("prepare the SQL evaluator: %w", err)
	}
	e.env = evalengine.NewExpressionEnv(context.Background(), nil, session{env})
	e.null, err = e.env.Evaluate(evalengine.NullExpr)
	return err
}
