package filters

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"vitess.io/vitess/go/sqltypes"

	"rowcast/cdc"
)

// maxValue bounds one bind value, which is client input.
const maxValue = 1024

// Binding is a stream's parameters with their values. It is immutable and safe
// for concurrent use.
type Binding struct {
	rule   *rule
	values map[string]string
	id     string
	key    string
	shape  string

	mu    sync.Mutex
	bound map[*predicate]*boundWhere // for the tables, and versions of them, judged last
}

// boundWhere is a predicate with the values in it.
type boundWhere struct {
	residual *node
	err      error
}

// Bind takes the parameters of a request for one stream. It returns nil, nil
// for a stream that has none; what is wrong is said for the client: a missing,
// an unknown or an impossible value.
func (s *Set) Bind(stream int, params map[string]string) (*Binding, error) {
	r := s.rules[stream]
	names := make([]string, len(r.params))
	for i, q := range r.params {
		names[i] = q.Name
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if !slices.Contains(names, name) {
			what := "it has none"
			if len(names) > 0 {
				what = "it has " + strings.Join(names, ", ")
			}
			return nil, fmt.Errorf("%q is not a parameter of stream %s: %s", shorten(name), r.public, what)
		}
	}
	if len(r.params) == 0 || r.where == nil {
		return nil, nil
	}
	b := &Binding{rule: r, values: make(map[string]string, len(r.params))}
	var missing []string
	for _, q := range r.params {
		v, ok := params[q.Name]
		switch {
		case ok:
			if err := checkValue(q.Name, v); err != nil {
				return nil, err
			}
		case q.Required:
			missing = append(missing, q.Name)
		default:
			v = q.Default
		}
		b.values[q.Name] = v
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("stream %s needs the parameter %s, as in ?%s=…", r.public, strings.Join(missing, " and "), missing[0])
	}
	for {
		shape := r.shape.Load()
		if err := s.give(b); err != nil {
			return nil, err
		}
		b = r.live.intern(b)
		if r.shape.Load() == shape { // else rows were rendered without regard to b, by keys of another form
			return b, nil
		}
		b = &Binding{rule: r, values: b.values}
	}
}

func checkValue(name, v string) error {
	switch {
	case len(v) > maxValue:
		return fmt.Errorf("the value of %s has %d bytes, at most %d are allowed", name, len(v), maxValue)
	case !utf8.ValidString(v) || strings.ContainsRune(v, 0):
		return fmt.Errorf("the value of %s is not valid UTF-8 text", name)
	}
	return nil
}

// give computes the binding's key for the table as it was seen last, and sees
// to it that the values fit its columns.
func (s *Set) give(b *Binding) error {
	var p *predicate
	if t := s.plans.table(b.rule); t != nil {
		for _, pl := range s.plansOf(t, cdc.Position{}) {
			if pl.rule == b.rule && pl.err == nil {
				p = pl.pred
			}
		}
	}
	id := []byte(b.rule.public)
	for _, q := range b.rule.params {
		id = binary.AppendUvarint(append(id, 0), uint64(len(b.values[q.Name])))
		id = append(id, b.values[q.Name]...)
	}
	switch {
	case p != nil:
		if bw := b.bindTo(p); bw.err != nil {
			return bw.err
		}
		var err error
		if b.key, err = p.bindKey(b.values); err != nil {
			return err
		}
		b.shape = p.shape
	case b.rule.where.mayKey():
		// No table was seen yet, so that nobody knows how values compare.
		b.shape, b.key = unknownShape, unknownShape+string(id)
	}
	b.id = string(id) + "\x00" + b.shape
	return nil
}

// Shapes of bindings whose table was not seen yet, and of tables whose columns
// have no form that a look-up could use.
const (
	unknownShape = "?"
	unkeyedShape = "-"
)

// mayKey tells whether some table's columns may allow a look-up.
func (w *where) mayKey() bool {
	return slices.ContainsFunc(w.clauses, func(c *clause) bool { return c.eqColumn != "" })
}

// Key is what a keyed frame's key must equal; "" where the frames of this
// stream are not keyed.
func (b *Binding) Key() string { return b.key }

// ID is equal for equal subscriptions.
func (b *Binding) ID() string { return b.id }

var errForeignTag = errors.New("the frame was rendered by another config")

// evaluators are for bindings, of which there may be many more than are judged
// at a time.
var evaluators = sync.Pool{New: func() any { return new(evaluator) }}

// putEvaluator gives one back, unless a huge row has made it huge.
func putEvaluator(e *evaluator) {
	if e.small() {
		evaluators.Put(e)
	}
}

// Match reports whether a frame with the tag that Render gave it is for this
// binding. An error, a *Fault, means that the row can't be judged: the value does
// not fit a column any more, or the clause can't be computed for the row.
func (b *Binding) Match(tag any) (bool, error) {
	if tag == nil {
		return true, nil
	}
	ok, err := b.match(tag)
	if err != nil {
		return false, b.rule.unjudged(err)
	}
	return ok, nil
}

func (b *Binding) match(tag any) (bool, error) {
	t, ok := tag.(*frameTag)
	if !ok || t.pred.where != b.rule.where && t.pred.where.source != b.rule.where.source {
		return false, errForeignTag
	}
	e := evaluators.Get().(*evaluator)
	defer putEvaluator(e)
	for side, want := range t.want {
		if want == either {
			continue
		}
		judge := b.residual
		if t.all {
			judge = b.whole
		}
		v, err := judge(e, t.pred, t.rows[side])
		if err != nil || (v == isTrue) != (want == matching) {
			return false, err
		}
	}
	return true, nil
}

// residual judges the clauses that no look-up decides.
func (b *Binding) residual(e *evaluator, p *predicate, row []sqltypes.Value) (verdict, error) {
	bw := b.bindTo(p)
	if bw.err != nil {
		return isNull, bw.err
	}
	return e.test(bw.residual, row)
}

// maxBound is how many tables or versions of them a binding stays compiled for.
const maxBound = 4

// nothingLeft is for clauses that a look-up decides: of these bindings there are
// often very many.
var nothingLeft = &boundWhere{}

func (b *Binding) bindTo(p *predicate) *boundWhere {
	if len(p.residual) == 0 {
		return nothingLeft
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if bw := b.bound[p]; bw != nil {
		return bw
	}
	bw := &boundWhere{}
	bw.residual, bw.err = p.compileAll(p.residual, b.values)
	if b.bound == nil || len(b.bound) >= maxBound {
		b.bound = map[*predicate]*boundWhere{}
	}
	b.bound[p] = bw
	return bw
}

// compileAll joins clauses by AND, with values for their parameters; nil: none.
func (p *predicate) compileAll(clauses []*clause, values map[string]string) (*node, error) {
	var kids []*node
	for _, c := range clauses {
		n, err := p.compile(c.expr, values)
		if err != nil {
			return nil, err
		}
		kids = append(kids, n)
	}
	if len(kids) == 0 {
		return nil, nil
	}
	return &node{op: opAnd, kids: kids}, nil
}

// whole judges every clause, where keys may be of different shapes.
func (b *Binding) whole(e *evaluator, p *predicate, row []sqltypes.Value) (verdict, error) {
	v, err := e.test(p.static, row)
	if err != nil || v != isTrue {
		return v, err
	}
	key, err := p.bindKey(b.values)
	if err != nil {
		return isNull, err
	}
	rowKey, ok := p.appendKey(nil, row)
	if !ok || string(rowKey) != key {
		return isFalse, nil
	}
	return b.residual(e, p, row)
}
