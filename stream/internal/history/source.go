package history

import (
	"context"

	"rowcast/cdc"
)

// Source is where changes come from; *cdc.Source is one. Errors are told apart
// by cdc.ErrPurged, ErrAhead, ErrForeign and ErrInvalid.
type Source interface {
	// Read follows the binlog for ever, from now where from is zero.
	Read(ctx context.Context, from cdc.Position, h cdc.Handler) error
	// Replay is Read on a connection of its own; it gives up where Read tries again.
	Replay(ctx context.Context, from cdc.Position, h cdc.Handler) error
	// Now is the checkpoint at the binlog's end.
	Now(ctx context.Context) (cdc.Position, error)
	Status() cdc.Status
}
