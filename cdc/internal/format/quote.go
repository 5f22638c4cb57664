package format

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"
	"unsafe"
)

// AppendQuoted adds s as a JSON string. Invalid UTF-8 becomes U+FFFD; control
// characters are escaped, so that no raw line break is ever written; <, > and &
// are not.
func AppendQuoted[S []byte | string](dst []byte, s S) []byte {
	var b []byte
	switch v := any(s).(type) {
	case []byte:
		b = v
	case string:
		b = unsafe.Slice(unsafe.StringData(v), len(v)) // read only
	}
	return AppendQuotedBytes(dst, b)
}

// AppendQuotedBytes is AppendQuoted for bytes; it takes the whole string at once where there is nothing to escape.
func AppendQuotedBytes(dst, b []byte) []byte {
	dst = slices.Grow(dst, len(b)+len(b)/16+2) // for what has to be escaped, and for what comes next
	if !isPlain(b) {
		dst = append(dst, '"')
		dst = appendEscaped(dst, b)
		return append(dst, '"')
	}
	at := len(dst)
	dst = dst[:at+len(b)+2]
	dst[at] = '"'
	copy(dst[at+1:], b)
	dst[len(dst)-1] = '"'
	return dst
}

// appendEscaped is AppendQuoted without the quotes.
func appendEscaped(dst, b []byte) []byte {
	for {
		n := plainPrefix(b)
		dst = append(dst, b[:n]...)
		if n == len(b) {
			return dst
		}
		b = b[n:]
		if b[0] < utf8.RuneSelf {
			dst = AppendEscapedByte(dst, b[0])
			b = b[1:]
			continue
		}
		// Runs of other scripts: character by character, but copied as one.
		n = 0
		for n < len(b) && b[n] >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(b[n:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			n += size
		}
		dst = append(dst, b[:n]...)
		if b = b[n:]; n == 0 {
			dst = append(dst, "\ufffd"...)
			b = b[1:]
		}
	}
}

// special has a high bit set for each of eight bytes that can't stand in a JSON
// string as it is, or is not ASCII. Above a true one there may be false ones.
func special(v uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	quote, slash := v^ones*'"', v^ones*'\\'
	return (v | (v - ones*' ') | (quote - ones) | (slash - ones)) & highs
}

// isPlain tells whether all of b is ASCII that needs no escape.
func isPlain(b []byte) bool {
	if len(b) < 8 {
		for _, c := range b {
			if c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
				return false
			}
		}
		return true
	}
	last := b[len(b)-8:] // may overlap with what was seen
	for ; len(b) > 8; b = b[8:] {
		if special(binary.LittleEndian.Uint64(b)) != 0 {
			return false
		}
	}
	return special(binary.LittleEndian.Uint64(last)) == 0
}

// plainPrefix is how many bytes at the start of b are plain.
func plainPrefix(b []byte) int {
	n := 0
	for ; len(b)-n >= 8; n += 8 {
		if v := special(binary.LittleEndian.Uint64(b[n:])); v != 0 {
			return n + bits.TrailingZeros64(v)/8
		}
	}
	for ; n < len(b); n++ {
		if c := b[n]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			break
		}
	}
	return n
}

// AppendEscapedByte adds one ASCII character of a JSON string.
func AppendEscapedByte(dst []byte, c byte) []byte {
	switch {
	case c == '"' || c == '\\':
		return append(dst, '\\', c)
	case c >= ' ':
		return append(dst, c)
	}
	switch c {
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	}
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}

// AppendValidUTF8 adds s with U+FFFD for each invalid byte.
func AppendValidUTF8(dst, s []byte) []byte {
	if utf8.Valid(s) {
		return append(dst, s...)
	}
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		dst = utf8.AppendRune(dst, r)
		s = s[n:]
	}
	return dst
}
