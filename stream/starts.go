package stream

import (
	"slices"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

// starts remembers where groups begin: every checkpoint that a Log was told. Ids
// are client input, and one that names any other place was never made by
// rowcast; taken for good it would skip or repeat part of a group.
type starts struct {
	files []fileStarts
	count int
}

type fileStarts struct {
	file    string
	from    uint32   // places before it were forgotten
	offsets []uint32 // ascending
}

// maxStarts bounds the memory to 4 MiB. What is older is taken on trust.
const maxStarts = 1 << 20

func (s *starts) add(p cdc.Position) {
	n := len(s.files)
	if n == 0 || s.files[n-1].file != p.File() {
		// Whatever comes before the first place that was told of is not known.
		from := uint32(0)
		if n == 0 {
			from = p.Offset()
		}
		s.files = append(s.files, fileStarts{file: p.File(), from: from})
		n++
	}
	f := &s.files[n-1]
	f.offsets = append(f.offsets, p.Offset())
	if s.count++; s.count > maxStarts {
		s.trim()
	}
}

// passed forgets what lies below a log's floor: nobody is served from memory there.
// It waits until that is half, so that each place is moved once at the most.
func (s *starts) passed(floor cdc.Position) {
	n := slices.IndexFunc(s.files, func(f fileStarts) bool { return f.file == floor.File() })
	if n < 0 {
		return
	}
	for _, f := range s.files[:n] {
		s.count -= len(f.offsets)
	}
	s.files = slices.Delete(s.files, 0, n)
	f := &s.files[0]
	if i, _ := slices.BinarySearch(f.offsets, floor.Offset()); i > len(f.offsets)/2 && i < len(f.offsets) {
		f.offsets = slices.Clone(f.offsets[i:])
		f.from = f.offsets[0]
		s.count -= i
	}
}

// trim forgets the older half.
func (s *starts) trim() {
	for s.count > maxStarts/2 {
		f := &s.files[0]
		if drop := s.count - maxStarts/2; drop < len(f.offsets) {
			f.offsets = slices.Clone(f.offsets[drop:])
			f.from = f.offsets[0]
			s.count -= drop
			return
		}
		s.count -= len(f.offsets)
		s.files = s.files[1:]
	}
}

// judge tells what p's group start is, for a p within what was read: fine, or
// beyond the end of its file, or no start of a group at all.
func (s *starts) judge(p cdc.Position) (why frame.Loss, ok bool) {
	for i := range s.files {
		f := &s.files[i]
		if f.file != p.File() {
			continue
		}
		if _, found := slices.BinarySearch(f.offsets, p.Offset()); found || p.Offset() < f.from {
			return frame.Loss{}, true
		}
		if last := f.offsets[len(f.offsets)-1]; p.Offset() > last && i+1 < len(s.files) {
			return frame.Ahead, false
		}
		return frame.Invalid, false
	}
	return frame.Loss{}, true
}

// prepend takes over what a lane was told of places before the first known one.
func (s *starts) prepend(old *starts) {
	if len(s.files) == 0 || s.count+old.count > maxStarts {
		return
	}
	first := &s.files[0]
	for n, f := range old.files {
		if f.file != first.file {
			continue
		}
		i, _ := slices.BinarySearch(f.offsets, first.offsets[0])
		first.offsets = slices.Concat(f.offsets[:i], first.offsets)
		first.from = f.from
		s.files = slices.Concat(old.files[:n], s.files)
		s.count = 0
		for _, f := range s.files {
			s.count += len(f.offsets)
		}
		return
	}
}
