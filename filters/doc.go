// Package filters turns what an operator writes, the [[table]] entries of the
// config, into what a subscriber gets: for each change the streams that publish
// it, under which operation, and its payload.
//
// Compile judges the entries without a server. A Set is immutable and safe for
// concurrent use: the live feed and every replay render through the same one,
// and a reload swaps the whole Set. Columns are bound when a table is first
// seen: the binlog says at each event what the table looked like, so that an
// old event is rendered as its table was then. What was bound is kept per
// *cdc.Table, in a cache of bounded size.
//
// What is not in an entry's columns, or is masked, leaves this package by no
// way: not in key, old_key, before, templates, Explain or errors.
package filters
