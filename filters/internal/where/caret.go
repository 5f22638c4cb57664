package where

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"vitess.io/vitess/go/vt/sqlparser"
)

// point finds a word in what was written, outside quotes, and points at it; "" if
// it is not there. The parser keeps no positions.
func point(source, word string) string {
	if word == "" {
		return ""
	}
	lower, word := lowerASCII(source), lowerASCII(word)
	var quote byte
	for i := 0; i < len(lower); i++ {
		c := lower[i]
		switch {
		case quote != 0:
			if c == '\\' && quote != '`' {
				i++
			} else if c == quote {
				quote = 0
			}
			continue
		case strings.HasPrefix(lower[i:], word) && (i == 0 || !wordByte(lower[i-1]) || !wordByte(word[0])) &&
			(i+len(word) >= len(lower) || !wordByte(lower[i+len(word)]) || !wordByte(word[len(word)-1])):
			return mark(source, i, i+len(word))
		case c == '\'' || c == '"' || c == '`':
			quote = c
			if c == '`' && strings.HasPrefix(lower[i+1:], word+"`") {
				return mark(source, i, i+len(word)+2)
			}
		}
	}
	return ""
}

// lowerASCII keeps every byte where it is.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

func wordByte(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 0x80
}

// mark says where source[from:to] is and shows it between ▸ and ◂, with what
// is around it.
func mark(source string, from, to int) string {
	const around = 24
	line := 1 + strings.Count(source[:from], "\n")
	col := 1 + len([]rune(source[strings.LastIndexByte(source[:from], '\n')+1:from]))
	to = min(to, from+around, len(source))
	start, end := max(from-around, 0), min(to+around, len(source))
	before, inside, after := source[start:from], source[from:to], source[to:end]
	if start > 0 {
		before = "…" + before
	}
	if end < len(source) {
		after += "…"
	}
	text := strings.ToValidUTF8(before+"▸"+inside+"◂"+after, "")
	text = strings.Join(strings.Fields(text), " ")
	if line > 1 {
		return fmt.Sprintf(" (line %d, column %d: %s)", line, col, text)
	}
	return fmt.Sprintf(" (at character %d: %s)", col, text)
}

// firstWord is what to point at; the parser quotes names that are keywords.
func firstWord(s string) string {
	s = strings.TrimLeft(s, "`(")
	return s[:len(s)-len(strings.TrimLeft(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"))]
}

// maxDepth bounds nesting: the parser and the compiler recurse.
const maxDepth = 200

// checkDepth counts brackets, and prefix operators in a row, before anything
// recurses. It splits the source as the parser does, so that strings and comments
// do not count.
func checkDepth(parser *sqlparser.Parser, source string) error {
	switch {
	case !utf8.ValidString(source):
		return errors.New("it is not valid UTF-8")
	case strings.ContainsRune(source, 0):
		return errors.New("it holds a NUL byte")
	}
	tokens := parser.NewStringTokenizer(source)
	depth, prefixes := 0, 0
	for {
		kind, _ := tokens.Scan()
		switch kind {
		case 0, sqlparser.LEX_ERROR: // which the parser reports
			return nil
		case '(':
			depth++
		case ')':
			depth--
		case '-', '!', '~', '+', sqlparser.NOT, sqlparser.BINARY:
			prefixes++
		default:
			prefixes = 0
		}
		if depth > maxDepth || prefixes > maxDepth {
			at := min(max(tokens.Pos-1, 0), len(source))
			return fmt.Errorf("it nests too deeply%s", mark(source, at, min(at+1, len(source))))
		}
	}
}

// shorten keeps client input in messages short and on one line.
func shorten(s string) string {
	if len(s) > 40 {
		s = strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}
