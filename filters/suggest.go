package filters

import (
	"fmt"
	"strings"

	"rowcast/internal/nearest"
)

// didYouMean says `; did you mean "x"?` where one of the candidates is close to
// what was written, and otherwise what there is, if that is short.
func didYouMean(written string, candidates []string) string {
	if near := meant(written, candidates); near != "" {
		return near
	}
	const few = 12
	if len(candidates) == 0 || len(candidates) > few {
		return ""
	}
	return "; there are " + strings.Join(candidates, ", ")
}

// meant is didYouMean where what there is is said anyway.
func meant(written string, candidates []string) string {
	if near := nearest.Name(written, candidates); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}
