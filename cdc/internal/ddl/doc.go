// Package ddl reads what a server logs as a statement rather than as rows, as far
// as a reader of the binlog has to know it: which tables it may touch, and whether
// rows or columns change without an event that shows them.
//
// It works on tokens, not on a grammar. Each server version has statements of its
// own, and one that is not understood must still be seen to touch a table. When in
// doubt it errs on the side of too many tables and too much damage: a needless
// reset costs a client a query, a missing one costs it the truth.
package ddl
