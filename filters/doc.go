// Package filters turns what an operator writes, the [[table]] entries of the
// config, into what a subscriber gets: for each change the streams that publish
// it, under which operation, and its payload.
//
// # Guarantees
//
// Compile compiles the entries without a server; columns are bound when a table is
// first seen. The binlog says at each event what the table looked like, so that an
// old event is rendered as its table was then.
//
// What is not in an entry's columns, or is masked, leaves this package by no
// way: not in key, old_key, before, templates, Explain or errors. A *Fault has two
// texts, and only Public is for clients.
//
// A change that can't be judged or rendered is an error, never silence: from
// Render, for the stream, or from Binding.Match, for the subscription.
//
// A RowsPlan says how the current rows of a stream are read: as SQL for the server, and
// by this package's own evaluator and order, which agree with it. No value of a client's
// can become anything but a literal in that SQL.
//
// # Ownership
//
//	Set       what it publishes never changes; a reload swaps the whole Set. The
//	          live feed and every replay render through the same one. What it
//	          remembers of tables (planCache.mu) and bindings (bindings.mu) is
//	          bounded, or held weakly
//	RowsPlan  immutable, safe for concurrent use
//	Binding   immutable; Binding.mu guards the clauses that it was compiled for
//	scratch   one Render at a time, from a pool
//
// planCache.mu is held while OnReshape's function runs, which may take locks of
// its own but must not call the Set. Data, key and event that Emit is given are
// valid until it returns; a tag may be kept.
package filters
