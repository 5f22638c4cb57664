package cdc

import (
	"errors"

	"rowcast/cdc/row"
)

// Sentinels of the decoder; the text that wraps them names table, column and type.
var (
	// ErrValue: a value or a column can't be decoded.
	ErrValue = row.ErrValue
	// ErrSchema: the event is of an older or newer form of the table than the database has.
	ErrSchema = errors.New("the table's definition does not fit the event")
	// ErrNoTable: the database has no such table.
	ErrNoTable = errors.New("no such table")
)
