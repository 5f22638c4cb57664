package cdc

import (
	"fmt"
	"time"
)

// Op is what happened to a row.
type Op uint8

// The three operations that a row-based binlog records.
const (
	Insert Op = iota + 1
	Update
	Delete
)

// String is the word that config and clients use.
func (o Op) String() string {
	switch o {
	case Insert:
		return "insert"
	case Update:
		return "update"
	case Delete:
		return "delete"
	}
	return fmt.Sprintf("op(%d)", uint8(o))
}

// Change is one committed row inserted, updated or deleted. It and all that it
// refers to are valid only until the Handler returns: images are views of the
// event's bytes, which are overwritten.
type Change struct {
	Pos    Position
	Op     Op
	Table  *Table    // as it was at that event; the same pointer as long as it stays the same
	Before *Image    // nil for an insert
	After  *Image    // nil for a delete
	Time   time.Time // of the commit; whole seconds where the server logs no finer
}

// A Notice reports lost exactness: for one table; for a whole schema if Table is "";
// for everything if Schema is "" too. Causes are TRUNCATE, DROP and RENAME,
// statement-format DML, an event or value that can't be decoded, and a definition that
// no longer fits an old event.
type Notice struct {
	At      Position // after what was lost: a checkpoint, or for rows that can't be decoded a place in their group
	Schema  string
	Table   string
	Message string // what happened, where, and what would have helped; for people
}

// Handler receives what a Source reads: in binlog order, from one goroutine,
// committed groups only. An error that it returns ends the reading and is
// returned by Source.Read as it is. Its methods may block: the binlog is then
// read no faster (the server waits; it has its own write timeout).
type Handler interface {
	// Begin announces a group or a single statement. What Wants answers may
	// change only here, so that one group is judged by one config.
	Begin(at Position) error
	// Wants reports whether rows of a table are to be decoded. It is called for each
	// table map: it must be quick, and must not keep its arguments.
	Wants(schema, table []byte) bool
	// Change hands over one change. Changes of one group follow each other.
	Change(c *Change) error
	// Notice reports a loss. It comes before the Checkpoint of its group; for rows that
	// can't be decoded, before the changes that follow them.
	Notice(n Notice) error
	// Checkpoint says that everything before p was handed over. It comes at the
	// start of a reading, at each group's end and after each file rotation;
	// at is when the server logged it, zero where it does not say.
	Checkpoint(p Position, at time.Time) error
}
