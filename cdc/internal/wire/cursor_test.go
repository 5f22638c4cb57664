package wire

import "testing"

// TestLoopsEnd: a loop over what is left ends with what can't be read, or one damaged
// event would hold the reading for ever.
func TestLoopsEnd(t *testing.T) {
	c := Cursor{B: []byte{1, 2, 3, 4, 5}}
	rounds := 0
	for c.Left() > 0 && rounds < 10 {
		c.Skip(2)
		rounds++
	}
	if rounds != 3 || !c.Bad {
		t.Errorf("%d rounds, bad: %v", rounds, c.Bad)
	}
}
