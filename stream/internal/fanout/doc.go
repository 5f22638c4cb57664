// Package fanout writes frames to many clients: their sockets, taken over from
// net/http, and the groups of those that want the same bytes. All that is Linux's
// own (epoll, writes that do not wait) is here.
//
// # Guarantees
//
// All members of a Pool stand at one place of the live Log. Each frame is looked up
// once, its chunk is built once for each group of equal subscriptions, and each
// member gets the chunk by one write that does not wait. Nobody is waited for: a
// member that can't take all of it is handed to a goroutine of its own
// (Options.Slow) with the bytes that are missing and the place that it stands at, so
// that it neither loses nor repeats a byte. A goroutine that has caught up brings
// its client back with Join. Waiting clients share the bytes of one chunk; none has
// a copy.
//
// # Who owns what
//
//	state                        written by                      guard
//	Pool.members, groups, place  whoever holds it: Run, Join     Pool.mu
//	sockets of the dirty groups  senders, while the owner of     each sender its own share
//	                             Pool.mu waits for them
//	socket.phase, gone, group    see phase                       Pool.mu
//	socket.last, version         senders, Join                   Pool.mu, or the sender's share
//	Response                     the goroutine of the client     ownership
//	watcher.byID                 Adopt, close                    watcher.mu
//
// Locks are taken in this order: Pool.mu, then Log.mu or watcher.mu. Pool.mu is held
// while members are written to, never while a client is waited for. Options are
// called with Pool.mu held, except for Slow.
//
// # Goroutines and channels
//
// Run owns one goroutine, which waits for the Log, and for as long as a round takes
// the senders. The watcher has one that waits for clients that leave. Each client
// that can't keep up, or is sent away and does not take it, has one; Run waits for
// those as well.
//
//	Pool.moved     capacity 1: Pace looks once, however often the pool has moved
//	Pool.kick      capacity 1: one look at the Log serves all that have joined
//	socket.gone    closed when the client has left, or has to; nil for members
//	watcher.done   closed when the watching has ended
package fanout
