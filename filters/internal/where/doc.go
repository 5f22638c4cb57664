// Package where judges rows by an SQL predicate: parsing, types, compiling,
// evaluating, and the keys by which a map finds the subscriptions that a row is for.
//
// # Guarantees
//
// A predicate that compiles is judged as both servers judge it, MySQL and
// MariaDB: the differential tests compare each column type, operator and function
// with what SELECT says. What the servers judge differently, or what can't be
// judged from one row, is refused when it is parsed or compiled, with the place
// and what to write instead. A row that can't be judged is an error, never a
// verdict. Time and memory are bounded by the sizes of the predicate, the
// parameters and the row.
//
// A Predicate divides its clauses, which are joined by AND, into three kinds:
// static ones, without parameters, judged once for each row; keys,
// `column = :parameter`, never judged but looked up, since equal values have
// equal keys; and residual ones, judged once for each row and binding.
//
// Predicate.SQL is the predicate for a server, and a Sort compares rows as ORDER BY
// sorts them: rows that a server was asked for are those that the predicate matches, in
// the order of their places.
//
// No error about a row quotes a value of it.
//
// # Ownership
//
//	Where, Predicate, Condition, Sort   immutable, safe for concurrent use
//	Evaluator                           one goroutine at a time
//	Row                                 refers to its Image and Evaluator, until
//	                                    Reset; Predicate.Keep makes a copy that lasts
package where
