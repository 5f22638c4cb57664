package charset

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"

	"rowcast/cdc/internal/format"
)

// Charset converts the strings of one character set to UTF-8.
type Charset struct {
	name   string
	kind   kind
	MaxLen int        // most bytes of one character
	one    *[256]rune // of single bytes; -1: begins a longer character, or means nothing
	two    []uint16   // by both bytes; 0: none
	three  []uint16   // after 0x8F, by the other two bytes
	four   []uint16   // GB18030 in the BMP, by the index that fourByte works out
}

type kind uint8

const (
	utf8Kind kind = iota
	binaryKind
	singleByte // one byte a character
	multiByte  // one to four
	ucs2
	utf16BE
	utf16LE
	utf32
)

// IsUTF8 reports whether the bytes are UTF-8 already, valid or not.
func (cs *Charset) IsUTF8() bool { return cs.kind == utf8Kind }

// IsBinary reports whether the set has bytes rather than characters.
func (cs *Charset) IsBinary() bool { return cs.kind == binaryKind }

// String is the server's name of the set.
func (cs *Charset) String() string { return cs.name }

// AppendUTF8 adds s converted; what means nothing becomes U+FFFD.
func (cs *Charset) AppendUTF8(dst, s []byte) []byte {
	switch cs.kind {
	case utf8Kind:
		return format.AppendValidUTF8(dst, s)
	case binaryKind:
		return append(dst, s...)
	}
	for len(s) > 0 {
		r, n := cs.next(s)
		dst = utf8.AppendRune(dst, r)
		s = s[n:]
	}
	return dst
}

// AppendQuoted adds s converted, as a JSON string.
func (cs *Charset) AppendQuoted(dst, s []byte) []byte {
	dst = append(dst, '"')
	for len(s) > 0 {
		r, n := cs.next(s)
		if r < utf8.RuneSelf {
			dst = format.AppendEscapedByte(dst, byte(r))
		} else {
			dst = utf8.AppendRune(dst, r)
		}
		s = s[n:]
	}
	return append(dst, '"')
}

// next is the first character of s, which is not empty, and its length.
func (cs *Charset) next(s []byte) (rune, int) {
	switch cs.kind {
	case singleByte:
		if r := cs.one[s[0]]; r >= 0 {
			return r, 1
		}
		return utf8.RuneError, 1
	case multiByte:
		return cs.nextMulti(s)
	case ucs2:
		if len(s) < 2 {
			return utf8.RuneError, len(s)
		}
		return rune(binary.BigEndian.Uint16(s)), 2 // AppendRune writes surrogates as U+FFFD
	case utf16BE:
		return nextUTF16(s, binary.BigEndian)
	case utf16LE:
		return nextUTF16(s, binary.LittleEndian)
	case utf32:
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
func (cs *Charset) nextMulti(s []byte) (rune, int) {
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
func (cs *Charset) fourByte(s []byte) rune {
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
