package stream

import "testing"

// TestStarts: a place where no group begins is told from one that is, across
// files, what a lane adds, and what was forgotten.
func TestStarts(t *testing.T) {
	var s, old starts
	for _, off := range []int{100, 200, 300} {
		s.add(at(2, off, fakeLineage))
	}
	s.add(at(3, 4, fakeLineage))
	s.add(at(3, 157, fakeLineage))
	judge := func(s *starts, file, off int, want string) {
		t.Helper()
		if why, ok := s.judge(at(file, off, fakeLineage)); why.Reason != want || ok != (want == "") {
			t.Errorf("%d/%d: %q instead of %q", file, off, why.Reason, want)
		}
	}
	judge(&s, 2, 200, "")
	judge(&s, 2, 201, "invalid")
	judge(&s, 2, 99, "") // before what was read: not known
	judge(&s, 2, 301, "ahead")
	judge(&s, 3, 157, "")
	judge(&s, 3, 158, "invalid")
	judge(&s, 9, 4, "")

	for _, off := range []int{4, 50} {
		old.add(at(1, off, fakeLineage))
	}
	for _, off := range []int{4, 60, 100, 200} {
		old.add(at(2, off, fakeLineage))
	}
	s.prepend(&old)
	judge(&s, 1, 50, "")
	judge(&s, 1, 51, "ahead")
	judge(&s, 2, 60, "")
	judge(&s, 2, 61, "invalid")
	judge(&s, 2, 200, "")
	if s.count != 2+2+3+2 {
		t.Errorf("%d places instead of 9", s.count)
	}

	s.passed(at(2, 60, fakeLineage))
	judge(&s, 1, 51, "") // forgotten with its file
	judge(&s, 2, 61, "invalid")
	judge(&s, 2, 301, "ahead")
	s.passed(at(2, 300, fakeLineage))
	judge(&s, 2, 61, "")
	judge(&s, 2, 300, "")
	judge(&s, 2, 301, "ahead")
	judge(&s, 3, 158, "invalid")
	if s.count != 1+2 {
		t.Errorf("%d places are held instead of 3", s.count)
	}

	var big starts
	for i := range maxStarts + 1 {
		big.add(at(1, 4+2*i, fakeLineage))
	}
	if big.count > maxStarts/2 {
		t.Errorf("%d places are held", big.count)
	}
	judge(&big, 1, 5, "") // forgotten
	judge(&big, 1, 4+2*maxStarts-1, "invalid")
	judge(&big, 1, 4+2*maxStarts, "")
}
