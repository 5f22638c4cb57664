// Package sqlname quotes the names of schemas, tables and columns for SQL, and reads
// quoted names and strings.
package sqlname

import "strings"

// Quote is name in backticks, as both servers take it whatever sql_mode is in force.
func Quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// Unquote reads a quoted name or string at the start of b, whose first byte is the
// quote. n is its length, quotes included; closed is false where b ends inside it.
// backslash tells whether a backslash escapes the next character.
func Unquote[T string | []byte](b T, backslash bool) (text string, n int, closed bool) {
	var out strings.Builder
	quote := b[0]
	for i := 1; i < len(b); i++ {
		c := b[i]
		switch {
		case c == '\\' && backslash && i+1 < len(b):
			i++
			c = unescape(b[i])
		case c == quote:
			if i+1 >= len(b) || b[i+1] != quote {
				return out.String(), i + 1, true
			}
			i++
		}
		out.WriteByte(c)
	}
	return out.String(), len(b), false
}

// unescape is what a backslash followed by c means.
func unescape(c byte) byte {
	switch c {
	case '0':
		return 0
	case 'b':
		return '\b'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'Z':
		return 26
	}
	return c
}
