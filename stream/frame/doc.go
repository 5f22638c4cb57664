// Package frame turns changes into Server-Sent Events, without HTTP.
//
// An Encoder is a cdc.Handler: it has a Renderer (one compiled config) render
// each change once, and makes of each event a Frame that holds the finished SSE
// block. A Subscription, which a Catalog makes of stream names and parameters,
// tells which frames are for one subscriber.
//
// # Guarantees
//
// Frames come in binlog order. One change may yield several at one position, for
// different streams or bindings. A subscriber wants at most one of each stream, so
// that only one with several streams of a table gets several: their ids differ, and
// their order is that of the request.
// A change that can't be rendered becomes a reset of its stream, placed after
// the group it belongs to; one that a binding can't judge becomes a reset of that
// subscription, in its own place. A config that is swapped in takes effect between two
// groups: no group is rendered by two configs. Nothing that a database
// contains, be it a name or a value, can inject a field into a block.
//
// # Ownership
//
//	Frame, its Block, Tag   immutable once handed over; may be kept and shared
//	Catalog, Subscription   immutable; a Subscription belongs to its Catalog
//	Encoder                 one goroutine, the one that reads; only Swap may be
//	                        called by others (Encoder.mu guards what it changes)
//
// Encoder.mu is held while Output.Swapped runs, which may take locks of its own
// but must not call the Encoder.
package frame
