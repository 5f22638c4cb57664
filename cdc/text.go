package cdc

import (
	"encoding/binary"
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
	dst = append(dst, '"')
	dst = appendEscaped(dst, b)
	return append(dst, '"')
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
			dst = appendEscapedByte(dst, b[0])
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

// plainPrefix is how many bytes at the start of b are ASCII and need no escape.
func plainPrefix(b []byte) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	n := 0
	for ; len(b)-n >= 8; n += 8 {
		v := binary.LittleEndian.Uint64(b[n:])
		quote, slash := v^ones*'"', v^ones*'\\'
		// A high bit is set where a byte is ≥ 0x80, < 0x20, or one of the two (false positives only above a true one).
		if (v|(v-ones*0x20)|(quote-ones)|(slash-ones))&highs != 0 {
			break
		}
	}
	for ; n < len(b); n++ {
		if c := b[n]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			break
		}
	}
	return n
}

// appendEscapedByte adds one ASCII character of a JSON string.
func appendEscapedByte(dst []byte, c byte) []byte {
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

// appendValidUTF8 adds s with U+FFFD for each invalid byte.
func appendValidUTF8(dst, s []byte) []byte {
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
