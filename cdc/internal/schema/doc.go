// Package schema reads what information_schema says about tables now: names, keys
// and the like, which most servers leave out of the binlog. It says how each column
// would be logged, so that a definition can be compared with an event.
package schema
