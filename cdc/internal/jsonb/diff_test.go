package jsonb

import (
	"strings"
	"testing"
)

// TestErrorsShowNothing: errors reach clients, and the document may be one that
// they are not to see.
func TestErrorsShowNothing(t *testing.T) {
	path := `$."secret".x`
	diffs := append([]byte{opReplace, byte(len(path))}, path...)
	diffs = append(diffs, 2, literal, 1) // true
	for _, base := range [][]byte{{literal, 1}, {0, 0, 0, 4, 0}} {
		_, err := AppendPatched(nil, base, diffs, true)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("of %v: %v", base, err)
		}
	}
}
