// Package wire reads the integers and length-prefixed parts that binlog events and
// binary JSON consist of. It keeps no state, and never reads past its input.
package wire
