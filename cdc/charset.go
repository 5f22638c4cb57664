package cdc

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// charset converts the strings of one character set to UTF-8.
type charset struct {
	name   string
	kind   csKind
	maxLen int        // most bytes of one character
	one    *[256]rune // of single bytes; -1: begins a longer character, or means nothing
	two    []uint16   // by both bytes; 0: none
	three  []uint16   // behind 0x8F, by the other two bytes
	four   []uint16   // GB18030 in the BMP, by the index that fourByte works out
}

type csKind uint8

const (
	csUTF8 csKind = iota
	csBinary
	csTable // one byte a character
	csMulti // one to four
	csUCS2
	csUTF16
	csUTF16LE
	csUTF32
)

// appendUTF8 adds s converted; what means nothing becomes U+FFFD.
func (cs *charset) appendUTF8(dst, s []byte) []byte {
	switch cs.kind {
	case csUTF8:
		return appendValidUTF8(dst, s)
	case csBinary:
		return append(dst, s...)
	}
	for len(s) > 0 {
		r, n := cs.next(s)
		dst = utf8.AppendRune(dst, r)
		s = s[n:]
	}
	return dst
}

// appendQuoted adds s converted, as a JSON string.
func (cs *charset) appendQuoted(dst, s []byte) []byte {
	dst = append(dst, '"')
	for len(s) > 0 {
		r, n := cs.next(s)
		if r < utf8.RuneSelf {
			dst = appendEscapedByte(dst, byte(r))
		} else {
			dst = utf8.AppendRune(dst, r)
		}
		s = s[n:]
	}
	return append(dst, '"')
}

// next is the first character of s, which is not empty, and its length.
func (cs *charset) next(s []byte) (rune, int) {
	switch cs.kind {
	case csTable:
		if r := cs.one[s[0]]; r >= 0 {
			return r, 1
		}
		return utf8.RuneError, 1
	case csMulti:
		return cs.nextMulti(s)
	case csUCS2:
		if len(s) < 2 {
			return utf8.RuneError, len(s)
		}
		return rune(binary.BigEndian.Uint16(s)), 2 // AppendRune writes surrogates as U+FFFD
	case csUTF16:
		return nextUTF16(s, binary.BigEndian)
	case csUTF16LE:
		return nextUTF16(s, binary.LittleEndian)
	case csUTF32:
		if len(s) < 4 {
			return utf8.RuneError, len(s)
		}
		if v := binary.BigEndian.Uint32(s); v <= utf8.MaxRune {
			return rune(v), 4
		}
		return utf8.RuneError, 4
	}
	r, n := utf8.DecodeRune(s)
	return r, n
}

func nextUTF16(s []byte, order binary.ByteOrder) (rune, int) {
	if len(s) < 2 {
		return utf8.RuneError, len(s)
	}
	r := rune(order.Uint16(s))
	if !utf16.IsSurrogate(r) {
		return r, 2
	}
	if len(s) >= 4 {
		if r := utf16.DecodeRune(r, rune(order.Uint16(s[2:]))); r != utf8.RuneError {
			return r, 4
		}
	}
	return utf8.RuneError, 2
}

// nextMulti reads one character of the East Asian sets.
func (cs *charset) nextMulti(s []byte) (rune, int) {
	if r := cs.one[s[0]]; r >= 0 {
		return r, 1
	}
	if s[0] == 0x8f && cs.three != nil && len(s) >= 3 && s[1] >= 0xa1 && s[2] >= 0xa1 {
		return known(cs.three[int(s[1])<<8|int(s[2])]), 3
	}
	if cs.four != nil && len(s) >= 4 && isDigit(s[1]) && s[2] >= 0x81 && s[2] != 0xff && isDigit(s[3]) && s[0] >= 0x81 && s[0] != 0xff {
		return cs.fourByte(s), 4
	}
	if len(s) < 2 {
		return utf8.RuneError, 1
	}
	if v := cs.two[int(s[0])<<8|int(s[1])]; v != 0 {
		return rune(v), 2
	}
	if s[0] > 0x80 && s[0] != 0xff && s[1] >= 0x80 && s[1] != 0xff {
		return utf8.RuneError, 2 // a pair without a meaning
	}
	return utf8.RuneError, 1
}

func known(v uint16) rune {
	if v == 0 {
		return utf8.RuneError
	}
	return rune(v)
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

// fourByte: the BMP by table, the planes above it by counting.
func (cs *charset) fourByte(s []byte) rune {
	const supplementary = 189000 // index of 0x90308130
	i := ((int(s[0])-0x81)*10+int(s[1])-'0')*1260 + (int(s[2])-0x81)*10 + int(s[3]) - '0'
	if i < len(cs.four) {
		return known(cs.four[i])
	}
	if r := rune(i-supplementary) + 0x10000; i >= supplementary && r <= utf8.MaxRune {
		return r
	}
	return utf8.RuneError
}
