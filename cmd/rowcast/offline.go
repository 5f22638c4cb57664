package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"rowcast/cdc"
	"rowcast/filters"
	"rowcast/stream"
)

// offline is what tail and explain need: streams and a database, no HTTP.
type offline struct {
	*app
	picked   []int // of the set's streams
	bindings map[int]*filters.Binding
}

// errDone ends a reading that has seen all that was asked for.
var errDone = errors.New("done")

// openOffline loads the config, picks streams by name and judges the server.
func openOffline(c *console, conf *config, names []string, params map[string]string) (*offline, error) {
	log := slog.New(slog.NewTextHandler(c.stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	o := &offline{app: &app{conf: conf, facts: io.Discard, log: log}, bindings: map[int]*filters.Binding{}}
	var err error
	if o.set, err = conf.compile(); err != nil {
		return nil, err
	}
	if o.src, err = cdc.New(conf.source(log)); err != nil {
		return nil, fmt.Errorf("%s: %w", conf.file, err)
	}
	if err := o.pick(names, params); err != nil {
		return nil, usageError{err}
	}
	return o, o.inspect(c.ctx)
}

func (o *offline) pick(names []string, params map[string]string) error {
	infos := o.set.Streams()
	var known []string
	for _, info := range infos {
		known = append(known, info.Name)
	}
	used := map[string]bool{}
	for _, name := range names {
		i := slices.Index(known, name)
		if i < 0 {
			return fmt.Errorf("no stream %q in %s%s; there are %s", name, o.conf.file, didYouMean(name, known), strings.Join(known, ", "))
		}
		for _, j := range o.picked {
			if o.set.Overlap(i, j) {
				return fmt.Errorf("streams %s and %s may publish one table, and one id must name one event; give each a command of its own", known[j], name)
			}
		}
		o.picked = append(o.picked, i)
		given := map[string]string{}
		for _, p := range infos[i].Params {
			if value, ok := params[p.Name]; ok {
				given[p.Name], used[p.Name] = value, true
			}
		}
		binding, err := o.set.Bind(i, given)
		if err != nil {
			return fmt.Errorf("%w; give it as --param name=value", err)
		}
		o.bindings[i] = binding
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if !used[name] {
			return fmt.Errorf("--param %s: stream %s has no such parameter", name, strings.Join(names, ", "))
		}
	}
	return nil
}

// wants tells whether a picked stream publishes a table.
func (o *offline) wants(schema, table []byte) bool {
	if !o.set.Wants(schema, table) {
		return false
	}
	for _, i := range o.set.Affected(string(schema), string(table)) {
		if slices.Contains(o.picked, i) {
			return true
		}
	}
	return false
}

// matches tells whether a frame with that key and tag is for the binding of its stream.
func (o *offline) matches(i int, key stream.Key, tag any) bool {
	b := o.bindings[i]
	return slices.Contains(o.picked, i) &&
		(b == nil || stream.KeyOf([]byte(b.Key())).Fits(key) && (tag == nil || b.Match(tag)))
}

// parseID reads an id of the command line.
func parseID(flag, text string) (cdc.Position, error) {
	p, err := cdc.ParsePosition(text)
	if err != nil {
		return p, usageError{fmt.Errorf("%s: %w", flag, err)}
	}
	return p, nil
}

// served adds to an error of a reading what to do next.
func served(err error, next string) error {
	switch {
	case err == nil, errors.Is(err, errDone), errors.Is(err, context.Canceled):
		return nil
	case errors.Is(err, cdc.ErrPurged), errors.Is(err, cdc.ErrAhead), errors.Is(err, cdc.ErrForeign), errors.Is(err, cdc.ErrInvalid):
		return fmt.Errorf("%w; %s", err, next)
	}
	return err
}
