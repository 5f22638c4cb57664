package nearest

import (
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestName(t *testing.T) {
	for _, c := range []struct{ word, names, want string }{
		{"instert", "update insert delete", "insert"},
		{"tema", "id Team round", "Team"}, // a swap is one mistake
		{"TEAM", "id team", "team"},
		{"address", "user addr", "addr"},
		{"Updated", "insert update delete", "update"},
		{"truncate", "insert update delete", ""},
		{"x", "", ""},
		{strings.Repeat("a", 1000), strings.Repeat("a", 900), strings.Repeat("a", 900)},        // no more than the start is compared
		{strings.Repeat("Ⱥ", 30), "picks " + strings.Repeat("Ⱥ", 32), strings.Repeat("Ⱥ", 32)}, // lower case is longer
		{strings.Repeat("a", 5000), "picks " + strings.Repeat("b", 64), ""},
	} {
		if got := Name(c.word, strings.Fields(c.names)); got != c.want {
			t.Errorf("%.20s of %.60s: %.20q, want %.20q", c.word, c.names, got, c.want)
		}
	}
}
