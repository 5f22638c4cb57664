// Package soak holds the tests that prove rowcast's guarantee by breaking things:
// the real program, real servers, real connections, and truth that comes from
// mysqlbinlog's reading of the servers' own files rather than from our code.
//
// `go test ./internal/soak` is the short form, part of `make test`. `make soak`
// is the full one. Every run prints its seed; -seed replays its plan (what is
// written, who reads what and for how long, which faults come when), though the
// machine's timing is its own.
//
// TestExactUnderFire is the oracle: writers, subscribers and faults at random;
// the others each take one kind of failure through all of its cases.
package soak
