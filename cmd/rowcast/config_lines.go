package main

import (
	"strconv"
	"strings"
)

// keyLines tells on which line of a TOML text each key stands, since the
// parser does not: "stream.ping" → 12, "table.0.mask.email" → 31; the header
// of an array's first entry is both "table" and "table.0". The text must be
// one that the parser accepted; any other gives nonsense, but no panic.
func keyLines(text string) map[string]int {
	s := &lineScanner{text: text, line: 1, lines: map[string]int{}, entries: map[string]int{}}
	for s.space(true); !s.end(); s.space(true) {
		if s.peek() == '[' {
			s.header()
		} else {
			s.pair(s.prefix)
		}
	}
	return s.lines
}

type lineScanner struct {
	text    string
	at      int
	line    int
	prefix  string
	lines   map[string]int
	entries map[string]int // array of tables → number of its entries so far
}

func (s *lineScanner) end() bool { return s.at >= len(s.text) }

func (s *lineScanner) peek() byte {
	if s.end() {
		return 0
	}
	return s.text[s.at]
}

func (s *lineScanner) next() byte {
	c := s.peek()
	if c == '\n' {
		s.line++
	}
	s.at++
	return c
}

// space skips blanks, and line breaks and comments where they are allowed.
func (s *lineScanner) space(breaks bool) {
	for !s.end() {
		switch c := s.peek(); {
		case c == ' ' || c == '\t' || c == '\r' || breaks && c == '\n':
			s.next()
		case c == '#' && breaks:
			for !s.end() && s.peek() != '\n' {
				s.next()
			}
		default:
			return
		}
	}
}

func (s *lineScanner) note(path string) {
	if _, ok := s.lines[path]; !ok {
		s.lines[path] = s.line
	}
}

// header reads [a.b] or [[a.b]], which say where the pairs that follow belong.
func (s *lineScanner) header() {
	s.next()
	array := s.peek() == '['
	if array {
		s.next()
	}
	words := s.key()
	path := ""
	for i, word := range words {
		path = join(path, word)
		s.note(path)
		last := i == len(words)-1
		if last && array {
			s.entries[path]++
		}
		if n := s.entries[path]; n > 0 && (!last || array) {
			path = join(path, strconv.Itoa(n-1))
			s.note(path)
		}
	}
	s.prefix = path
	for !s.end() && s.peek() == ']' {
		s.next()
	}
}

// pair reads key = value; dotted keys make tables on the way.
func (s *lineScanner) pair(prefix string) {
	start := s.at
	path := prefix
	for _, word := range s.key() {
		path = join(path, word)
		s.note(path)
	}
	s.space(false)
	if s.peek() == '=' {
		s.next()
	}
	s.space(false)
	s.value(path)
	if s.at == start {
		s.next() // no TOML: go on somewhere
	}
}

func join(path, word string) string {
	if path == "" {
		return word
	}
	return path + "." + word
}

// key reads a dotted key, quoted or bare.
func (s *lineScanner) key() []string {
	var words []string
	for {
		s.space(false)
		switch c := s.peek(); c {
		case '"', '\'':
			start := s.at
			s.str()
			word := s.text[start:min(s.at, len(s.text))]
			if plain, err := strconv.Unquote(word); err == nil && c == '"' {
				word = plain
			} else {
				word = strings.Trim(word, string(c))
			}
			words = append(words, word)
		default:
			start := s.at
			for !s.end() && strings.IndexByte(".=]\"' \t\r\n#", s.peek()) < 0 {
				s.next()
			}
			words = append(words, s.text[start:s.at])
		}
		s.space(false)
		if s.peek() != '.' {
			return words
		}
		s.next()
	}
}

func (s *lineScanner) value(path string) {
	switch s.peek() {
	case '"', '\'':
		s.str()
	case '[':
		s.list(path, ']', func(i int) { s.value(join(path, strconv.Itoa(i))) })
	case '{':
		s.list(path, '}', func(int) { s.pair(path) })
	default:
		for !s.end() && strings.IndexByte(",]}#\r\n", s.peek()) < 0 {
			s.next()
		}
	}
}

// list reads what stands in brackets, separated by commas.
func (s *lineScanner) list(path string, closing byte, item func(i int)) {
	s.next()
	for i := 0; ; i++ {
		s.space(true)
		if s.end() || s.peek() == closing {
			s.next()
			return
		}
		s.note(join(path, strconv.Itoa(i)))
		start := s.at
		item(i)
		s.space(true)
		if s.peek() == ',' {
			s.next()
		}
		if s.at == start {
			s.next()
		}
	}
}

// str reads a string of any of the four kinds.
func (s *lineScanner) str() {
	quote := s.text[s.at : s.at+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(s.text[s.at:], triple) {
		quote = triple
	}
	s.at += len(quote)
	for !s.end() && !strings.HasPrefix(s.text[s.at:], quote) {
		if s.peek() == '\\' && quote[0] == '"' {
			s.next()
		}
		s.next()
	}
	s.at = min(s.at+len(quote), len(s.text))
	for len(quote) == 3 && s.peek() == quote[0] { // up to two quotes may stand before the closing ones
		s.next()
	}
}
