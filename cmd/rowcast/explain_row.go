package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"rowcast/cdc"
	"rowcast/cdc/row"
	"rowcast/filters"
)

// row explains whether a row of the table is among those that a subscriber begins with.
func (x *explaining) row(ctx context.Context, key string) error {
	info, config := x.set.Streams()[x.stream], x.set.Rows(x.stream)
	if !config.Any() {
		return usageError{fmt.Errorf("stream %s has no rows; set rows in its [[table]]", info.Name)}
	}
	schema, name, _ := strings.Cut(info.Table, ".")
	e := &explainedRow{sel: cdc.Selection{Schema: schema, Table: name}}
	var record []byte
	got, err := e.read(ctx, x, func(t *cdc.Table) (p cdc.SelectPlan, err error) {
		p.Where, err = filters.KeySQL(t, key)
		return p, err
	}, func(r []byte) error {
		record = bytes.Clone(r)
		return nil
	})
	switch {
	case err != nil:
		return err
	case record == nil:
		return fmt.Errorf("there is no row with the key %s in %s", key, info.Table)
	}
	if err := e.shape.Read(&e.image, record); err != nil {
		return err
	}
	return x.showRow(ctx, e, got.At)
}

// explainedRow reads rows of the stream's table, as the stream needs them.
type explainedRow struct {
	sel   cdc.Selection
	plan  *filters.RowsPlan
	shape *row.Shape
	image cdc.Image // the row at hand
}

// read calls each for the records that ask chooses.
func (e *explainedRow) read(ctx context.Context, x *explaining, ask func(t *cdc.Table) (cdc.SelectPlan, error), each func(record []byte) error) (cdc.Selected, error) {
	sel := e.sel
	sel.Row = each
	sel.Plan = func(t *cdc.Table) (p cdc.SelectPlan, err error) {
		if e.plan, err = x.set.PlanRows(x.stream, t, x.binding, false); err != nil {
			return p, err
		}
		if e.shape, err = row.NewShape(t, e.plan.Columns()); err != nil {
			return p, err
		}
		p, err = ask(t)
		p.Shape = e.shape
		return p, err
	}
	return x.src.Select(ctx, sel)
}

// showRow prints the row at hand and the verdict.
func (x *explaining) showRow(ctx context.Context, e *explainedRow, at cdc.Position) error {
	info := x.set.Streams()[x.stream]
	table := e.shape.Table()
	fmt.Fprintf(x.out, "row of %s at %s\n", table, at)
	clauses := x.set.Explain(x.stream, &cdc.Change{Op: cdc.Insert, Table: table, After: &e.image, Pos: at}, x.binding)
	for _, clause := range clauses {
		fmt.Fprintln(x.out, "  where "+clauseText(clause))
	}
	matches, err := e.plan.Match(&e.image)
	switch {
	case err != nil:
		fmt.Fprintf(x.out, "%s: not among the rows: %v\n", info.Name, err)
		return nil
	case !matches:
		fmt.Fprintf(x.out, "%s: not among the rows, since where does not match\n", info.Name)
		return nil
	}
	if limit := x.set.Rows(x.stream).Limit; limit > 0 {
		place, err := e.plan.AppendPlace(nil, &e.image)
		if err != nil {
			return err
		}
		before, err := x.before(ctx, e, place, limit)
		if err != nil {
			return err
		}
		if before >= limit {
			fmt.Fprintf(x.out, "%s: not among the rows: %d others come before it in the order %s\n", info.Name, before, e.plan.OrderBy())
			return nil
		}
	}
	return e.plan.Render(&e.image, func(_ string, data []byte) error {
		_, err := fmt.Fprintf(x.out, "%s: among the rows\n%s\n", info.Name, data)
		return err
	})
}

// errEnough ends the reading of rows.
var errEnough = errors.New("enough")

// before counts the rows that come before a place, up to a limit.
func (x *explaining) before(ctx context.Context, e *explainedRow, place []byte, limit int) (n int, err error) {
	other := &explainedRow{sel: e.sel}
	_, err = other.read(ctx, x, func(*cdc.Table) (cdc.SelectPlan, error) {
		return cdc.SelectPlan{Where: other.plan.Where(), Order: other.plan.OrderBy(), Limit: limit}, nil
	}, func(record []byte) error {
		if err := other.shape.Read(&other.image, record); err != nil {
			return err
		}
		at, err := other.plan.AppendPlace(nil, &other.image)
		switch {
		case err != nil:
			return err
		case other.plan.Compare(at, place) >= 0:
			return errEnough
		}
		n++
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return n, err
}
