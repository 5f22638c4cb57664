package rows

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"rowcast/cdc"
	"rowcast/cdc/row"
	"rowcast/stream/frame"
)

// Want names a window.
type Want struct {
	Catalog *frame.Catalog
	Stream  int
	Binding string // Part.ID
	// Limit is how many rows, the first in the stream's order; 0: all, as many at a time
	// as Chunk says, in the order of the primary key, those that follow the key record
	// After unless it is "".
	Limit int
	Chunk int
	After string
}

// window is the rows that a Want names.
type window struct {
	want  Want
	part  *frame.Part
	name  table
	users int       // clients that wait for it or hold it
	used  time.Time // when the last of them let it go
	ready chan struct{}
	err   error // why it could not be loaded

	follows bool
	laid    bool // the rows are those of Store.at, but for changes
	stale   bool // they can't be kept up to date: the next client has them loaded again
	changes []change
	settled int    // of changes: those of groups that have ended
	noted   int64  // bytes of changes
	touched bool   // it is in Store.touched
	version uint64 // Source.Version of its table
	bounds  map[*cdc.Table]*bound
	bound   *bound // of the table as it was selected
	list    []record
	places  map[string][]byte // by key; nil: no change has asked for them yet
	begin   []byte            // place of Want.After; nil: none
	cut     bool              // rows past the last were left out; see end
	end     []byte            // place of the last row that was selected, where cut
	last    string            // its key record
	shared  bool              // list is part of a Rows
	view    *Rows             // of the rows as they are; nil: they have changed
	bytes   int64

	selected []record // by the load under way
	slab     []byte   // where it puts the next record
	seen     int      // rows that it has looked at
}

// table names a table.
type table struct{ schema, name string }

// record is a row as it is kept.
type record struct {
	key   string // record of the primary key; "": there is none
	place []byte // in the order of the window
	row   []byte // record of what the plan needs
}

func (r *record) size() int64 { return int64(len(r.key)+len(r.place)+len(r.row)) + recordSize }

const recordSize = 120 // of the record itself, and its entry in places

// change is what a change of the table is to a window.
type change struct {
	old string // key of the row that is no more; "": none
	now record // the row that is; without a row: it is not one of the stream's
}

func (ch *change) size() int64 { return int64(len(ch.old)) + ch.now.size() }

// bound is a window's plan for a definition of its table.
type bound struct {
	plan  frame.RowsPlan
	shape *row.Shape
	key   *row.Shape // nil: the table has no primary key
	im    cdc.Image

	keyOf []byte // scratch
}

// byKey: in the order of the primary key.
func (w *Want) byKey() bool { return w.Limit == 0 }

// bind makes the plan for a table as it is.
func (w *window) bind(t *cdc.Table) (*bound, error) {
	if b := w.bounds[t]; b != nil {
		return b, nil
	}
	b := &bound{}
	var err error
	if b.plan, err = w.want.Catalog.PlanRows(w.part, t, w.want.byKey() && len(t.Key) > 0); err != nil {
		return nil, err
	}
	if b.shape, err = row.NewShape(t, b.plan.Columns()); err != nil {
		return nil, err
	}
	if len(t.Key) > 0 {
		if b.key, err = row.NewShape(t, t.Key); err != nil {
			return nil, err
		}
	}
	if w.bounds == nil || len(w.bounds) >= 4 {
		w.bounds = map[*cdc.Table]*bound{}
	}
	w.bounds[t] = b
	return b, nil
}

// record makes a record of a row, whose bytes it copies to where there is room in buf;
// rest is the room that is left.
func (b *bound) record(buf, rec []byte) (r record, rest []byte, err error) {
	if err = b.shape.Read(&b.im, rec); err != nil {
		return r, buf, err
	}
	if need := 2*len(rec) + 64; cap(buf)-len(buf) < need {
		buf = make([]byte, 0, max(need, min(cap(buf), slabBytes)))
	}
	from := len(buf)
	buf = append(buf, rec...)
	if r.row = buf[from:len(buf):len(buf)]; b.key != nil {
		key, ok, err := b.key.Copy(b.keyOf[:0], &b.im)
		if err != nil || !ok {
			return r, buf, errors.Join(err, errNoKey)
		}
		b.keyOf, r.key = key, string(key)
	}
	from = len(buf)
	buf, err = b.plan.AppendPlace(buf, &b.im)
	r.place = buf[from:len(buf):len(buf)]
	return r, buf, err
}

var errNoKey = errors.New("a row came without its primary key")

