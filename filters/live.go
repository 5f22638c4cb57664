package filters

import (
	"runtime"
	"sync"
	"sync/atomic"
	"weak"
)

// liveBindings knows a rule's bindings for as long as somebody holds them.
//
// A binding's key has the form that its column's type and collation had when it
// was made. After an ALTER that changes them, and for a table that was not seen
// when the client came, Render must not rely on keys: one that no longer fits
// would lose changes silently. Nobody has to tell when a binding is given up; the
// garbage collector does.
type liveBindings struct {
	mu   sync.Mutex
	byID map[string]weak.Pointer[Binding]
	// shapes counts bindings by shape; mixed is nil where there is none, or
	// their only shape, or severalShapes.
	shapes map[string]int
	mixed  atomic.Pointer[string]
}

// intern returns the binding that equals b and is in use, or b.
func (l *liveBindings) intern(b *Binding) *Binding {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.byID[b.id].Value(); known != nil {
		return known
	}
	if l.byID == nil {
		l.byID, l.shapes = map[string]weak.Pointer[Binding]{}, map[string]int{}
	}
	w := weak.Make(b)
	if _, stale := l.byID[b.id]; !stale {
		l.shapes[b.shape]++
	}
	l.byID[b.id] = w
	l.count()
	runtime.AddCleanup(b, l.gone, departed{b.id, b.shape, w})
	return b
}

type departed struct {
	id, shape string
	was       weak.Pointer[Binding]
}

// gone forgets a binding, unless an equal one has taken its place.
func (l *liveBindings) gone(d departed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byID[d.id] != d.was {
		return
	}
	delete(l.byID, d.id)
	if l.shapes[d.shape]--; l.shapes[d.shape] == 0 {
		delete(l.shapes, d.shape)
	}
	l.count()
}

func (l *liveBindings) count() {
	var mixed *string
	for s := range l.shapes {
		if mixed = &s; len(l.shapes) > 1 {
			mixed = &severalShapes
		}
	}
	l.mixed.Store(mixed)
}

var severalShapes = "several"

// all tells whether every binding's key is of this shape: as a rule they are.
func (l *liveBindings) all(shape string) bool {
	s := l.mixed.Load()
	return s == nil || *s == shape
}

// keyed tells whether a look-up by key finds every binding that a row of this
// plan is for: those that are, and those that will be made.
func (p *plan) keyed() bool {
	now := p.rule.shape.Load()
	return now != nil && *now == p.pred.shape && p.rule.live.all(p.pred.shape)
}
