package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"rowcast/cdc"
	"rowcast/filters"
)

// many counts what the stream makes of all changes since a time.
func (x *explaining) many(ctx context.Context, since time.Time) error {
	now, err := x.src.Now(ctx)
	if err != nil {
		return err
	}
	from, whole, err := x.fileOf(ctx, now, since)
	if err != nil {
		return err
	}
	if !whole {
		fmt.Fprintf(x.out, "the binlog begins later than %s\n", since.UTC().Format(time.RFC3339))
	}
	x.until = now
	t := &tally{sent: map[cdc.Op]int{}, off: map[cdc.Op]int{}, clauses: map[string]int{}}
	x.change = func(c *cdc.Change) error {
		if !c.Time.Before(since) {
			t.count(x, c)
		}
		return nil
	}
	if err := served(x.src.Replay(ctx, from, x), "try again; the binlog was purged meanwhile"); err != nil {
		return err
	}
	t.print(x.out, x.set.Streams()[x.stream])
	return nil
}

// fileOf finds the beginning of the newest binlog file that was begun before
// since: its lineage says when. whole is false where there is none.
func (x *explaining) fileOf(ctx context.Context, now cdc.Position, since time.Time) (from cdc.Position, whole bool, err error) {
	files, err := x.src.Files(ctx)
	if err != nil {
		return from, false, err
	}
	for _, file := range slices.Backward(files) {
		start, err := cdc.Checkpoint(file, 4, 0)
		if err != nil {
			return from, false, err
		}
		x.begun = func(p cdc.Position) error {
			from = p
			return errDone
		}
		err = x.src.Replay(ctx, start, x)
		x.begun = nil
		if !errors.Is(err, errDone) {
			return from, false, err
		}
		if begun, _ := from.Lineage(); int64(begun) <= since.Unix() {
			return from, true, nil
		}
	}
	return from, false, nil
}

// tally is what a stream made of many changes.
type tally struct {
	changes, refused int
	sent, off        map[cdc.Op]int // by what they are to the stream; off: on lacks that
	clauses          map[string]int // how many refused changes a clause was not true for
	errs             int
	err              error // the first
}

func (t *tally) count(x *explaining, c *cdc.Change) {
	t.changes++
	op, _, err := x.verdict(c)
	switch {
	case err != nil:
		if t.errs++; t.err == nil {
			t.err = fmt.Errorf("at %s: %w", c.Pos, err)
		}
	case op != 0:
		t.sent[op]++
	default:
		clauses := x.set.Explain(x.stream, c, x.binding)
		if to := became(c, clauses); to != 0 {
			t.off[to]++
			return
		}
		t.refused++
		for _, clause := range clauses {
			if clause.After != "true" && clause.Before != "true" {
				t.clauses[clause.Text]++
			}
		}
	}
}

func (t *tally) print(out io.Writer, info filters.Info) {
	fmt.Fprintf(out, "%s of %s\n", count(t.changes, "change"), info.Table)
	for op := cdc.Insert; op <= cdc.Delete; op++ {
		if t.sent[op] > 0 {
			fmt.Fprintf(out, "  %d sent as %s\n", t.sent[op], op)
		}
	}
	for op := cdc.Insert; op <= cdc.Delete; op++ {
		if t.off[op] > 0 {
			fmt.Fprintf(out, "  %d not sent: to this stream %s %s, and on has %s\n", t.off[op], article(op), op, strings.Join(info.Ops, ", "))
		}
	}
	if t.refused > 0 {
		fmt.Fprintf(out, "  %d not sent, since where does not match\n", t.refused)
	}
	var texts []string
	for text := range t.clauses {
		texts = append(texts, text)
	}
	slices.SortFunc(texts, func(a, b string) int { return t.clauses[b] - t.clauses[a] })
	for _, text := range texts {
		fmt.Fprintf(out, "    %d by %s\n", t.clauses[text], text)
	}
	if t.errs > 0 {
		fmt.Fprintf(out, "  %d reset, since they can't be sent exactly; the first %v\n", t.errs, t.err)
	}
}
