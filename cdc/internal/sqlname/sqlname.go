// Package sqlname quotes the names of schemas, tables and columns for SQL.
package sqlname

import "strings"

// Quote is name in backticks, as both servers take it whatever sql_mode is in force.
func Quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// Unquote is the reverse of Quote; a name without backticks stays as it is.
func Unquote(s string) string {
	if len(s) < 2 || s[0] != '`' || s[len(s)-1] != '`' {
		return s
	}
	return strings.ReplaceAll(s[1:len(s)-1], "``", "`")
}
