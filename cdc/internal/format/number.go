package format

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"strconv"
)

// decimalBytes is how many bytes a group of 0 to 9 decimal digits takes.
var decimalBytes = [10]uint8{0, 1, 1, 2, 2, 3, 3, 4, 4, 4}

// DecimalSize is the length in bytes of a DECIMAL(precision, scale).
func DecimalSize(precision, scale int) int {
	whole := precision - scale
	return whole/9*4 + int(decimalBytes[whole%9]) + scale/9*4 + int(decimalBytes[scale%9])
}

// AppendDecimal adds the digits of a DECIMAL: groups of 9 digits in 4 big-endian
// bytes, incomplete groups at both ends, the sign in the first bit, and every bit
// inverted in a negative number. len(b) is DecimalSize(precision, scale).
func AppendDecimal(dst, b []byte, precision, scale int) []byte {
	var mask uint32
	if b[0]&0x80 == 0 {
		mask = math.MaxUint32
		dst = append(dst, '-')
	}
	flip := uint32(0x80) // the sign bit, until the first group is read
	group := func(digits int) (v uint32) {
		n := int(decimalBytes[digits])
		for _, x := range b[:n] {
			v = v<<8 | uint32(x)
		}
		b = b[n:]
		v ^= mask>>(32-8*n) ^ flip<<(8*n-8)
		flip = 0
		return v
	}
	whole := precision - scale
	started := false
	if n := whole % 9; n != 0 {
		if v := group(n); v != 0 {
			dst, started = AppendUint(dst, uint64(v)), true
		}
	}
	for range whole / 9 {
		v := group(9)
		if started {
			dst = AppendDigits(dst, v, 9)
		} else if v != 0 {
			dst, started = AppendUint(dst, uint64(v)), true
		}
	}
	if !started {
		dst = append(dst, '0')
	}
	if scale == 0 {
		return dst
	}
	dst = append(dst, '.')
	for range scale / 9 {
		dst = AppendDigits(dst, group(9), 9)
	}
	if n := scale % 9; n != 0 {
		dst = AppendDigits(dst, group(n), n)
	}
	return dst
}

// PackDecimal adds the bytes of a DECIMAL(precision, scale) that AppendDecimal reads, from
// its digits as SELECT prints them: a sign, digits, and exactly scale of them after a point.
// ok is false, and dst as it was, where the text is anything else.
func PackDecimal(dst, text []byte, precision, scale int) (_ []byte, ok bool) {
	minus := len(text) > 0 && text[0] == '-'
	if minus {
		text = text[1:]
	}
	whole, fraction := text, text[len(text):]
	if scale > 0 {
		at := len(text) - scale - 1
		if at < 0 || text[at] != '.' {
			return dst, false
		}
		whole, fraction = text[:at], text[at+1:]
	}
	for len(whole) > 0 && whole[0] == '0' { // of ZEROFILL, or the one before the point
		whole = whole[1:]
	}
	places := precision - scale
	if len(text) == 0 || len(whole) > places {
		return dst, false
	}
	start, zero := len(dst), true
	group := func(digits []byte, size int) bool {
		var v uint32
		for _, c := range digits {
			if c < '0' || c > '9' {
				return false
			}
			v = 10*v + uint32(c-'0')
		}
		zero = zero && v == 0
		for i := 8 * (size - 1); i >= 0; i -= 8 {
			dst = append(dst, byte(v>>i))
		}
		return true
	}
	for left := places; left > 0; { // an incomplete group comes first
		n := (left-1)%9 + 1
		left -= n
		digits := whole[:max(len(whole)-left, 0)]
		whole = whole[len(digits):]
		if !group(digits, int(decimalBytes[n])) {
			return dst[:start], false
		}
	}
	for len(fraction) > 0 {
		n := min(len(fraction), 9)
		if !group(fraction[:n], int(decimalBytes[n])) {
			return dst[:start], false
		}
		fraction = fraction[n:]
	}
	if minus && !zero {
		for i := range dst[start:] {
			dst[start+i] ^= 0xff
		}
	}
	dst[start] ^= 0x80
	return dst, true
}

// AppendDigits adds the last n ≤ 9 decimal digits of v, with leading zeros.
func AppendDigits(dst []byte, v uint32, n int) []byte {
	at := len(dst)
	dst = append(dst, "000000000"[:n]...)
	i := len(dst)
	for ; i-at >= 2; i -= 2 {
		d := v % 100 * 2
		v /= 100
		dst[i-1], dst[i-2] = twoDigits[d+1], twoDigits[d]
	}
	if i > at {
		dst[at] = byte('0' + v%10)
	}
	return dst
}

// AppendInt is strconv.AppendInt in base 10, written in place.
func AppendInt(dst []byte, v int64) []byte {
	if v < 0 {
		return AppendUint(append(dst, '-'), -uint64(v))
	}
	return AppendUint(dst, uint64(v))
}

// powersOf10 are those that a uint64 holds.
var powersOf10 = func() (p [20]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = 10 * p[i-1]
	}
	return p
}()

// AppendUint is strconv.AppendUint in base 10, written in place: it takes three
// quarters of the time.
func AppendUint(dst []byte, v uint64) []byte {
	if v < 10 {
		return append(dst, byte('0'+v))
	}
	n := bits.Len64(v) * 1233 >> 12 // digits but for one
	if v >= powersOf10[n] {
		n++
	}
	at := len(dst)
	dst = append(dst, "00000000000000000000"[:n]...)
	i := len(dst)
	for ; i-at >= 2; i -= 2 {
		d := v % 100 * 2
		v /= 100
		dst[i-1], dst[i-2] = twoDigits[d+1], twoDigits[d]
	}
	if i > at {
		dst[at] = byte('0' + v)
	}
	return dst
}

// AppendFloat adds the shortest digits that read back to the same value of that
// width, in MySQL's form: 0.1, 1e20, 1.5e-20. It is a JSON number too.
func AppendFloat(dst []byte, v float64, width int) ([]byte, error) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return dst, fmt.Errorf("%v is no JSON number", v)
	}
	if v == 0 {
		if math.Signbit(v) {
			return append(dst, '-', '0'), nil
		}
		return append(dst, '0'), nil
	}
	// MySQL writes no exponent where 14 zeros or fewer follow the point, 15 digits
	// or fewer come before it, or there are digits on both sides.
	if abs := math.Abs(v); abs >= 1e-15 && (abs < 1e15 || abs != math.Trunc(abs)) {
		return strconv.AppendFloat(dst, v, 'f', -1, width), nil
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, v, 'e', -1, width)
	// Go writes e+20 and e-07 where MySQL writes e20 and e-7.
	for i := len(dst) - 1; i > start; i-- {
		if dst[i] != 'e' {
			continue
		}
		out := i + 1
		rest := i + 1
		if dst[rest] == '-' {
			out++
		}
		rest++
		if dst[rest] == '0' {
			rest++
		}
		return append(dst[:out], dst[rest:]...), nil
	}
	return dst, nil
}

// AppendVector adds an array of 32-bit floats.
func AppendVector(dst, b []byte) ([]byte, error) {
	if len(b)%4 != 0 {
		return dst, fmt.Errorf("a vector of %d bytes", len(b))
	}
	start := len(dst)
	dst = append(dst, '[')
	for i := 0; i < len(b); i += 4 {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = AppendFloat(dst, float64(math.Float32frombits(binary.LittleEndian.Uint32(b[i:]))), 32); err != nil {
			return dst[:start], err
		}
	}
	return append(dst, ']'), nil
}
