// Package stream turns what a cdc source reads into Server-Sent Events.
//
// One sentence: a feed encodes every change once into an immutable frame.Frame, a Log
// keeps the recent frames, and a client is a cursor on a Log and a socket.
//
// # Order and delivery
//
// Frames of one Log are in binlog order. A cursor takes every frame behind its
// position that its subscription wants, once, in that order. A position is what
// the client names by its last event id: nothing at or before it is sent again,
// nothing behind it is left out. Where that can't be kept, the client gets a
// reset event that says why, and goes on from the checkpoint in the reset's id.
//
// # The way of a client
//
// The handler decides where an id can be served from (resume.go): from the live
// Log; from a lane, which is a bounded Log of older frames that several clients
// share (lane.go); or from nowhere, which is a reset. A goroutine brings the
// client up to the end of the live Log (subscriber.go). On plain HTTP/1.1 it
// then hands the socket to a writer (writer.go) and ends: an idle client costs
// a socket and a small struct. A socket that can't take what it is given
// leaves the writer and has a goroutine again until it has caught up.
//
// No queue exists per client, so a slow one can't slow another: it falls
// behind in the Log, then out of it, and is served from a lane.
//
// # Config changes
//
// A frame.Catalog is one immutable config. A notice in the Log says where a new
// one begins; every cursor that passes it rebinds its subscription.
package stream
