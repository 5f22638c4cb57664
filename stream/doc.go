// Package stream serves Server-Sent Events of what a source of changes reads.
//
// One sentence: a feed encodes each change once into an immutable frame.Frame, a Log
// keeps the recent frames, and a client is a cursor on a Log and a socket.
//
// # Rooms
//
//	stream                    HTTP: routes, requests, health, metrics, who is let in
//	stream/frame              changes → SSE blocks, and who wants them; no HTTP
//	stream/internal/history   the Log, replays, resuming; what a client may get next
//	stream/internal/rows      what tables hold now, kept up to date from the live feed
//	stream/internal/fanout    sockets taken over from net/http, and writing to many
//	stream/web                the page and the client module
//
// # Order and delivery
//
// A client gets each change past the id that it came with, if its subscription wants
// it, once and in binlog order, whatever happens to connections, configs and the
// database; history says how. Where that can't be kept, it gets a reset event that
// says why, and goes on from the checkpoint in the reset's id.
//
// # The way of a client
//
// A request becomes a frame.Subscription (events.go). A goroutine places its cursor
// and brings it up to the end of the live Log (subscriber.go), with the current rows
// first where it wants them (rows.go). On plain HTTP/1.1 the
// connection was taken over from net/http (takeover.go), and now joins the pool: an
// idle client costs a socket and a small struct. A client that can't take what the
// pool gives it has a goroutine again until it has caught up (catchUp). Others (TLS,
// HTTP/2, HTTP/1.0) keep net/http's goroutine.
//
// No queue exists per client, so that a slow one can't slow another: it lags in the
// Log, then drops out of it, and is served from a replay.
//
// # Who owns what
//
//	state                 written by                   guard
//	subscriber            the goroutine that serves it ownership
//	attendance.count      requests, fanout             atomic
//	attendance, the rest  requests, Drain              its mu, its once
//	Server.configErr      SetConfigError               Server.mu
//	metrics.of, cache     the live feed's goroutine    ownership
//
// No lock of this package is held while another is taken. Its goroutines are net/http's
// (one per request), and those that Run starts and waits for: the pool and the history.
//
//	attendance.closed   closed by Drain: everybody is to leave
//	attendance.empty    closed when the last client has left after that
package stream
