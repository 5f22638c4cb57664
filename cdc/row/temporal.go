package row

import (
	"encoding/binary"

	"rowcast/cdc/internal/format"
	"rowcast/cdc/internal/wire"
)

// Offsets that make signed temporal values sort as unsigned big-endian bytes.
const (
	datetimeOffset = 0x8000000000
	timeOffset     = 0x800000
)

// appendTemporal adds a DATE, TIME, DATETIME or TIMESTAMP without a zone; sep
// stands between date and time. Zero and partial dates are written as they are.
func (p *plan) appendTemporal(dst, b []byte, sep byte) []byte {
	switch p.render {
	case asDate:
		v := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
		return format.AppendDate(dst, v>>9, v>>5&15, v&31)
	case asTime:
		return p.appendTime(dst, b)
	case asDatetime:
		v := int64(wire.UintBE(b[:5])) - datetimeOffset
		if v < 0 {
			v = -v
		}
		dst = format.AppendPacked(dst, uint64(v), sep)
		return p.appendFraction(dst, b[5:])
	case asTimestamp:
		dst = format.AppendUnix(dst, binary.BigEndian.Uint32(b), sep)
		return p.appendFraction(dst, b[4:])
	case asOldTimestamp:
		return format.AppendUnix(dst, binary.LittleEndian.Uint32(b), sep)
	case asOldDatetime:
		v := binary.LittleEndian.Uint64(b)
		date, time := uint32(v/1000000), uint32(v%1000000)
		dst = append(format.AppendDate(dst, date/10000, date/100%100, date%100), sep)
		return format.AppendClock(dst, time/10000, time/100%100, time%100)
	case asOldTime:
		v := int32(wire.UintLE(b)<<8) >> 8
		if v < 0 {
			dst, v = append(dst, '-'), -v
		}
		return format.AppendClock(dst, uint32(v/10000), uint32(v/100%100), uint32(v%100))
	}
	return dst
}

// appendTime adds a TIME: hours in 10 bits, 6 of minutes, 6 of seconds, then the
// fraction, all of it one number that is negative below timeOffset.
func (p *plan) appendTime(dst, b []byte) []byte {
	fraction := len(b) - 3
	shift := 8 * uint(fraction)
	v := int64(wire.UintBE(b)) - timeOffset<<shift
	if v < 0 {
		dst, v = append(dst, '-'), -v
	}
	hms := uint32(v >> shift)
	dst = format.AppendClock(dst, hms>>12&0x3ff, hms>>6&63, hms&63)
	return p.appendFractionOf(dst, uint32(v&(1<<shift-1)), 2*fraction)
}

// appendFraction adds as many digits as the column has of a fraction in hundredths,
// ten-thousandths or millionths, big-endian.
func (p *plan) appendFraction(dst, b []byte) []byte {
	if len(b) == 0 {
		return dst
	}
	return p.appendFractionOf(dst, uint32(wire.UintBE(b)), 2*len(b))
}

func (p *plan) appendFractionOf(dst []byte, v uint32, stored int) []byte {
	if p.digits == 0 {
		return dst
	}
	dst = format.AppendDigits(append(dst, '.'), v, stored)
	return dst[:len(dst)-stored+int(p.digits)]
}

// packTemporal is the inverse of appendTemporal with a blank between date and time. It
// takes zero, partial and invalid dates, as servers do.
func (p *plan) packTemporal(dst, v []byte) ([]byte, error) {
	t := clock{b: v, digits: int(p.digits)}
	switch p.render {
	case asDate:
		year, month, day := t.date()
		if !t.done() {
			return dst, errText
		}
		n := year<<9 | month<<5 | day
		return append(dst, byte(n), byte(n>>8), byte(n>>16)), nil
	case asTime, asOldTime:
		return p.packTime(dst, &t)
	}
	year, month, day := t.date()
	t.is(' ')
	hour, minute, second := t.number(2, 2, 23), t.sixty(), t.sixty()
	fraction := t.fraction()
	if !t.done() {
		return dst, errText
	}
	switch p.render {
	case asDatetime:
		n := uint64(year*13+month)<<22 | uint64(day)<<17 | uint64(hour)<<12 | uint64(minute)<<6 | uint64(second)
		return appendBE(appendBE(dst, n+datetimeOffset, 5), uint64(fraction), int(p.size)-5), nil
	case asOldDatetime:
		n := uint64(year*10000+month*100+day)*1000000 + uint64(hour*10000+minute*100+second)
		return binary.LittleEndian.AppendUint64(dst, n), nil
	}
	n, ok := uint32(0), true
	if year|month|day|hour|minute|second|fraction != 0 {
		n, ok = format.Unix(year, month, day, hour, minute, second)
	}
	switch {
	case !ok:
		return dst, errText
	case p.render == asOldTimestamp:
		return binary.LittleEndian.AppendUint32(dst, n), nil
	}
	return appendBE(binary.BigEndian.AppendUint32(dst, n), uint64(fraction), int(p.size)-4), nil
}

func (p *plan) packTime(dst []byte, t *clock) ([]byte, error) {
	minus := t.minus()
	hour, minute, second := t.number(2, 3, 838), t.sixty(), t.sixty()
	fraction := t.fraction()
	if !t.done() {
		return dst, errText
	}
	if p.render == asOldTime {
		n := int32(hour*10000 + minute*100 + second)
		if minus {
			n = -n
		}
		return append(dst, byte(n), byte(n>>8), byte(n>>16)), nil
	}
	bytes := int(p.size) - 3
	n := int64(hour<<12|minute<<6|second)<<(8*bytes) | int64(fraction)
	if minus {
		n = -n
	}
	return appendBE(dst, uint64(n+timeOffset<<(8*bytes)), 3+bytes), nil
}

func appendBE(dst []byte, n uint64, size int) []byte {
	for i := 8 * (size - 1); i >= 0; i -= 8 {
		dst = append(dst, byte(n>>i))
	}
	return dst
}

// clock reads the parts of a date or time as servers print it.
type clock struct {
	b      []byte
	digits int // of a fraction
	bad    bool
}

func (t *clock) done() bool { return !t.bad && len(t.b) == 0 }

func (t *clock) is(c byte) {
	if len(t.b) == 0 || t.b[0] != c {
		t.bad = true
		return
	}
	t.b = t.b[1:]
}

func (t *clock) minus() bool {
	if len(t.b) == 0 || t.b[0] != '-' {
		return false
	}
	t.b = t.b[1:]
	return true
}

// number reads as many digits as there are, which must be least to most, up to a value.
func (t *clock) number(least, most int, top uint32) (n uint32) {
	i := 0
	for i < len(t.b) && i < most && t.b[i]-'0' <= 9 {
		n = 10*n + uint32(t.b[i]-'0')
		i++
	}
	t.b = t.b[i:]
	t.bad = t.bad || i < least || n > top
	return n
}

func (t *clock) date() (year, month, day uint32) {
	year = t.number(4, 4, 9999)
	t.is('-')
	month = t.number(2, 2, 12)
	t.is('-')
	return year, month, t.number(2, 2, 31)
}

// sixty reads the minutes or seconds and the colon before them.
func (t *clock) sixty() uint32 {
	t.is(':')
	return t.number(2, 2, 59)
}

// fraction reads the digits after a point, as a number of an even count of digits.
func (t *clock) fraction() uint32 {
	if t.digits == 0 {
		return 0
	}
	t.is('.')
	n := t.number(t.digits, t.digits, 999999)
	if t.digits%2 != 0 {
		n *= 10
	}
	return n
}
