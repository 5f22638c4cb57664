package ddl

import (
	"bytes"

	"rowcast/cdc/internal/sqlname"
)

type tokenKind uint8

const (
	tokenOther tokenKind = iota
	tokenWord
	tokenQuoted
	tokenDot
)

type token struct {
	kind  tokenKind
	text  string
	apart bool // of a dot: it does not directly follow what is before it
}

func (t token) isName() bool { return t.kind == tokenWord || t.kind == tokenQuoted }

// lexer splits SQL as both servers do: comments are skipped, except for the text of
// executable ones (/*! … */ and /*M! … */).
type lexer struct {
	rest []byte
	mode Mode
}

func (l *lexer) next() (token, bool) {
	before := len(l.rest)
	for {
		l.rest = bytes.TrimLeft(l.rest, " \t\r\n\f\v")
		if len(l.rest) == 0 {
			return token{}, false
		}
		c := l.rest[0]
		switch {
		case bytes.HasPrefix(l.rest, []byte("/*")):
			l.blockComment()
			continue
		case c == '#' || startsDashComment(l.rest):
			_, l.rest, _ = bytes.Cut(l.rest, []byte("\n"))
			continue
		case c == '`':
			return token{kind: tokenQuoted, text: l.quoted(false)}, true
		case c == '"':
			// A name under ANSI_QUOTES. Otherwise a string, and the name of no table.
			return token{kind: tokenQuoted, text: l.quoted(!l.mode.has(ansiQuotes) && !l.mode.has(noBackslashEscapes))}, true
		case c == '\'':
			l.quoted(!l.mode.has(noBackslashEscapes))
			return token{}, true
		case c == '.':
			l.rest = l.rest[1:]
			return token{kind: tokenDot, apart: len(l.rest)+1 < before}, true
		case isWordByte(c):
			n := 1
			for n < len(l.rest) && isWordByte(l.rest[n]) {
				n++
			}
			t := token{kind: tokenWord, text: string(l.rest[:n])}
			l.rest = l.rest[n:]
			return t, true
		}
		l.rest = l.rest[1:]
		return token{}, true
	}
}

// startsDashComment: two dashes, then a space, a control character or the end.
func startsDashComment(b []byte) bool {
	return bytes.HasPrefix(b, []byte("--")) && (len(b) == 2 || b[2] <= ' ')
}

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c >= 0x80
}

func (l *lexer) blockComment() {
	body := l.rest[2:]
	for _, mark := range []string{"!", "M!"} {
		if bytes.HasPrefix(body, []byte(mark)) {
			l.rest = bytes.TrimLeft(body[len(mark):], "0123456789")
			return
		}
	}
	_, l.rest, _ = bytes.Cut(body, []byte("*/"))
}

func (l *lexer) quoted(backslash bool) string {
	text, n, _ := sqlname.Unquote(l.rest, backslash)
	l.rest = l.rest[n:]
	return text
}
