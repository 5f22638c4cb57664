package filters

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"weak"

	"rowcast/cdc"
	"rowcast/filters/internal/where"
)

// Binding is a stream's parameters with their values. It is immutable and safe
// for concurrent use.
type Binding struct {
	rule   *rule
	values map[string]string
	id     string
	key    string
	format string // of key

	mu    sync.Mutex
	bound map[*where.Predicate]*residual // for the tables, and versions of them, judged last
}

// residual is the clauses that no look-up decides, with a binding's values.
type residual struct {
	condition where.Condition
	err       error
}

// Bind takes the parameters of a request for one stream. It returns nil, nil
// for a stream that has none. An error is for the client: a missing, an unknown or
// an impossible value.
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
			return nil, fmt.Errorf("%.40q is not a parameter of stream %s: %s", name, r.public, what)
		}
	}
	if len(r.params) == 0 || r.where == nil {
		return nil, nil
	}
	values := make(map[string]string, len(r.params))
	var missing []string
	for _, q := range r.params {
		v, ok := params[q.Name]
		switch {
		case ok:
			if err := where.CheckValue(q.Name, v); err != nil {
				return nil, err
			}
		case q.Required:
			missing = append(missing, q.Name)
		default:
			v = q.Default
		}
		values[q.Name] = v
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("stream %s needs the parameter %s, as in ?%s=…", r.public, strings.Join(missing, " and "), missing[0])
	}
	for {
		format := r.keyFormat.Load()
		b := &Binding{rule: r, values: values}
		if err := s.assignKey(b); err != nil {
			return nil, err
		}
		b = r.bindings.intern(b)
		if r.keyFormat.Load() == format { // else rows were rendered without regard to b, by keys of another format
			return b, nil
		}
	}
}

// assignKey computes the binding's key for the table as it was seen last, and
// checks that the values fit its columns.
func (s *Set) assignKey(b *Binding) error {
	id := []byte(b.rule.public)
	for _, q := range b.rule.params {
		id = binary.AppendUvarint(append(id, 0), uint64(len(b.values[q.Name])))
		id = append(id, b.values[q.Name]...)
	}
	if p := s.newestPredicate(b.rule); p != nil {
		if res := b.residual(p); res.err != nil {
			return res.err
		}
		var err error
		if b.key, err = p.Key(b.values); err != nil {
			return err
		}
		b.format = p.KeyFormat()
	} else if b.rule.where.MayKey() {
		// No table was seen yet, so that nobody knows how values compare.
		b.format, b.key = unknownFormat, unknownFormat+string(id)
	}
	b.id = string(id) + "\x00" + b.format
	return nil
}

// unknownFormat is that of the keys of bindings whose table was not seen yet.
const unknownFormat = "?"

// newestPredicate is a rule's for the table as it was seen last; nil: it was not.
func (s *Set) newestPredicate(r *rule) *where.Predicate {
	t := s.plans.newestTable(r)
	if t == nil {
		return nil
	}
	for _, p := range s.plansOf(t, cdc.Position{}) {
		if p.rule == r && p.err == nil {
			return p.pred
		}
	}
	return nil
}

// Key is what a keyed frame's key must equal; "" where the frames of this
// stream are not keyed.
func (b *Binding) Key() string { return b.key }

// ID is equal for equal subscriptions.
func (b *Binding) ID() string { return b.id }

var errForeignTag = errors.New("the frame was rendered by another config")

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
	t, ok := clauses(tag)
	switch {
	case ok && t == nil:
		return true, nil
	case !ok || t.pred.Source() != b.rule.where.String():
		return false, errForeignTag
	}
	e := where.Borrow()
	defer where.GiveBack(e)
	for side, want := range t.want {
		if want == either {
			continue
		}
		v, err := b.judge(e, t, t.rows[side])
		if err != nil || (v == where.True) != (want == matching) {
			return false, err
		}
	}
	return true, nil
}

func (b *Binding) judge(e *where.Evaluator, t *frameTag, row where.Row) (where.Verdict, error) {
	if t.unkeyed {
		key, err := t.pred.Key(b.values)
		if err != nil {
			return where.Null, err
		}
		if !e.HasKey(t.pred, row, key) {
			return where.False, nil
		}
	}
	res := b.residual(t.pred)
	if res.err != nil {
		return where.Null, res.err
	}
	return e.Eval(res.condition, row)
}

// maxBound is how many tables, or versions of them, a binding stays compiled for.
const maxBound = 4

// noResidual is for predicates whose clauses a look-up decides: of their bindings
// there are often very many.
var noResidual = &residual{}

// residual compiles the clauses that no look-up decides, once for each predicate.
func (b *Binding) residual(p *where.Predicate) *residual {
	if !p.HasResidual() {
		return noResidual
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if res := b.bound[p]; res != nil {
		return res
	}
	res := &residual{}
	res.condition, res.err = p.Residual(b.values)
	if b.bound == nil || len(b.bound) >= maxBound {
		b.bound = map[*where.Predicate]*residual{}
	}
	b.bound[p] = res
	return res
}

// bindings knows a rule's Bindings for as long as somebody holds them.
//
// A binding's key has the format that its column's type and collation had when it
// was made. After an ALTER that changes them, and for a table that was not seen
// when the client came, Render must not rely on keys: one that no longer fits
// would lose changes silently. Nobody has to report that a binding is given up:
// the garbage collector does.
type bindings struct {
	mu   sync.Mutex
	byID map[string]weak.Pointer[Binding]
	// formats counts bindings by the format of their keys; only points at the one
	// that all have, at severalFormats if they differ, and is nil without bindings.
	formats map[string]int
	only    atomic.Pointer[string]
}

var severalFormats = "several"

// intern returns the binding that equals b and is in use, or b.
func (l *bindings) intern(b *Binding) *Binding {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.byID[b.id].Value(); known != nil {
		return known
	}
	if l.byID == nil {
		l.byID, l.formats = map[string]weak.Pointer[Binding]{}, map[string]int{}
	}
	w := weak.Make(b)
	if _, stale := l.byID[b.id]; !stale {
		l.formats[b.format]++
	}
	l.byID[b.id] = w
	l.count()
	runtime.AddCleanup(b, l.forget, departed{b.id, b.format, w})
	return b
}

type departed struct {
	id, format string
	was        weak.Pointer[Binding]
}

// forget drops a binding, unless an equal one has taken its place.
func (l *bindings) forget(d departed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byID[d.id] != d.was {
		return
	}
	delete(l.byID, d.id)
	if l.formats[d.format]--; l.formats[d.format] == 0 {
		delete(l.formats, d.format)
	}
	l.count()
}

func (l *bindings) count() {
	var only *string
	for f := range l.formats {
		if only = &f; len(l.formats) > 1 {
			only = &severalFormats
		}
	}
	l.only.Store(only)
}

// all reports whether every binding's key has this format: as a rule they do.
func (l *bindings) all(format string) bool {
	only := l.only.Load()
	return only == nil || *only == format
}

// keyed reports whether a look-up by key finds every binding that a row of this
// plan is for: those that exist, and those that will be made.
func (p *plan) keyed() bool {
	newest := p.rule.keyFormat.Load()
	return newest != nil && *newest == p.pred.KeyFormat() && p.rule.bindings.all(*newest)
}
