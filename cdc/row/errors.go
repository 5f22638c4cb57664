package row

import (
	"errors"

	"rowcast/cdc/internal/wire"
)

// Sentinels of the decoder; the text that wraps them names table, column and type.
var (
	// ErrValue: a value or a column can't be decoded.
	ErrValue = errors.New("can't be decoded")
	// ErrCorrupt: the row's bytes are not what they must be.
	ErrCorrupt = wire.ErrCorrupt
)
