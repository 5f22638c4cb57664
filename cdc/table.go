package cdc

// Table is a table as it was when an event was logged. It is immutable.
type Table struct {
	Schema, Name string
	Columns      []Column
	Key          []int // primary key: indexes into Columns, in key order; empty where there is none
}

// Column is one column of a Table.
type Column struct {
	Name      string
	Type      byte     // mysql.MYSQL_TYPE_*, the real one: ENUM, SET and STRING told apart
	Meta      uint16   // as in the table map, for Type
	Kind      Kind     // what Type alone does not tell
	Unsigned  bool
	Collation uint64   // MySQL's or MariaDB's number; 63 is binary; 0 where the type has none
	Labels    []string // of ENUM and SET, in UTF-8
	Hidden    bool     // made by the server: never shown
}

// Kind tells apart what the binlog logs under one type.
type Kind uint8

// Kinds.
const (
	Plain    Kind = iota
	JSONText      // MariaDB: LONGTEXT with a JSON check
	UUID          // MariaDB
	INET4         // MariaDB
	INET6         // MariaDB
)
