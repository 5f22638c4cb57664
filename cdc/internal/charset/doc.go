// Package charset converts the strings of every character set that MySQL and MariaDB
// have to UTF-8.
//
// The tables of the sets that are not Unicode come from the servers themselves
// (charset.bin); the test compares each character of each set with both servers, and
// can write the file. A set is decompressed when it is first asked for and kept from
// then on; a *Charset is immutable and safe for concurrent use.
//
// cdc writes values by these tables. The literals of a where clause are encoded by
// Vitess's, which knows fewer sets: filters refuses a column of one that it lacks.
package charset
