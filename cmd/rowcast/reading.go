package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"rowcast/cdc"
	"rowcast/internal/renderer"
	"rowcast/stream/frame"
)

// reading is what tail and explain need: streams and a database, no HTTP.
type reading struct {
	*app
	sub *frame.Subscription
}

// errDone ends a reading that has seen all that was asked for.
var errDone = errors.New("done")

// openReading loads the config, picks streams by name and inspects the server.
func openReading(c *console, conf *config, names []string, params map[string]string) (*reading, error) {
	log := slog.New(slog.NewTextHandler(c.stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	o := &reading{app: &app{conf: conf, facts: io.Discard, log: log}}
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

// pick subscribes, as a request does.
func (o *reading) pick(names []string, params map[string]string) error {
	var err error
	o.sub, err = frame.NewCatalog(renderer.Of(o.set), o.log).Subscribe(names, params)
	if r, ok := errors.AsType[*frame.RequestError](err); ok {
		switch r.Kind {
		case frame.NoStream:
			return fmt.Errorf("%s: %w", o.conf.file, err)
		case frame.BadValue:
			return fmt.Errorf("%w; give it as --param name=value", err)
		}
	}
	return err
}

// wants tells whether a picked stream publishes a table.
func (o *reading) wants(schema, table []byte) bool {
	if !o.set.Wants(schema, table) {
		return false
	}
	affected := o.set.Affected(string(schema), string(table))
	return slices.ContainsFunc(o.sub.Parts, func(p frame.Part) bool { return slices.Contains(affected, p.Stream) })
}

// parseID reads an id of the command line.
func parseID(flag, text string) (cdc.ID, error) {
	id, err := cdc.ParseID(text)
	if err != nil {
		return id, usageError{fmt.Errorf("%s: %w", flag, err)}
	}
	return id, nil
}

// served adds to an error of a reading what to do next.
func served(err error, next string) error {
	if err == nil || errors.Is(err, errDone) || errors.Is(err, context.Canceled) {
		return nil
	}
	if _, lost := frame.LossOf(err); lost {
		return fmt.Errorf("%w; %s", err, next)
	}
	return err
}
