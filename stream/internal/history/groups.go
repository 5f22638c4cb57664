package history

import (
	"slices"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

// groups remembers where groups begin: every checkpoint that a Log was given. Ids
// are client input, and one that names any other place was not issued by rowcast;
// taken for good it would skip or repeat part of a group.
type groups struct {
	files []fileGroups
	count int
}

type fileGroups struct {
	file    string
	from    uint32   // places before it were forgotten
	offsets []uint32 // ascending
}

func (s *groups) add(p cdc.Position) {
	n := len(s.files)
	if n == 0 || s.files[n-1].file != p.File() {
		// Whatever comes before the first place is not known.
		from := uint32(0)
		if n == 0 {
			from = p.Offset()
		}
		s.files = append(s.files, fileGroups{file: p.File(), from: from})
		n++
	}
	f := &s.files[n-1]
	f.offsets = append(f.offsets, p.Offset())
	if s.count++; s.count > maxGroups {
		s.trim()
	}
}

// passed forgets what lies below a log's floor: nobody is served from memory there.
// It waits until that is half, so that each place is moved once at the most.
func (s *groups) passed(floor cdc.Position) {
	n := slices.IndexFunc(s.files, func(f fileGroups) bool { return f.file == floor.File() })
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
func (s *groups) trim() {
	for s.count > maxGroups/2 {
		f := &s.files[0]
		if drop := s.count - maxGroups/2; drop < len(f.offsets) {
			f.offsets = slices.Clone(f.offsets[drop:])
			f.from = f.offsets[0]
			s.count -= drop
			return
		}
		s.count -= len(f.offsets)
		s.files = s.files[1:]
	}
}

// judge tells what is wrong with p's group start, for a p within what was read: it
// lies past the end of its file, or no group begins there.
func (s *groups) judge(p cdc.Position) *frame.Loss {
	for i := range s.files {
		f := &s.files[i]
		if f.file != p.File() {
			continue
		}
		if _, found := slices.BinarySearch(f.offsets, p.Offset()); found || p.Offset() < f.from {
			return nil
		}
		if last := f.offsets[len(f.offsets)-1]; p.Offset() > last && i+1 < len(s.files) {
			return &frame.Ahead
		}
		return &frame.Invalid
	}
	return nil
}
