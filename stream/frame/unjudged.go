package frame

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"rowcast/cdc"
)

// refetch ends the message of a reset: what a client has to do now.
const refetch = "; fetch the table again"

// Unjudged is the reset that a subscription gets in place of f, an Event that its
// binding can't judge. A change that can't be rendered fails at its group's end,
// for the whole stream; a binding judges later, when its client's turn comes, and
// fails alone. The reset has the frame's place and id, so that a client that is
// cut off before or after it resumes as exactly as with any event.
//
// One for each group of the binlog is enough, since a client that fetches the
// table then has all of the group: the caller keeps count.
func (c *Catalog) Unjudged(f *Frame, err error) *Frame {
	c.resets.warn(c.Name(f.Stream), f.Pos, err.Error())
	block := AppendReset(nil, f.Pos, Schema(publicText(err)+refetch), f.Pos.Group().String())
	return &Frame{Kind: Reset, Pos: f.Pos, Stream: f.Stream, Block: block}
}

// publicText is what clients are told of an error: its whole text may be for the
// operator alone.
func publicText(err error) string {
	var fault interface{ Public() string }
	if errors.As(err, &fault) {
		return fault.Public()
	}
	return err.Error()
}

// resetLog logs the resets of streams: one a second for each at most, since a
// table may fail for every row. Safe for concurrent use.
type resetLog struct {
	log *slog.Logger // may be nil

	mu     sync.Mutex
	warned map[string]held // by stream
}

// held is when a stream's reset was last logged, and how many were not since.
type held struct {
	at    time.Time
	since int
}

func (r *resetLog) warn(stream string, at cdc.Position, cause string) {
	if r.log == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.warned[stream]
	if h.since++; time.Since(h.at) >= time.Second {
		args := []any{"stream", stream, "at", at, "cause", cause}
		if h.since > 1 {
			args = append(args, "resets", h.since) // since the last line about the stream
		}
		r.log.Warn("stream reset: its events are not exact here", args...)
		h = held{at: time.Now()}
	}
	if r.warned == nil {
		r.warned = map[string]held{}
	}
	r.warned[stream] = h
}
