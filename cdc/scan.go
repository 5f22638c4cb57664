package cdc

import (
	"context"
	"slices"
	"sync"
)

// scans remembers what was looked for in the binlog, and where: each stretch of it
// is read for that once, even if the search that read it was given up half-way.
// Readers add what they pass. Its mutex is never held during I/O.
type scans[T any] struct {
	turn  chan struct{} // capacity 1: holds something while a replay searches; others would read the same
	max   int           // of size
	weigh func(T) int   // nil: each has the weight 1

	mu        sync.Mutex
	stretches []stretch[T] // in binlog order; no two of them meet
	size      int          // the weight of all that was found, and 1 for each stretch
}

// stretch is a part of the binlog that was looked through: from one checkpoint to another.
type stretch[T any] struct {
	from, to Position
	found    []found[T] // in binlog order
}

// found is one thing that was looked for.
type found[T any] struct {
	at   Position // of its group
	what T
}

func newScans[T any](max int, weigh func(T) int) *scans[T] {
	return &scans[T]{turn: make(chan struct{}, 1), max: max, weigh: weigh}
}

// forget is for when files of the same names may be others: after a RESET.
func (s *scans[T]) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stretches, s.size = nil, 0
}

// reaching is the index of the first stretch that ends at p or later.
func (s *scans[T]) reaching(p Position) int {
	i, _ := slices.BinarySearchFunc(s.stretches, p, func(st stretch[T], p Position) int { return st.to.Compare(p) })
	return i
}

// known lists what is known to have been found from one checkpoint on, as far as
// until, and at most up to and including to. until is from where nothing is known.
func (s *scans[T]) known(from, to Position) (list []found[T], until Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.reaching(from)
	if i == len(s.stretches) || s.stretches[i].from.Compare(from) > 0 {
		return nil, from
	}
	st := &s.stretches[i]
	if until = st.to; until.Compare(to) > 0 {
		until = to
	}
	for _, f := range st.found {
		if f.at.Compare(from) >= 0 && f.at.Compare(until) <= 0 {
			list = append(list, f)
		}
	}
	return list, until
}

// gap is where the first stretch after from begins, or to if that comes first.
func (s *scans[T]) gap(from, to Position) Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.reaching(from)
	if i < len(s.stretches) && s.stretches[i].from.Compare(from) <= 0 {
		i++ // it ends right there
	}
	if i < len(s.stretches) && s.stretches[i].from.Compare(to) < 0 {
		return s.stretches[i].from
	}
	return to
}

// note adds what was found between two checkpoints. Parts of that stretch may have
// been noted before, by others: what they found there is kept.
func (s *scans[T]) note(from, to Position, list ...found[T]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.reaching(from)
	if i == len(s.stretches) || s.stretches[i].from.Compare(from) > 0 {
		s.stretches = slices.Insert(s.stretches, i, stretch[T]{from: from, to: from})
		s.size++
	}
	s.extend(i, to, list)
	for i+1 < len(s.stretches) && s.stretches[i+1].from.Compare(s.stretches[i].to) <= 0 {
		next := s.stretches[i+1]
		s.stretches = slices.Delete(s.stretches, i+1, i+2)
		s.size -= s.weight(next)
		s.extend(i, next.to, next.found)
	}
	for s.size > s.max {
		s.shed()
	}
}

// extend moves the end of a stretch to a place, and adds what was found on the way.
func (s *scans[T]) extend(i int, to Position, list []found[T]) {
	st := &s.stretches[i]
	for _, f := range list {
		if f.at.Compare(st.to) >= 0 { // at the end itself it may be there already, which does no harm
			st.found = append(st.found, f)
			s.size += s.weight(stretch[T]{found: []found[T]{f}}) - 1
		}
	}
	if st.to.Compare(to) < 0 {
		st.to = to
	}
}

func (s *scans[T]) weight(st stretch[T]) int {
	if s.weigh == nil {
		return 1 + len(st.found)
	}
	n := 1
	for _, f := range st.found {
		n += s.weigh(f.what)
	}
	return n
}

// shed forgets the oldest half of the first stretch: whoever needs that will read it again.
func (s *scans[T]) shed() {
	st := &s.stretches[0]
	s.size -= s.weight(*st)
	if n := len(st.found); n > 1 {
		st.found = slices.Clone(st.found[n/2:])
		st.from = st.found[0].at
		s.size += s.weight(*st)
		return
	}
	s.stretches = slices.Delete(s.stretches, 0, 1)
}

// between lists what the binlog holds between two checkpoints, and reads of it what
// nobody has looked through yet; after an error the list is what was found until then. A replay waits for others that search; the live
// reading, which has the newest end of the binlog to look at, does not.
func (s *scans[T]) between(ctx context.Context, from, to Position, live bool, read func(ctx context.Context, from, to Position) ([]found[T], Position, error)) (all []found[T], err error) {
	mine := live
	for from.Compare(to) < 0 {
		list, until := s.known(from, to)
		if until.Compare(from) > 0 {
			all, from = append(all, list...), until
			continue
		}
		if !mine {
			select {
			case s.turn <- struct{}{}:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			defer func() { <-s.turn }()
			mine = true
			continue // meanwhile somebody may have read what we were about to
		}
		end := s.gap(from, to)
		list, reached, err := read(ctx, from, end)
		s.note(from, reached, list...)
		if all = append(all, list...); err != nil {
			return all, err
		}
		from = end
	}
	return all, nil
}

// scan calls f with each event between two checkpoints, after p moved over it.
// start is of the group that the event is in.
func (s *Source) scan(ctx context.Context, from, to Position, f func(start Position, e *event) error) (reached Position, err error) {
	p := place{file: from.file, end: uint64(from.pos)}
	start := from
	passed := func() bool {
		cp, ok := p.checkpoint()
		return p.known && ok && cp.Compare(to.Group()) >= 0
	}
	err = s.each(ctx, from, func(e *event) (bool, error) {
		if _, err := p.follow(e); err != nil {
			return true, err
		}
		if passed() && p.file != to.file {
			return true, nil // the file that to is in is gone, or was passed
		}
		if e.beginsGroup() {
			if start, err = p.begin(e); err != nil {
				return true, err
			}
		}
		err := f(start, e)
		return passed(), err
	})
	if err != nil {
		return start, err
	}
	return to, nil
}
