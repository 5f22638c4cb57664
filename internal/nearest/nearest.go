// Package nearest finds the name that somebody meant.
package nearest

import (
	"fmt"
	"strings"
)

// Name is the one of names that was probably meant by word, whatever its case, or "".
func Name(word string, names []string) string {
	word = start(word)
	best, found := len(word)+1, ""
	for _, full := range names {
		name := start(full)
		// address is addr, truncate is not update. What differs in length alone is not measured.
		near := func(d int) bool { return d < best && 9*d <= 4*max(len(word), len(name)) }
		if !near(max(len(word), len(name)) - min(len(word), len(name))) {
			continue
		}
		if d := distance(word, name); near(d) {
			best, found = d, full
		}
	}
	return found
}

// most is how many bytes of a name are looked at: words come from clients too,
// who may send thousands of bytes, thousands of times.
const most = 64

func start(name string) string {
	lower := strings.ToLower(name[:min(len(name), most)])
	return lower[:min(len(lower), most)] // some letters grow
}

// distance counts the bytes to insert, delete, replace or swap with the next
// one that make b of a, neither longer than most.
func distance(a, b string) int {
	var rows [3][most + 1]int
	before, last, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// DidYouMean is `; did you mean "x"?` where one of names was probably meant, or "".
func DidYouMean(word string, names []string) string {
	if near := Name(word, names); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// Suggest is DidYouMean, or else lists what there is, if that is short.
func Suggest(word string, names []string) string {
	if near := DidYouMean(word, names); near != "" {
		return near
	}
	const few = 12
	if len(names) == 0 || len(names) > few {
		return ""
	}
	return "; there are " + strings.Join(names, ", ")
}
