// Package format writes values as text: numbers, dates, times and JSON strings, in the
// digits that MySQL and MariaDB write. Each function appends to a slice and returns it;
// none allocates but for growth, and none keeps state.
package format
