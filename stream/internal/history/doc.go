// Package history holds what was read of the binlog, and leads each client through
// it: from memory, from replays of the database's own binlog, and over the seams
// between them.
//
// A feed encodes each change once into an immutable frame.Frame and appends it to
// a Log. The live feed follows the binlog for ever; its Log is bounded in bytes. A
// lane is a feed too: it replays older changes for the clients that need them, into
// a small Log of its own, and ends where the live Log begins. A client is a Cursor:
// the number of the next frame in one of these Logs, and a position.
//
// # Guarantees
//
// A Cursor takes every frame past its position that its subscription wants, once,
// in binlog order, whatever Log it reads. Its Pos says what it has done with: it
// never rises over a frame that it has not taken or seen to be for others. Of a change
// that is several events to the client it may have taken some: then Pos is before the
// change, and Sent the last of these. Where
// that can't be kept (purged, another server, a binlog that was reset, an id that
// names no place), the buffer gets a reset that says why, with the checkpoint that
// the Cursor goes on from.
//
// A checkpoint is given only to a Cursor that has taken everything before it.
//
// No transaction reaches a Cursor that stays connected half under one config and
// half under another: a Swap takes effect between two groups, in each feed, and a
// Cursor passes in mid-group only to a feed that has the same config there; it gets a
// lane under the old one if need be.
//
// No client is waited for in the live feed, only what Options.Pace waits for. A slow
// Cursor falls out of the live Log, and goes on in a lane; a lane is paced by its
// fastest reader.
//
// # Who owns what
//
//	state                        written by                      guard      read by
//	Log (live)                   the live feed's goroutine; Swap Log.mu     everybody
//	Log (of a lane)              the lane's goroutine; Swap      Log.mu     its readers, lanes.choose
//	Encoder                      its feed's goroutine            Encoder.mu for what Swap changes
//	lane.state, from, seats      clients, the lane's goroutine   lanes.mu   the lane's pacing
//	lane.last, read, rushing     the lane's goroutine            none
//	seat.total                   one client                      atomic     the lane's pacing
//	lanes.active, kept, catalog  clients, lanes' goroutines      lanes.mu
//	Cursor                       whoever serves the client       ownership
//	liveFeed.end                 the live feed's goroutine       its mu     rechecks
//	liveFeed.lost                the live feed's goroutine       none
//	nowCache                     clients                         its mu
//
// Locks are taken in this order: lanes.mu or Encoder.mu, then Log.mu. No two Logs
// are locked at once. No lock is held while a database or a client is waited for.
//
// # Goroutines and channels
//
// Store.Run owns the live feed, the rechecks and all lanes, and waits for them.
//
//	Log.wake         closed by the next append; made where somebody waits
//	lane.news        capacity 1: one look at the seats serves all that moved
//	lanes.freed      closed when a lane gives its slot back
//	rechecks         capacity 1: one question serves all that asked for it
//	nowCache.ready   closed with the answer
package history
