package format

// AppendPacked adds MySQL's packed date and time: 17 bits of year*13+month, 5 of
// the day, 5 of the hour, 6 of the minute, 6 of the second.
func AppendPacked(dst []byte, v uint64, sep byte) []byte {
	ym := uint32(v >> 22 & 0x1ffff)
	dst = append(AppendDate(dst, ym/13, ym%13, uint32(v>>17&31)), sep)
	return AppendClock(dst, uint32(v>>12&31), uint32(v>>6&63), uint32(v&63))
}

// AppendUnix adds seconds since 1970 as UTC; 0 is the zero date.
func AppendUnix(dst []byte, seconds uint32, sep byte) []byte {
	if seconds == 0 {
		return AppendClock(append(AppendDate(dst, 0, 0, 0), sep), 0, 0, 0)
	}
	year, month, day := civil(seconds / 86400)
	s := seconds % 86400
	return AppendClock(append(AppendDate(dst, year, month, day), sep), s/3600, s/60%60, s%60)
}

// civil is the date that many days after 1970-01-01, by Neri and Schneider's
// algorithm: years that begin on March 1st, counted in eras of 400. With time.Time a
// TIMESTAMP takes twice as long.
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

func AppendDate(dst []byte, year, month, day uint32) []byte {
	if year > 9999 { // not from a server
		dst = AppendUint(dst, uint64(year/10000))
		year %= 10000
	}
	y, c := year%100*2, year/100*2
	m, d := month%100*2, day%100*2
	return append(dst, twoDigits[c], twoDigits[c+1], twoDigits[y], twoDigits[y+1], '-',
		twoDigits[m], twoDigits[m+1], '-', twoDigits[d], twoDigits[d+1])
}

func AppendClock(dst []byte, hour, minute, second uint32) []byte {
	if hour > 99 {
		dst = AppendUint(dst, uint64(hour/100))
	}
	h, m, s := hour%100*2, minute%100*2, second%100*2
	return append(dst, twoDigits[h], twoDigits[h+1], ':', twoDigits[m], twoDigits[m+1], ':', twoDigits[s], twoDigits[s+1])
}

const twoDigits = "0001020304050607080910111213141516171819" +
	"2021222324252627282930313233343536373839" +
	"4041424344454647484950515253545556575859" +
	"6061626364656667686970717273747576777879" +
	"8081828384858687888990919293949596979899"

// Unix is the seconds since 1970 of a UTC date and time, the inverse of AppendUnix; ok is
// false for a date that does not exist, and for one that a TIMESTAMP can't be.
func Unix(year, month, day, hour, minute, second uint32) (_ uint32, ok bool) {
	if year < 1970 || month == 0 || day == 0 {
		return 0, false
	}
	y, m := uint64(year), uint64(month) // of years that begin on March 1st
	if m < 3 {
		y, m = y-1, m+12
	}
	days := 365*y + y/4 - y/100 + y/400 + (153*(m-3)+2)/5 + uint64(day) - 1 - 719468
	seconds := days*86400 + uint64(hour)*3600 + uint64(minute)*60 + uint64(second)
	if y, m, d := civil(uint32(days)); seconds == 0 || seconds > 1<<32-1 || y != year || m != month || d != day {
		return 0, false
	}
	return uint32(seconds), true
}
