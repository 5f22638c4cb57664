package stream

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"rowcast/cdc"
)

// manyRows are rows events of one group: most are worth a share of a run, one is
// too large to be rendered ahead, and one can't be rendered.
func manyRows(n int) (batch []cdc.Rows, want []string) {
	start := at(1, 4, fakeLineage)
	for i := range n {
		value := fmt.Sprintf("%d %s", i, strings.Repeat("x", 3000))
		switch i {
		case n / 3:
			value += strings.Repeat("y", maxRun)
		case n / 2:
			value = "!" + value
		}
		pos := change(start, i, 0)
		batch = append(batch, fakeRows{pos, row{"picks", value}})
		if i != n/2 {
			want = append(want, fmt.Sprintf("%s %d", pos, len(value)))
		}
	}
	return batch, want
}

func severalCores(t *testing.T) {
	before := runtime.GOMAXPROCS(4)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// Rows that several goroutines render come out as if one had, for those who keep
// the frames and for those who do not.
func TestRowsSideBySide(t *testing.T) {
	severalCores(t)
	batch, want := manyRows(300)
	for _, keep := range []bool{false, true} {
		var got []string
		var kept []*Frame
		text := func(f *Frame) string { return fmt.Sprintf("%s %d", f.ID(), len(f.Data())) }
		out := func(f *Frame) error {
			if f.Reset() {
				got = append(got, "reset "+f.ID())
			} else if kept = append(kept, f); !keep {
				got = append(got, text(f))
			}
			return nil
		}
		e := newEncoder(newCatalog(fakeRenderer{tables: []string{"picks"}}), slog.New(slog.DiscardHandler), newPress(out, keep), nil)
		start, end := at(1, 4, fakeLineage), at(1, 9999, fakeLineage)
		for range 3 { // buffers are used again
			got, kept = nil, nil
			if err := errors.Join(e.Begin(start), e.Rows(batch), e.Checkpoint(end, time.Time{})); err != nil {
				t.Fatal(err)
			}
			if keep {
				resets := got
				got = nil
				for _, f := range kept {
					got = append(got, text(f))
				}
				got = append(got, resets...)
			}
			all := append(want[:len(want):len(want)], "reset "+end.String())
			if len(got) != len(all) {
				t.Fatalf("keep %v: %d frames, want %d", keep, len(got), len(all))
			}
			for i := range got {
				if got[i] != all[i] {
					t.Fatalf("keep %v: frame %d is %q, want %q", keep, i, got[i], all[i])
				}
			}
		}
	}
}

// Who takes no more frames gets no more, and the encoder can be used again.
func TestRowsSideBySideRefused(t *testing.T) {
	severalCores(t)
	batch, want := manyRows(300)
	enough := errors.New("enough")
	for limit := range 120 {
		taken := 0
		out := func(*Frame) error {
			if taken == limit {
				return enough
			}
			taken++
			return nil
		}
		e := newEncoder(newCatalog(fakeRenderer{tables: []string{"picks"}}), nil, newPress(out, true), nil)
		if err := e.Rows(batch); !errors.Is(err, enough) || taken != limit {
			t.Fatalf("%d frames taken before %v, want %d", taken, err, limit)
		}
		limit, taken = len(want), 0
		if err := e.Rows(batch); err != nil || taken != len(want) {
			t.Fatalf("then %d frames, want %d: %v", taken, len(want), err)
		}
	}
}
