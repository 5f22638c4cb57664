package frame

import (
	"errors"

	"rowcast/cdc"
)

// Loss is why a client can't go on exactly: the reason and message of a reset.
// People read the message in a browser's console.
type Loss struct{ Reason, Message string }

func (l Loss) Error() string { return l.Reason + ": " + l.Message }

// What a Source can't serve, and what a slow client meets.
var (
	Purged  = Loss{"purged", "the database's binlog no longer holds that place; fetch the data again, and keep binlogs longer (binlog_expire_logs_seconds)"}
	Foreign = Loss{"foreign", "the id is from another database server, or from before its binlog was reset; fetch the data again"}
	Ahead   = Loss{"ahead", "the id lies past the end of the database's binlog: the server lost its newest transactions, or another one took its place; fetch the data again"}
	Invalid = Loss{"invalid", "this id was not issued by rowcast; fetch the data again"}
	Slow    = Loss{"slow", "the connection was slower than the changes for so long that the binlog was purged; fetch the data again"}
)

// Schema is the Loss of a stream whose events can't be exact at one place.
func Schema(message string) Loss { return Loss{"schema", message} }

// LossOf is the Loss that a Source's refusal means for clients.
func LossOf(err error) (Loss, bool) {
	switch {
	case errors.Is(err, cdc.ErrPurged):
		return Purged, true
	case errors.Is(err, cdc.ErrForeign):
		return Foreign, true
	case errors.Is(err, cdc.ErrAhead):
		return Ahead, true
	case errors.Is(err, cdc.ErrInvalid):
		return Invalid, true
	}
	return Loss{}, false
}
