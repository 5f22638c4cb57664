package filters

import (
	"runtime"
	"sync"
	"sync/atomic"
	"weak"

	"rowcast/cdc"
)

// liveBindings knows a rule's bindings for as long as somebody holds them.
//
// A binding's key has the form that its column's type and collation had when it
// was made. After an ALTER that changes them, and for a table that was not seen
// when the client came, Render must find those bindings one by one: a key that
// no longer fits would lose changes silently. Nobody has to tell when a binding
// is given up; the garbage collector does.
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

// others are the bindings whose key is not of this shape: as a rule none.
func (l *liveBindings) others(shape string) []*Binding {
	if s := l.mixed.Load(); s == nil || *s == shape {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []*Binding
	for _, w := range l.byID {
		if b := w.Value(); b != nil && b.shape != shape {
			list = append(list, b)
		}
	}
	return list
}

// shapeHistory tells when the form of a table's keys changed. Frames from before
// have keys that a subscription made afterwards does not have: who resumes across
// that place would miss them, and is told.
type shapeHistory struct {
	shape atomic.Pointer[string]

	mu    sync.Mutex // guards since, and the change of both
	since cdc.Position
}

// changed compares the shape of a plan's keys with the one before. Replays of the
// time before are no change. A table may come back to a definition that it had,
// and so to a plan: every change asks.
func (p *plan) changed(at cdc.Position) bool {
	p.once.Do(func() {
		h := &shapeHistory{since: at}
		h.shape.Store(&p.pred.shape)
		v, _ := p.rule.shapes.LoadOrStore(p.table.String(), h)
		p.shapes = v.(*shapeHistory)
	})
	h := p.shapes
	if *h.shape.Load() == p.pred.shape {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if *h.shape.Load() == p.pred.shape || at.Compare(h.since) <= 0 {
		return false
	}
	h.shape.Store(&p.pred.shape)
	h.since = at
	return true
}
