package rows

import (
	"slices"
	"sync"
	"time"

	"rowcast/cdc"
	"rowcast/cdc/row"
	"rowcast/stream/frame"
)

// Rows are those of a window at a checkpoint. They are immutable.
type Rows struct {
	At   cdc.Position
	Plan frame.RowsPlan
	More bool   // the table has others
	Last []byte // key record of the last row that was looked at, where there are more; nil: there is no key

	store  *Store
	window *window
	list   []record // in the order of the plan
	shape  *row.Shape
	made   time.Time

	placeLen int // of At's text
	once     sync.Once
	blocks   []byte
	err      error
}

// rows is what a window holds now; under mu. since is the oldest place that will do.
func (s *Store) rows(w *window, since cdc.Position) *Rows {
	if v := w.view; v != nil && v.At.Compare(since) >= 0 && (v.At == s.at || time.Since(v.made) < keepsView) {
		return v
	}
	r := &Rows{At: s.at, Plan: w.bound.plan, More: w.cut, store: s, window: w, list: w.list, shape: w.bound.shape, made: time.Now(), placeLen: len(s.at.String())}
	if w.cut && w.last != "" {
		r.Last = []byte(w.last)
	}
	if n := w.want.Limit; n > 0 && len(r.list) > n {
		r.list, r.More = r.list[:n], true
	}
	w.view, w.shared = r, true
	return r
}

// Release gives the rows back, once for each Get.
func (r *Rows) Release() { r.store.leave(r.window) }

// Len is how many rows there are.
func (r *Rows) Len() int { return len(r.list) }

// Place is where the row with a key stands in the order of the rows.
func (r *Rows) Place(key []byte) ([]byte, error) {
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	b, err := r.window.bind(r.shape.Table())
	if err != nil {
		return nil, err
	}
	return b.place(key)
}

// Each renders the rows, oldest first; those past a place unless it is nil. key is the key record of the row, "" of a table
// without a primary key; event and data are valid until emit returns.
func (r *Rows) Each(from []byte, emit func(key, event string, data []byte) error) error {
	var im cdc.Image
	render := func(rec *record) error {
		if err := r.shape.Read(&im, rec.row); err != nil {
			return err
		}
		return r.Plan.Render(&im, func(event string, data []byte) error { return emit(rec.key, event, data) })
	}
	list := slices.All(r.list)
	if r.Plan.Descends() {
		list = slices.Backward(r.list)
	}
	for i := range list {
		if from != nil {
			order := r.Plan.Compare(r.list[i].place, from)
			if order == 0 || order > 0 == r.Plan.Descends() {
				continue
			}
		}
		if err := render(&r.list[i]); err != nil {
			return err
		}
	}
	return nil
}

// sharedBytes is the most that is kept of rendered rows.
const sharedBytes = 1 << 20

// Blocks are the rows as events, rendered once for all clients whose first and only
// stream they are of, whose rows are these; nil where they are too many.
func (r *Rows) Blocks(of uint32) ([]byte, error) {
	r.once.Do(func() {
		var size int64
		for i := range r.list {
			size += r.list[i].size()
		}
		if size > sharedBytes {
			return
		}
		at := cdc.Rows{Of: of, Pending: 1}
		r.err = r.Each(nil, func(key, event string, data []byte) error {
			r.blocks = frame.AppendRow(r.blocks, r.ID(&at, key), event, data)
			return nil
		})
	})
	return r.blocks, r.err
}

// ID is the id of a client that has come as far as the row with a key; it notes the
// key in rows. Zero: a client can't go on there, and begins again.
func (r *Rows) ID(rows *cdc.Rows, key string) cdc.ID {
	if !r.Plan.Resumable() {
		return cdc.ID{}
	}
	rows.Key = []byte(key)
	if !rows.Fits(r.placeLen) {
		rows.Key = nil
	}
	return cdc.ID{Position: r.At, Rows: *rows}
}
