package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"rowcast/cdc"
	"rowcast/cdc/preflight"
	"rowcast/filters"
)

// Between two tries to reach the database at the start.
const (
	firstWait = 250 * time.Millisecond
	lastWait  = 15 * time.Second
)

// waitAndInspect waits for the database and inspects it once it is there. What
// waiting can't fix is returned, as an error for each thing.
func (a *app) waitAndInspect(ctx context.Context) error {
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		err := a.inspect(ctx)
		if err == nil || !mayPass(err) {
			return err
		}
		a.log.Warn("waiting for the database", "in", wait, "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// unfit is what the operator has to fix: waiting does not help.
type unfit struct{ error }

func (u unfit) Unwrap() error { return u.error }

// mayPass tells a database that is away from one that is set up wrongly.
func mayPass(err error) bool {
	return !errors.As(err, new(unfit)) && !errors.Is(err, cdc.ErrDenied) && !errors.Is(err, cdc.ErrNotReplicable)
}

func (a *app) inspect(ctx context.Context) error {
	findings, err := a.src.Preflight(ctx, tableNames(a.set)...)
	if err != nil {
		return err
	}
	var errs []error
	for _, f := range findings {
		switch f.Level {
		case preflight.Fail:
			errs = append(errs, errors.New(f.String()))
		case preflight.Warn:
			a.log.Warn("the database could be set up better", "setting", f.What, "found", f.Found, "fix", f.Fix)
		}
	}
	verdicts, err := inspectTables(ctx, a.src, a.conf, a.set) // even then: a misspelled name looks like a missing privilege
	if err != nil && len(errs) == 0 {
		return err
	}
	for _, v := range verdicts {
		errs = append(errs, v.errs...)
		for _, w := range v.warns {
			a.log.Warn("a stream could be set up better", "stream", v.stream.Name, "warning", w)
		}
	}
	if len(errs) > 0 {
		return unfit{errors.Join(errs...)}
	}
	a.fact("database %s at %s as %s", findings[0].Found, a.conf.Source.Addr, a.conf.Source.User)
	for _, info := range a.set.Streams() {
		a.fact("stream %s: %s of %s", info.Name, strings.Join(info.Ops, ", "), info.Table)
	}
	return nil
}

func tableNames(set *filters.Set) []string {
	var names []string
	for _, info := range set.Streams() {
		names = append(names, info.Table)
	}
	return names
}

// verdict is what was found of one stream on the live server.
type verdict struct {
	stream filters.Info
	tables []*cdc.Table
	errs   []error
	warns  []string
}

// inspectTables compares each stream with the tables that the server has. The
// error says that the server could not be asked.
func inspectTables(ctx context.Context, src *cdc.Source, conf *config, set *filters.Set) ([]verdict, error) {
	at, err := src.Now(ctx)
	if err != nil && !errors.Is(err, cdc.ErrNotReplicable) && !errors.Is(err, cdc.ErrDenied) { // the preflight reports these
		return nil, err
	}
	found, err := src.Tables(ctx, tableNames(set)...)
	if err != nil {
		return nil, err
	}
	var all []verdict
	for i, info := range set.Streams() {
		v := verdict{stream: info, tables: found.Matches[i].Defs}
		v.inspect(conf, set, i, &found.Matches[i], found.RowImage, at)
		all = append(all, v)
	}
	return all, nil
}

func (v *verdict) inspect(conf *config, set *filters.Set, i int, m *cdc.TableMatch, rowImage string, at cdc.Position) {
	entry := conf.Tables[i]
	if entry.Before && entry.Data != "" && entry.Data != "change" {
		v.warns = append(v.warns, fmt.Sprintf(`before does nothing with data = %q; data = "change" carries the old row too`, entry.Data))
	}
	switch {
	case len(v.tables) > 0:
	case m.Folded == "" && strings.Contains(v.stream.Table, "*"):
		v.warns = append(v.warns, fmt.Sprintf("no table matches %s yet, or the account may not SELECT from any", v.stream.Table))
	default:
		v.errs = append(v.errs, conf.placed(&filters.Error{Line: entry.Line, Key: "name", Msg: noTable(v.stream.Table, m)}))
	}
	for _, t := range v.tables {
		for _, err := range set.CheckTable(i, t, at) {
			v.errs = append(v.errs, conf.placed(err))
		}
		if set.Rows(i).Any() && !strings.EqualFold(m.Engine, "InnoDB") {
			v.errs = append(v.errs, conf.placed(&filters.Error{Line: entry.Line, Key: "rows", Msg: fmt.Sprintf(
				"the rows of %s can't be read as of one moment, since its engine is %s: ALTER TABLE %s ENGINE = InnoDB, or leave rows out", t, m.Engine, quoted(t))}))
		}
		v.warns = append(v.warns, set.RowsWarnings(i, t, m.Indexes)...)
		for _, warning := range []string{set.KeyWarning(i, t), set.ImageWarning(i, t, rowImage)} {
			if warning != "" {
				v.warns = append(v.warns, warning)
			}
		}
	}
}

// quoted is a table's name in SQL.
func quoted(t *cdc.Table) string {
	quote := func(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
	return quote(t.Schema) + "." + quote(t.Name)
}

// noTable says what is there instead.
func noTable(name string, m *cdc.TableMatch) string {
	schema, table, _ := strings.Cut(name, ".")
	switch {
	case m.Folded != "":
		return fmt.Sprintf("the server keeps names in lower case (lower_case_table_names); write %q", m.Folded)
	case m.View:
		return fmt.Sprintf("%s is a view, and the binlog knows tables only; publish the tables that it reads", name)
	case m.Sequence:
		return fmt.Sprintf("%s is a sequence, whose numbers are not rows; publish the tables that use it", name)
	case len(m.Tables) > 0:
		return fmt.Sprintf("there is no table %s in database %s%s, or the account may not SELECT from it", table, schema, didYouMean(table, m.Tables))
	}
	return fmt.Sprintf("there is no table in a database %s%s, or the account may not SELECT from it", schema, didYouMean(schema, m.Schemas))
}
