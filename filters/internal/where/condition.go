package where

import "vitess.io/vitess/go/vt/sqlparser"

// Condition is one or more compiled clauses. The zero Condition is true.
type Condition struct{ test test }

// Verdict is three-valued: a predicate that is NULL does not match.
type Verdict uint8

// Verdicts.
const (
	False Verdict = iota
	True
	Null
)

func (v Verdict) String() string {
	return [...]string{"false", "true", "null"}[v]
}

func truth(b bool) Verdict {
	if b {
		return True
	}
	return False
}

func (v Verdict) not() Verdict {
	switch v {
	case True:
		return False
	case False:
		return True
	}
	return Null
}

// test is a node of a compiled predicate. The logic is ours, so that each leaf is
// compiled on its own, with its literals in the collation of the column that it
// compares: evalengine knows one such collation per expression.
type test interface {
	eval(e *Evaluator, row Row) (Verdict, error)
}

// allOf is AND: it ends at the first false; NULL goes on.
type allOf []test

func (list allOf) eval(e *Evaluator, row Row) (Verdict, error) {
	return fold(list, False, True, e, row)
}

// anyOf is OR: it ends at the first true.
type anyOf []test

func (list anyOf) eval(e *Evaluator, row Row) (Verdict, error) {
	return fold(list, True, False, e, row)
}

func fold(list []test, final, all Verdict, e *Evaluator, row Row) (Verdict, error) {
	for _, t := range list {
		v, err := t.eval(e, row)
		if err != nil || v == final {
			return v, err
		}
		if v == Null {
			all = Null
		}
	}
	return all, nil
}

type xor [2]test

func (x xor) eval(e *Evaluator, row Row) (Verdict, error) {
	a, err := x[0].eval(e, row)
	if err != nil || a == Null {
		return Null, err
	}
	b, err := x[1].eval(e, row)
	if err != nil || b == Null {
		return Null, err
	}
	return truth(a != b), nil
}

type not struct{ test }

func (n not) eval(e *Evaluator, row Row) (Verdict, error) {
	v, err := n.test.eval(e, row)
	return v.not(), err
}

// is is IS TRUE and its like.
type is struct {
	test
	op sqlparser.IsExprOperator
}

func (n is) eval(e *Evaluator, row Row) (Verdict, error) {
	v, err := n.test.eval(e, row)
	switch n.op {
	case sqlparser.IsNullOp:
		return truth(v == Null), err
	case sqlparser.IsNotNullOp:
		return truth(v != Null), err
	case sqlparser.IsTrueOp:
		return truth(v == True), err
	case sqlparser.IsNotTrueOp:
		return truth(v != True), err
	case sqlparser.IsFalseOp:
		return truth(v == False), err
	}
	return truth(v != False), err // IsNotFalseOp
}
