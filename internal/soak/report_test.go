package soak

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// report is a column of the table that the full form prints.
type report struct {
	name        string
	stop        func()
	changes     int // in the binlog
	configured  int // of configured tables
	xa          int
	losses      int // tables that a statement changed without rows
	alters      int // and those that one altered
	copies      int // comparisons of a copy with its table
	rows        rowsVerdict
	verdict     verdict
	disconnects int
	faults      map[string]int
	peak        int64
	goroutines  int
	baseline    int
	files       int
	caughtUp    time.Duration
}

// reports is the reports side by side.
type reports struct {
	mu   sync.Mutex
	cols []*report
}

func (t *reports) add(r *report) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cols = append(t.cols, r)
}

func (t *reports) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	slices.SortFunc(t.cols, func(a, b *report) int { return strings.Compare(a.name, b.name) })
	var b strings.Builder
	line := func(name string, value func(r *report) string) {
		fmt.Fprintf(&b, "| %-42s |", name)
		for _, r := range t.cols {
			fmt.Fprintf(&b, " %12s |", value(r))
		}
		b.WriteByte('\n')
	}
	number := func(name string, value func(r *report) int) {
		line(name, func(r *report) string { return fmt.Sprint(value(r)) })
	}
	line("", func(r *report) string { return r.name })
	line(strings.Repeat("-", 42), func(*report) string { return strings.Repeat("-", 11) + ":" })
	number("changes", func(r *report) int { return r.changes })
	number("of configured tables", func(r *report) int { return r.configured })
	number("XA transactions committed", func(r *report) int { return r.xa })
	number("events delivered", func(r *report) int { return r.verdict.events })
	number("changes by statements, for a table", func(r *report) int { return r.losses })
	number("alterations of a table", func(r *report) int { return r.alters })
	number("copies compared with their tables", func(r *report) int { return r.copies })
	number("rows begun", func(r *report) int { return r.rows.begun })
	number("rows resumed, within", func(r *report) int { return r.rows.resumed })
	number("rows sent", func(r *report) int { return r.rows.sent })
	number("copies from rows compared, at ready", func(r *report) int { return r.rows.atReady })
	number("copies from rows compared, later", func(r *report) int { return r.rows.later })
	number("rows compared, each", func(r *report) int { return r.rows.each })
	number("disconnects", func(r *report) int { return r.disconnects })
	kinds := map[string]bool{}
	for _, r := range t.cols {
		for kind := range r.faults {
			kinds[kind] = true
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		number(kind, func(r *report) int { return r.faults[kind] })
	}
	number("lost", func(r *report) int { return r.verdict.lost })
	number("repeated", func(r *report) int { return r.verdict.repeated })
	number("reordered", func(r *report) int { return r.verdict.reordered })
	number("wrong", func(r *report) int { return r.verdict.wrong })
	number("rows, or copies from rows, wrong", func(r *report) int { return r.rows.wrong })
	number("resets, expected", func(r *report) int { return r.verdict.resets - r.verdict.unexpected })
	number("resets, unexpected", func(r *report) int { return r.verdict.unexpected })
	number("resets, missed", func(r *report) int { return r.verdict.missed })
	number("copies that were not the table", func(r *report) int { return r.verdict.differ })
	line("all caught up after the faults in", func(r *report) string { return r.caughtUp.Round(100 * time.Millisecond).String() })
	line("peak memory of a rowcast", func(r *report) string { return fmt.Sprintf("%d MiB", r.peak>>20) })
	line("goroutines at the end (two rowcasts)", func(r *report) string { return fmt.Sprint(r.goroutines) })
	line("goroutines at the start", func(r *report) string { return fmt.Sprint(r.baseline) })
	number("files open at the end", func(r *report) int { return r.files })
	return b.String()
}
