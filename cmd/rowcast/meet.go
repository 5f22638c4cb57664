package main

import (
	"context"
	"errors"
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

// meet waits for the database and judges it once it is there. What waiting
// can't mend is returned, an error for each thing.
func (a *app) meet(ctx context.Context) error {
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

// unfit is what the operator has to mend: waiting does not help.
type unfit struct{ error }

func (u unfit) Unwrap() error { return u.error }

// mayPass tells a database that is away from one that is not as it must be.
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
	verdicts, err := judgeTables(ctx, a.src, a.conf, a.set) // also then: a name that is misspelled looks like a missing privilege
	if err != nil && len(errs) == 0 {
		return err
	}
	for _, v := range verdicts {
		errs = append(errs, v.errs...)
		for _, w := range v.warns {
			a.log.Warn("a stream is not as good as it could be", "stream", v.stream.Name, "warning", w)
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
