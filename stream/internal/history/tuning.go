package history

import "time"

// Sizes and times that no operator has to choose.
const (
	// MinHistory is the least that a Log is bounded to: it must have room for
	// several pieces of a group.
	MinHistory = 64 << 10

	chunkBytes = 64 << 10 // dropped from, and read from, a Log at a time
	// pieceBytes is how much of one group becomes visible at once, at most: a log has
	// room for several pieces. A smaller group appears whole.
	pieceBytes = 1 << 20
	// maxGroups bounds the memory for the starts of groups to 4 MiB for each Log.
	maxGroups = 1 << 20

	// again is how long the live feed waits before it begins again after a loss.
	again = time.Second

	recheckPause = 250 * time.Millisecond // between two rechecks
	recheckLazy  = 10 * time.Second       // between two for clients without an id

	nowLasts   = time.Second            // how long an answer serves ids that it is not older than, and a failure
	nowPause   = 100 * time.Millisecond // between two questions
	nowTimeout = 5 * time.Second
)

// LaneOptions bound lanes in time and size. Zero means the default; tests set
// others to reach what would take long.
type LaneOptions struct {
	// Gather is how long a new lane waits for others that need one: after a
	// restart clients come in a herd, and it starts at the oldest of them.
	Gather time.Duration
	// Ending is how long a client waits for the slot of a lane that is ending.
	Ending time.Duration
	// Linger is how long readers may take what a lane that has ended has left.
	Linger time.Duration
	// A lane ends after it has read Bytes of the binlog and lasted for Turn, if
	// others were refused one in the meantime: its clients come back and queue up
	// after them.
	Bytes int64
	Turn  time.Duration
	// Near: a lane this many bytes before a position is joined even if another
	// lane is free.
	Near int64
	// Window bounds the bytes of a lane's Log.
	Window int64
	// Patience is how long a lane waits for a slow reader while others wait for
	// the lane to come to them.
	Patience time.Duration
}

func (o LaneOptions) withDefaults(history int64) LaneOptions {
	def := LaneOptions{
		Gather:   50 * time.Millisecond,
		Ending:   time.Second,
		Linger:   30 * time.Second,
		Bytes:    1 << 30,
		Turn:     10 * time.Second,
		Near:     256 << 20,
		Window:   max(MinHistory, min(history/4, 16<<20)),
		Patience: time.Second,
	}
	or(&o.Gather, def.Gather)
	or(&o.Ending, def.Ending)
	or(&o.Linger, def.Linger)
	or(&o.Bytes, def.Bytes)
	or(&o.Turn, def.Turn)
	or(&o.Near, def.Near)
	or(&o.Window, def.Window)
	or(&o.Patience, def.Patience)
	return o
}

func or[T comparable](v *T, def T) {
	if *v == *new(T) {
		*v = def
	}
}
