package filters

import (
	"fmt"
	"strings"
)

// nearest says `; did you mean "x"?` where one of the candidates is close to
// what was written, and otherwise what is allowed, if that is short.
func nearest(written string, candidates []string) string {
	best, distance := "", len(written)/3+2
	for _, c := range candidates {
		if strings.EqualFold(c, written) {
			return fmt.Sprintf("; did you mean %q?", c)
		}
		if d := levenshtein(strings.ToLower(written), strings.ToLower(c)); d < distance {
			best, distance = c, d
		}
	}
	if best != "" {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	const few = 12
	if len(candidates) == 0 || len(candidates) > few {
		return ""
	}
	return "; there are " + strings.Join(candidates, ", ")
}

// levenshtein counts the insertions, deletions, substitutions and swaps of
// neighbours that lead from a to b, of which only the first bytes are looked at.
func levenshtein(a, b string) int {
	const most = 64
	a, b = a[:min(len(a), most)], b[:min(len(b), most)]
	var rows [3][most + 1]int
	prev2, prev, cur := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
