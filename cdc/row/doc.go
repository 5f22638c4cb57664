// Package row knows a table as it was when an event was logged, and one row of it.
//
// A Table is immutable. An Image is a view of an event's bytes: it finds the columns
// once, decodes none of them, and writes one as JSON or text when it is asked to,
// without allocating. It is valid until the event's bytes are overwritten, and belongs
// to one goroutine. Values are those that SELECT gives (the types' tests compare both);
// what can't be decoded is an error that wraps ErrValue, never a guess.
//
// A Shape keeps rows apart from events, as records: what a SELECT says of a row and what
// the binlog says of it become the same bytes, which an Image reads like any row.
package row
