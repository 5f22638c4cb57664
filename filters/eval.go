package filters

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"vitess.io/vitess/go/sqltypes"
	"vitess.io/vitess/go/vt/sqlparser"
	"vitess.io/vitess/go/vt/vtenv"
	"vitess.io/vitess/go/vt/vtgate/evalengine"

	"rowcast/cdc"
)

// verdict is three-valued: a predicate that is NULL does not match.
type verdict uint8

const (
	isFalse verdict = iota
	isTrue
	isNull
)

func (v verdict) String() string {
	return [...]string{"false", "true", "null"}[v]
}

func truth(b bool) verdict {
	if b {
		return isTrue
	}
	return isFalse
}

// evaluator judges predicates. It is reused and not safe for concurrent use.
type evaluator struct {
	env  *evalengine.ExpressionEnv
	null evalengine.EvalResult
	buf  []byte
	rows [2][]sqltypes.Value // before and after

	scratch []byte // of native comparisons
}

func (e *evaluator) small() bool { return cap(e.buf) <= maxScratch && cap(e.scratch) <= maxScratch }

// session is what a predicate may know of a connection: UTC, and that zero
// dates are dates, since such rows exist and must be judged.
type session struct{ env *vtenv.Environment }

func (s session) TimeZone() *time.Location        { return time.UTC }
func (s session) GetKeyspace() string             { return "" }
func (s session) SQLMode() string                 { return "" }
func (s session) Environment() *vtenv.Environment { return s.env }
func (s session) SetLastInsertID(uint64)          {}

func (e *evaluator) init() error {
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

// load reads the columns that the predicate names from an image; slot is 0 for
// the one before, 1 for the one after. The values are valid until the next reset.
func (e *evaluator) load(slot int, p *predicate, im *cdc.Image) ([]sqltypes.Value, error) {
	row := e.rows[slot][:0]
	for i := range p.cols {
		o := &p.cols[i]
		if !im.Has(o.index) {
			return nil, fmt.Errorf("the row image lacks column %q, which where needs: set binlog_row_image=FULL", o.name)
		}
		var v sqltypes.Value
		var err error
		if e.buf, v, err = o.append(e.buf, im); err != nil {
			return nil, err
		}
		row = append(row, v)
	}
	e.rows[slot] = row
	return row, nil
}

func (e *evaluator) reset() { e.buf = e.buf[:0] }

// test judges one predicate tree over a row.
func (e *evaluator) test(n *node, row []sqltypes.Value) (v verdict, err error) {
	if n == nil {
		return isTrue, nil
	}
	if err := e.init(); err != nil {
		return isNull, err
	}
	e.env.Row = row
	return e.walk(n)
}

// engine has evalengine compute a leaf. It was not written for whatever a row may
// hold: its panic, which leaves the environment in an unknown state, is an error.
func (e *evaluator) engine(n *node) (v verdict, err error) {
	defer func() {
		if r := recover(); r != nil {
			e.env = nil
			v, err = isNull, fmt.Errorf("where: %s can't be computed for this row: the SQL library failed in %s", n.text, panicked()) // r may quote a value
		}
	}()
	// The interpreter, not the virtual machine: that takes some functions'
	// NULL for a number and fails.
	r, err := e.env.EvaluateAST(n.expr)
	switch {
	case err != nil:
		// The library's text may quote a value.
		return isNull, fmt.Errorf("where: %s can't be computed for this row", n.text)
	case r == e.null:
		return isNull, nil
	}
	return truth(r.ToBoolean()), nil
}

// panicked names the function that a panic which was recovered came from.
func panicked() string {
	pcs := make([]uintptr, 16)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, "runtime.") || !more {
			return fmt.Sprintf("%s (%s:%d)", f.Function, filepath.Base(f.File), f.Line)
		}
	}
}

func (e *evaluator) walk(n *node) (verdict, error) {
	switch n.op {
	case opLeaf:
		for _, i := range n.dates {
			if v := e.env.Row[i]; partial(v.Raw()) {
				return isNull, fmt.Errorf("where: %s can't be computed for a date with a part that is 0; compare the column itself", n.text)
			}
		}
		return e.engine(n)
	case opNative:
		var v verdict
		var err error
		e.scratch, v, err = n.native.test(e.scratch[:0], e.env.Row)
		return v, err
	case opNot:
		v, err := e.walk(n.kids[0])
		return negate(v), err
	case opIs:
		v, err := e.walk(n.kids[0])
		return truth(holds(n.is, v)), err
	case opXor:
		return e.xor(n)
	}
	// AND ends at the first false, OR at the first true; NULL goes on.
	final, all := isFalse, isTrue
	if n.op == opOr {
		final, all = isTrue, isFalse
	}
	for _, k := range n.kids {
		v, err := e.walk(k)
		if err != nil || v == final {
			return v, err
		}
		if v == isNull {
			all = isNull
		}
	}
	return all, nil
}

func (e *evaluator) xor(n *node) (verdict, error) {
	a, err := e.walk(n.kids[0])
	if err != nil || a == isNull {
		return isNull, err
	}
	b, err := e.walk(n.kids[1])
	if err != nil || b == isNull {
		return isNull, err
	}
	return truth(a != b), nil
}

func negate(v verdict) verdict {
	switch v {
	case isTrue:
		return isFalse
	case isFalse:
		return isTrue
	}
	return isNull
}

func holds(op sqlparser.IsExprOperator, v verdict) bool {
	switch op {
	case sqlparser.IsNullOp:
		return v == isNull
	case sqlparser.IsNotNullOp:
		return v != isNull
	case sqlparser.IsTrueOp:
		return v == isTrue
	case sqlparser.IsNotTrueOp:
		return v != isTrue
	case sqlparser.IsFalseOp:
		return v == isFalse
	}
	return v != isFalse // IsNotFalseOp
}
