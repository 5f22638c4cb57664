package cdc

import "time"

// guard marks the errors of a Handler.
type guard struct{ h Handler }

func mark(err error) error {
	if err != nil {
		return handlerError{err}
	}
	return nil
}

func (g guard) Begin(at Position) error                   { return mark(g.h.Begin(at)) }
func (g guard) Wants(schema, table []byte) bool           { return g.h.Wants(schema, table) }
func (g guard) Change(c *Change) error                    { return mark(g.h.Change(c)) }
func (g guard) Notice(n Notice) error                     { return mark(g.h.Notice(n)) }
func (g guard) Checkpoint(p Position, at time.Time) error { return mark(g.h.Checkpoint(p, at)) }
