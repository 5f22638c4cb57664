// Package cdc reads the binary log of MySQL and MariaDB and hands out committed
// row changes, each with the position from which a later reading goes on.
//
// Order and delivery. A Source hands a Handler every change of every table that
// the Handler wants, in binlog order, exactly once for each call of Read or
// Replay, however often the connection breaks in between: after a break it asks
// for the dump from the start of the last group it was in and leaves out what it
// handed over before. Changes are handed over only once their group is known to
// be committed: a group is held until its end, up to 32 MiB; a larger one is
// read twice, so that memory does not grow with it and no part of it gets out early. XA
// transactions are handed over at their XA COMMIT, under that group's position.
// What ends in ROLLBACK is never seen.
//
// What can't be had exactly is reported, never guessed: statements that change rows
// without logging them, values and schemas that can't be decoded and events that
// are not known become a Notice in their place in the order; a position that the
// server does not hold, or holds differently, becomes one of the errors ErrPurged,
// ErrAhead, ErrForeign and ErrInvalid.
//
// The way of one event: dump (the connection) → place (where it is) → reader
// (groups and ordinals) → delivery, rowsEvent and Image (the bytes of rows) → Handler.
// Only wanted tables get further than their table map.
//
// While it reads, a Source sends the server no queries, except after a reconnect, after
// a statement that altered a table, and for second readings.
//
// Select reads what a table holds, as of a moment that is known by the binlog: after a
// place that the live reading has passed, and before another. With the changes from the
// first on, its rows become the table at every place after the second.
package cdc
