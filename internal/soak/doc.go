// Package soak holds the tests that prove rowcast's guarantee by breaking things:
// the real program, real servers, real connections, and truth that comes from
// mysqlbinlog's reading of the servers' own files and from SELECT rather than from
// our code.
//
// `go test ./internal/soak` is the short form, part of `make test`. `make soak`
// is the full one. Every run prints its seed; -seed replays its plan (what is
// written, who reads what and for how long, which faults come when), though the
// machine's timing is its own.
//
// Two tests are oracles, with writers, subscribers and faults at random:
// TestExactUnderFire kills everything that can be killed, the database included;
// TestExactUnderStatements alters, swaps and truncates tables with awkward names.
// In both, what table maps say of columns is turned on and off meanwhile. Each
// subscriber's sequence is compared with the binlog change by change, resets
// included: those that had to come, and no others. Some subscribers keep copies of
// the tables, which are compared with SELECT where the writers are held for a
// moment. Others begin with current rows (rows, order, ?rows=), are cut off within them
// and after them, and begin anew now and then: their copies are compared with the table
// at each ready and after each group, and single rows with the table at the place of
// their id. The other tests each take one kind of failure through all of its cases.
package soak
