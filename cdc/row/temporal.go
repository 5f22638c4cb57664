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
