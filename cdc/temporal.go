package cdc

import "encoding/binary"

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
		return appendDate(dst, v>>9, v>>5&15, v&31)
	case asTime:
		return p.appendTime(dst, b)
	case asDatetime:
		v := int64(uintBE(b[:5])) - datetimeOffset
		if v < 0 {
			v = -v
		}
		dst = appendPacked(dst, uint64(v), sep)
		return p.appendFraction(dst, b[5:])
	case asTimestamp:
		dst = appendUnix(dst, binary.BigEndian.Uint32(b), sep)
		return p.appendFraction(dst, b[4:])
	case asOldTimestamp:
		return appendUnix(dst, binary.LittleEndian.Uint32(b), sep)
	case asOldDatetime:
		v := binary.LittleEndian.Uint64(b)
		date, time := uint32(v/1000000), uint32(v%1000000)
		dst = append(appendDate(dst, date/10000, date/100%100, date%100), sep)
		return appendClock(dst, time/10000, time/100%100, time%100)
	case asOldTime:
		v := int32(uintLE(b)<<8) >> 8
		if v < 0 {
			dst, v = append(dst, '-'), -v
		}
		return appendClock(dst, uint32(v/10000), uint32(v/100%100), uint32(v%100))
	}
	return dst
}

// appendPacked adds MySQL's packed date and time: 17 bits of year*13+month, 5 of
// the day, 5 of the hour, 6 of the minute, 6 of the second.
func appendPacked(dst []byte, v uint64, sep byte) []byte {
	ym := uint32(v >> 22 & 0x1ffff)
	dst = append(appendDate(dst, ym/13, ym%13, uint32(v>>17&31)), sep)
	return appendClock(dst, uint32(v>>12&31), uint32(v>>6&63), uint32(v&63))
}

// appendTime adds a TIME: hours in 10 bits, 6 of minutes, 6 of seconds, then the
// fraction, all of it one number that is negative below timeOffset.
func (p *plan) appendTime(dst, b []byte) []byte {
	fraction := len(b) - 3
	shift := 8 * uint(fraction)
	v := int64(uintBE(b)) - timeOffset<<shift
	if v < 0 {
		dst, v = append(dst, '-'), -v
	}
	hms := uint32(v >> shift)
	dst = appendClock(dst, hms>>12&0x3ff, hms>>6&63, hms&63)
	return p.appendFractionOf(dst, uint32(v&(1<<shift-1)), 2*fraction)
}

// appendFraction adds as many digits as the column has of a fraction in hundredths,
// ten-thousandths or millionths, big-endian.
func (p *plan) appendFraction(dst, b []byte) []byte {
	if len(b) == 0 {
		return dst
	}
	return p.appendFractionOf(dst, uint32(uintBE(b)), 2*len(b))
}

func (p *plan) appendFractionOf(dst []byte, v uint32, stored int) []byte {
	if p.digits == 0 {
		return dst
	}
	dst = appendDigits(append(dst, '.'), v, stored)
	return dst[:len(dst)-stored+int(p.digits)]
}

// appendUnix adds seconds since 1970 as UTC; 0 is the zero date.
func appendUnix(dst []byte, seconds uint32, sep byte) []byte {
	if seconds == 0 {
		return appendClock(append(appendDate(dst, 0, 0, 0), sep), 0, 0, 0)
	}
	year, month, day := civil(seconds / 86400)
	s := seconds % 86400
	return appendClock(append(appendDate(dst, year, month, day), sep), s/3600, s/60%60, s%60)
}

// civil is the date that many days after 1970-01-01, by Neri and Schneider's
// algorithm: years that begin on March 1st, counted in eras of 400.
func civil(days uint32) (year, month, day uint32) {
	n := 4*(days+719468) + 3
	century := n / 146097
	n = n%146097 | 3
	p := uint64(2939745) * uint64(n)
	yearOfCentury := uint32(p >> 32)
	dayOfYear := uint32(p) / 2939745 / 4
	m := 2141*dayOfYear + 197913
	year, month, day = 100*century+yearOfCentury, m>>16, m&0xffff/2141+1
	if dayOfYear >= 306 {
		year, month = year+1, month-12
	}
	return year, month, day
}

func appendDate(dst []byte, year, month, day uint32) []byte {
	if year > 9999 { // not from a server
		dst = appendUint(dst, uint64(year/10000))
		year %= 10000
	}
	y, c := year%100*2, year/100*2
	m, d := month%100*2, day%100*2
	return append(dst, twoDigits[c], twoDigits[c+1], twoDigits[y], twoDigits[y+1], '-',
		twoDigits[m], twoDigits[m+1], '-', twoDigits[d], twoDigits[d+1])
}

func appendClock(dst []byte, hour, minute, second uint32) []byte {
	if hour > 99 {
		dst = appendUint(dst, uint64(hour/100))
	}
	h, m, s := hour%100*2, minute%100*2, second%100*2
	return append(dst, twoDigits[h], twoDigits[h+1], ':', twoDigits[m], twoDigits[m+1], ':', twoDigits[s], twoDigits[s+1])
}

const twoDigits = "0001020304050607080910111213141516171819" +
	"2021222324252627282930313233343536373839" +
	"4041424344454647484950515253545556575859" +
	"6061626364656667686970717273747576777879" +
	"8081828384858687888990919293949596979899"
