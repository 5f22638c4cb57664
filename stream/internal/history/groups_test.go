package history

import "testing"

// TestGroups: a place where no group begins is told from one where one does, across
// files and what was forgotten.
func TestGroups(t *testing.T) {
	var s groups
	for _, off := range []int{100, 200, 300} {
		s.add(at(2, off, lineage))
	}
	s.add(at(3, 4, lineage))
	s.add(at(3, 157, lineage))
	judge := func(s *groups, file, off int, want string) {
		t.Helper()
		got := ""
		if why := s.judge(at(file, off, lineage)); why != nil {
			got = why.Reason
		}
		if got != want {
			t.Errorf("%d/%d: %q instead of %q", file, off, got, want)
		}
	}
	judge(&s, 2, 200, "")
	judge(&s, 2, 201, "invalid")
	judge(&s, 2, 99, "") // before what was read: not known
	judge(&s, 2, 301, "ahead")
	judge(&s, 3, 157, "")
	judge(&s, 3, 158, "invalid")
	judge(&s, 9, 4, "")

	s.passed(at(2, 300, lineage))
	judge(&s, 2, 201, "") // forgotten
	judge(&s, 2, 300, "")
	judge(&s, 2, 301, "ahead")
	judge(&s, 3, 158, "invalid")
	if s.count != 1+2 {
		t.Errorf("%d places are held instead of 3", s.count)
	}

	var big groups
	for i := range maxGroups + 1 {
		big.add(at(1, 4+2*i, lineage))
	}
	if big.count > maxGroups/2 {
		t.Errorf("%d places are held", big.count)
	}
	judge(&big, 1, 5, "") // forgotten
	judge(&big, 1, 4+2*maxGroups-1, "invalid")
	judge(&big, 1, 4+2*maxGroups, "")
}
