package cdc

import (
	"bytes"
	"strings"
)

type tokenKind uint8

const (
	tokenOther tokenKind = iota
	tokenIdent
	tokenQuoted
	tokenDot
)

type token struct {
	kind tokenKind
	text string
}

// lexer splits SQL as both servers do: comments are skipped, but for the text of
// executable ones (/*! … */ and /*M! … */).
type lexer struct{ rest []byte }

// dashes tells whether a comment begins: -- and a space, or a control character.
func dashes(b []byte) bool {
	return bytes.HasPrefix(b, []byte("--")) && (len(b) == 2 || b[2] <= ' ')
}

func (l *lexer) next() (token, bool) {
	for {
		l.rest = bytes.TrimLeft(l.rest, " \t\r\n\f\v")
		if len(l.rest) == 0 {
			return token{}, false
		}
		c := l.rest[0]
		switch {
		case bytes.HasPrefix(l.rest, []byte("/*")):
			l.comment()
			continue
		case dashes(l.rest) || c == '#':
			if i := bytes.IndexByte(l.rest, '\n'); i >= 0 {
				l.rest = l.rest[i:]
			} else {
				l.rest = nil
			}
			continue
		case c == '`' || c == '"':
			// With ANSI_QUOTES "x" is a name. As a string it is a name of no table.
			return token{tokenQuoted, l.quoted(c)}, true
		case c == '\'':
			l.quoted(c)
			return token{}, true
		case c == '.':
			l.rest = l.rest[1:]
			return token{kind: tokenDot}, true
		case identByte(c):
			n := 1
			for n < len(l.rest) && identByte(l.rest[n]) {
				n++
			}
			t := token{tokenIdent, string(l.rest[:n])}
			l.rest = l.rest[n:]
			return t, true
		}
		l.rest = l.rest[1:]
		return token{}, true
	}
}

func identByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c >= 0x80
}

func (l *lexer) comment() {
	body := l.rest[2:]
	for _, mark := range []string{"!", "M!"} {
		if bytes.HasPrefix(body, []byte(mark)) {
			l.rest = bytes.TrimLeft(body[len(mark):], "0123456789")
			return
		}
	}
	if i := bytes.Index(body, []byte("*/")); i >= 0 {
		l.rest = body[i+2:]
	} else {
		l.rest = nil
	}
}

func (l *lexer) quoted(q byte) string {
	var b strings.Builder
	i := 1
	for ; i < len(l.rest); i++ {
		c := l.rest[i]
		if c == '\\' && q != '`' && i+1 < len(l.rest) {
			i++
			c = l.rest[i]
		} else if c == q {
			if i+1 >= len(l.rest) || l.rest[i+1] != q {
				break
			}
			i++
		}
		b.WriteByte(c)
	}
	l.rest = l.rest[min(i+1, len(l.rest)):]
	return b.String()
}
