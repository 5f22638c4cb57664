// Package rows gives the current rows of streams: what their tables hold, at a
// checkpoint of the live Log from which a client goes on with changes.
//
// A window is the rows of one stream for one binding: the first so many in the stream's
// order, or those that follow a key. It is loaded by one SELECT for all clients that
// want it, and follows the live feed as long as it is kept.
//
// # Why it is exact
//
// A window follows the feed from a checkpoint on, before the database is asked. The
// source opens a read view that sees everything up to that checkpoint, and says where
// the binlog ended after that. Once the feed has passed that end, the changes that were
// noted are laid over what was selected, by primary key: each row is then as its last
// change left it, or as the view saw it where it has not changed, wherever exactly in
// the binlog the view stood. A statement that alters the table meanwhile has it all done
// again; so has any change of a table without a primary key.
//
// # Who owns what
//
//	state                    written by                      guard
//	Store, window            clients, loads, the live feed   Store.mu
//	window.selected          its load                        ownership, until it is laid under Store.mu
//	Rows                     immutable; its blocks by once   once
//
// Store.mu is taken with no other lock but the Encoder's of the live feed held, and no
// other is taken under it. No lock is held while the database or a client is waited for.
//
// # Goroutines and channels
//
// Run owns one goroutine for each window that is being loaded, and waits for them.
//
//	window.ready    closed when the window is loaded, or can't be
//	Store.moved     closed by the next checkpoint; made where somebody waits
//	Store.queries   capacity max_queries: a token for each SELECT under way
package rows
