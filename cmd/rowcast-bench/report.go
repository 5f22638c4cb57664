//go:build linux

package main

import (
	"fmt"
	"io"
	"math/bits"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"
)

// grid is a Markdown table.
type grid struct {
	head []string
	rows [][]string
}

func (g *grid) add(cells ...string) { g.rows = append(g.rows, cells) }

func (g *grid) print(w io.Writer) {
	width := make([]int, len(g.head))
	all := append([][]string{g.head}, g.rows...)
	for _, row := range all {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell), 3)
		}
	}
	line := func(row []string) {
		for i, cell := range row {
			fmt.Fprintf(w, "| %s%s ", cell, strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)))
		}
		fmt.Fprintln(w, "|")
	}
	line(g.head)
	for i := range width {
		fmt.Fprint(w, "|", strings.Repeat("-", width[i]+2))
	}
	fmt.Fprintln(w, "|")
	for _, row := range g.rows {
		line(row)
	}
	fmt.Fprintln(w)
}

// median of no values is 0.
func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	switch n := len(v); {
	case n == 0:
		return 0
	case n%2 == 1:
		return v[n/2]
	default:
		return (v[n/2-1] + v[n/2]) / 2
	}
}

// figure shows three digits or so; what was not measured is a dash.
func figure(v float64) string {
	switch {
	case v == 0:
		return "–"
	case v >= 1e6 || v <= -1e6:
		return fmt.Sprintf("%.2f M", v/1e6)
	case v >= 10_000:
		return fmt.Sprintf("%.0f k", v/1e3)
	case v >= 100 || v <= -100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10 || v <= -10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func ratio(a, b float64) string {
	if a == 0 || b == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", a/b)
}

// machine describes where this ran, in general terms.
func (b *bench) machine() {
	var u syscall.Utsname
	release := ""
	if syscall.Uname(&u) == nil {
		for _, c := range u.Release {
			if c == 0 || c == '-' { // what follows names a distribution or a host
				break
			}
			release += string(rune(c))
		}
	}
	fmt.Fprintf(b.out, "Measured on %d cores%s, Linux %s, %s, everything on this one machine over loopback. Medians of %d rounds, the contenders taking turns.\n\n",
		runtime.NumCPU(), memoryText(), release, runtime.Version(), b.Rounds)
	var load float64
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return
	}
	if _, err := fmt.Sscan(string(text), &load); err == nil && load > float64(runtime.NumCPU())/2 {
		fmt.Fprintf(b.out, "Not to be quoted as it stands: others were at work here before the start (load average %.1f).\n\n", load)
	}
}

func memoryText() string {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return ""
	}
	kB := field(string(text), "MemTotal:")
	return fmt.Sprintf(" and %d GB of memory", (kB+512<<10)>>20)
}

// hist counts delays with an error of at most 1.6 %: 64 steps to each doubling.
type hist struct {
	counts [64 * 40]uint64 // of microseconds
	n      uint64
}

func (h *hist) add(ns int64) {
	us := uint64(max(ns, 0)) / 1000
	i := us
	if us >= 64 {
		e := bits.Len64(us) - 7
		i = uint64(e+1)*64 + us>>e - 64
	}
	h.counts[min(i, uint64(len(h.counts)-1))]++
	h.n++
}

// quantile is in milliseconds; 0 where nothing was counted.
func (h *hist) quantile(q float64) float64 {
	left := int64(q * float64(h.n))
	for i, n := range h.counts {
		if left -= int64(n); left < 0 {
			if i < 64 {
				return float64(i) / 1000
			}
			e := i/64 - 1
			return float64(uint64(i%64+64)<<e) / 1000
		}
	}
	return 0
}