// note notes a change of the table. The error means that the window can't follow it.
func (w *window) note(c *cdc.Change) error {
	b, err := w.bind(c.Table)
	if err != nil {
		return err
	}
	switch {
	case b.key == nil:
		return errKeyless
	case w.laid && b != w.bound: // its records may have another form
		return errAltered
	}
	var ch change
	gone := false
	if c.Before != nil {
		key, ok, err := b.key.Copy(nil, c.Before)
		if err != nil || !ok {
			return errors.Join(err, errNoKey)
		}
		ch.old = string(key)
		if w.has(b, c.Before) {
			was, err := b.plan.Match(c.Before)
			gone = err == nil && !was // it was never one of these
		}
	}
	matches := false
	if c.After != nil {
		if !w.has(b, c.After) {
			return errMinimal
		}
		if matches, err = b.plan.Match(c.After); err != nil {
			return err
		}
	}
	switch {
	case matches:
		rec, ok, err := b.shape.Copy(nil, c.After)
		if err != nil || !ok {
			return errors.Join(err, errMinimal)
		}
		if ch.now, _, err = b.record(nil, rec); err != nil {
			return err
		}
	case gone:
		return nil
	}
	w.changes = append(w.changes, ch)
	w.noted += ch.size()
	w.bytes += ch.size()
	return nil
}

var (
	errAltered = errors.New("the table was altered")
	errKeyless = errors.New("the table has no primary key, and has changed")
	errMinimal = errors.New("a row image lacks columns (binlog_row_image is not FULL)")
)

// has tells whether an image has all that the plan needs.
func (w *window) has(b *bound, im *cdc.Image) bool {
	return !slices.ContainsFunc(b.plan.Columns(), func(i int) bool { return !im.Has(i) })
}

// lay makes the rows those that were selected, with the changes since then laid over.
func (w *window) lay() {
	w.list, w.selected, w.slab, w.places = w.selected, nil, nil, nil
	w.laid = true
	w.apply(w.settled)
}

// apply lays the first changes that were noted over the rows.
func (w *window) apply(n int) {
	w.settled = 0
	if n == 0 {
		return
	}
	if w.view = nil; w.shared {
		w.list, w.shared = slices.Clone(w.list), false
	}
	if w.places == nil {
		w.places = make(map[string][]byte, len(w.list))
		for i := range w.list {
			w.places[w.list[i].key] = w.list[i].place
		}
	}
	for i := range n {
		ch := &w.changes[i]
		w.noted -= ch.size()
		w.bytes -= ch.size()
		w.remove(ch.old)
		if ch.now.row != nil {
			w.remove(ch.now.key)
			w.insert(ch.now)
		}
	}
	w.changes = slices.Delete(w.changes, 0, n)
	if w.want.Limit == 0 || w.want.After != "" {
		return
	}
	if most := w.want.Limit + slack(w.want.Limit); len(w.list) > 2*most {
		for _, r := range w.list[most:] {
			delete(w.places, r.key)
			w.bytes -= r.size()
		}
		clear(w.list[most:])
		w.list = w.list[:most]
		w.cut, w.end = true, w.list[most-1].place
	}
	w.stale = w.stale || w.cut && len(w.list) <= w.want.Limit
}

// slack is how many rows more than wanted a window has, for those that will be deleted.
func slack(limit int) int { return min(limit, 32) + 1 }

// find is where a place is, or would be, in the list.
func (w *window) find(place []byte) int {
	i, _ := slices.BinarySearchFunc(w.list, place, func(r record, place []byte) int { return w.bound.plan.Compare(r.place, place) })
	return i
}

func (w *window) remove(key string) {
	place, ok := w.places[key]
	if !ok {
		return
	}
	delete(w.places, key)
	for i := w.find(place); i < len(w.list); i++ {
		if w.list[i].key == key {
			w.bytes -= w.list[i].size()
			w.list = slices.Delete(w.list, i, i+1)
			return
		}
	}
}

func (w *window) insert(r record) {
	if w.cut && w.bound.plan.Compare(r.place, w.end) > 0 || w.begin != nil && w.bound.plan.Compare(r.place, w.begin) <= 0 {
		return
	}
	w.list = slices.Insert(w.list, w.find(r.place), r)
	w.places[r.key] = r.place
	w.bytes += r.size()
}

// place is where a key record stands, in the order of the key.
func (b *bound) place(key []byte) ([]byte, error) {
	if b.key == nil {
		return nil, fmt.Errorf("%s has no primary key", b.shape.Table())
	}
	var im cdc.Image
	if err := b.key.Read(&im, key); err != nil {
		return nil, err
	}
	return b.plan.AppendPlace(nil, &im)
}
