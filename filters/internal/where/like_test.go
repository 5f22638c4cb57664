package where

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"vitess.io/vitess/go/mysql/collations"
)

// slowLike is LIKE as its definition has it, for letters: row[j] reports whether the
// pattern from i on matches s[j:].
func slowLike(p, s string) bool {
	row := make([]bool, len(s)+1)
	row[len(s)] = true
	for i := len(p) - 1; i >= 0; i-- {
		escaped := strings.HasSuffix(p[:i], `\`) && (len(p[:i])-len(strings.TrimRight(p[:i], `\`)))%2 == 1
		if p[i] == '\\' && !escaped && i+1 < len(p) {
			continue // what follows was looked at as itself
		}
		for j := 0; j <= len(s); j++ {
			switch {
			case p[i] == '%' && !escaped:
				row[j] = slices.Contains(row[j:], true)
			case j == len(s):
				row[j] = false
			default:
				row[j] = row[j+1] && (p[i] == s[j] || p[i] == '_' && !escaped)
			}
		}
	}
	return row[0]
}

func random(r *rand.Rand, letters string, n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte(letters[r.IntN(len(letters))])
	}
	return b.String()
}

// TestLike compares the automaton with the definition, over patterns whose states
// fill up to three machine words and more.
func TestLike(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	binary, _ := lookupCollation(uint64(collations.CollationUtf8mb4BinID))
	latin1, _ := lookupCollation(8)
	matched := 0
	var buf []byte
	for i := range 10_000 {
		p := random(r, `ab_%\`, r.IntN(9))
		s := random(r, `ab%_\`, r.IntN(12))
		if i%4 == 0 { // long: a run that both have, at the edges of words
			run := strings.Repeat("b", 50+r.IntN(90))
			p, s = random(r, `a_%`, r.IntN(4))+run+p, random(r, `ab`, r.IntN(4))+run+s
		}
		if i%400 == 0 {
			run := strings.Repeat("a", 60*likeWords+r.IntN(100))
			p, s = p+run, s+run
		}
		for _, coll := range []*collation{nil, &binary, &latin1} {
			like, err := newLike(p, coll)
			if err != nil {
				t.Fatalf("%q: %v", p, err)
			}
			got := like.match(&buf, []byte(s))
			if got != slowLike(p, s) {
				t.Fatalf("%q LIKE %q: %t", s, p, got)
			}
			if got {
				matched++
			}
		}
	}
	t.Logf("%d matched", matched)
	if matched < 2000 {
		t.Error("too few match for a test")
	}
}

// BenchmarkLike is the cost of a text of 1 MiB: of an ordinary pattern, and of
// ones that a client may send to cost as much as they can.
func BenchmarkLike(b *testing.B) {
	coll, _ := lookupCollation(uint64(collations.CollationUtf8mb4ID))
	for _, c := range []struct{ name, pattern, text string }{
		{"ordinary", "%oilers%", strings.Repeat("Edmonton and Calgary ", 1<<20/21)},
		{"hostile", "%" + strings.Repeat("a", 1000) + "b", strings.Repeat("A", 1<<20)},
		{"hostile, not ASCII", "%" + strings.Repeat("ä", 500) + "b", strings.Repeat("Ä", 1<<19)},
	} {
		b.Run(c.name, func(b *testing.B) {
			like, _ := newLike(c.pattern, &coll)
			text := []byte(c.text)
			var buf []byte
			for b.Loop() {
				like.match(&buf, text)
			}
		})
	}
}
