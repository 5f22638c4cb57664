package where

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"vitess.io/vitess/go/vt/sqlparser"
)

// order is how the values of a column compare: in =, <, BETWEEN and IN, and as the
// key of a look-up. It allocates nothing for a row, pads texts as their collation
// does, and compares zero dates and times over 24 hours, which evalengine does not.
type order interface {
	// form is the same for all values that are equal, and no others. buf is
	// scratch, which it returns; the form refers to it or to value.
	form(buf, value []byte) (_, form []byte)
	// compare compares two forms.
	compare(a, b []byte) int
	// literal is the form of a constant; ok is false where it is of another kind,
	// which the servers convert.
	literal(lit *sqlparser.Literal) (form []byte, ok bool, err error)
	// format is the same for two orders whose forms can be compared.
	format() string
}

// newOrder is nil for a column whose values only evalengine compares.
func newOrder(c *column) order {
	switch c.class {
	case integer:
		return integers{column: *c}
	case decimal:
		return decimals{}
	case textual:
		return texts{c.coll}
	case blob:
		return blobs{}
	case date, datetime:
		return moments{dates: c.class == date}
	case timeofday:
		return clocks{column: *c, digits: int(c.typ.Size())}
	case address:
		return addresses{column: *c}
	}
	return nil
}

// asBytes is the order of values whose bytes are their form.
type asBytes struct{}

func (asBytes) form(buf, value []byte) (_, form []byte) { return buf, value }
func (asBytes) compare(a, b []byte) int                 { return bytes.Compare(a, b) }

// integers are compared in a form of 9 bytes: whether it is negative, and the bits.
type integers struct {
	asBytes
	column column
}

const (
	negative    = 0
	nonNegative = 1
)

func appendInteger(dst []byte, bits uint64, isNegative bool) []byte {
	sign := byte(nonNegative)
	if isNegative {
		sign = negative
	}
	return binary.BigEndian.AppendUint64(append(dst, sign), bits)
}

// Forms of whole numbers that no column can hold.
var (
	tooLow  = []byte{}
	tooHigh = []byte{nonNegative + 1}
)

// integerForm is the form of a whole number of any size.
func integerForm(s string) []byte {
	if strings.HasPrefix(s, "-") {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return appendInteger(nil, uint64(n), n < 0)
		}
		return tooLow
	}
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		return appendInteger(nil, n, false)
	}
	return tooHigh
}

// appendDigits writes the number that a form is of.
func appendDigits(dst, form []byte) []byte {
	const beyond = "99999999999999999999" // what no column can hold
	switch {
	case bytes.Equal(form, tooLow):
		return append(append(dst, '-'), beyond...)
	case bytes.Equal(form, tooHigh):
		return append(dst, beyond...)
	}
	bits := binary.BigEndian.Uint64(form[1:])
	if form[0] == negative {
		return strconv.AppendInt(dst, int64(bits), 10)
	}
	return strconv.AppendUint(dst, bits, 10)
}

func (o integers) literal(lit *sqlparser.Literal) (form []byte, ok bool, err error) {
	if lit.Type != sqlparser.IntVal {
		return nil, false, nil
	}
	return integerForm(lit.Val), true, o.column.checkYear(lit)
}

func (integers) format() string { return "integer" }

// exactWhole is below where every whole number is a floating-point number, and no other is near.
const exactWhole = 1 << 53

// wholeForm is the form of a number that may be written as 7.0 or 7e0; ok is false
// where it is not whole.
func wholeForm(s string) (form []byte, ok bool) {
	s = strings.TrimPrefix(strings.TrimSpace(s), "+")
	if strings.ContainsAny(s, "eE") {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || f != float64(int64(f)) || math.Abs(f) >= exactWhole {
			return nil, false
		}
		return integerForm(strconv.FormatInt(int64(f), 10)), true
	}
	whole, fraction, _ := strings.Cut(s, ".")
	if strings.Trim(fraction, "0") != "" {
		return nil, false
	}
	switch whole {
	case "", "-":
		whole = "0"
	}
	return integerForm(whole), true
}

// decimals are compared by sign, number of digits before the point, and digits:
// all complemented for negative ones.
type decimals struct{}

func (decimals) form(buf, value []byte) (_, form []byte) {
	start := len(buf)
	buf = appendDecimal(buf, value)
	return buf, buf[start:]
}

func (decimals) compare(a, b []byte) int { return bytes.Compare(a, b) }

func (decimals) literal(lit *sqlparser.Literal) (form []byte, ok bool, err error) {
	if lit.Type != sqlparser.IntVal && lit.Type != sqlparser.DecimalVal {
		return nil, false, nil
	}
	return appendDecimal(nil, []byte(lit.Val)), true, nil
}

func (decimals) format() string { return "decimal" }

func appendDecimal(dst, s []byte) []byte {
	minus := len(s) > 0 && s[0] == '-'
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		s = s[1:]
	}
	whole, fraction, _ := bytes.Cut(s, []byte("."))
	whole, fraction = bytes.TrimLeft(whole, "0"), bytes.TrimRight(fraction, "0")
	if len(whole) == 0 && len(fraction) == 0 {
		return append(dst, 1)
	}
	start := len(dst)
	dst = binary.BigEndian.AppendUint32(append(dst, 2), uint32(len(whole)))
	dst = append(append(dst, whole...), fraction...)
	if minus {
		dst[start] = 0
		for i := start + 1; i < len(dst); i++ {
			dst[i] = ^dst[i]
		}
		dst = append(dst, 0xff) // of two with the same start the longer one is lower
	}
	return dst
}

// texts are compared by their weights.
type texts struct{ *collation }

func (o texts) form(buf, value []byte) (_, form []byte) {
	start := len(buf)
	buf = o.appendWeights(buf, value)
	return buf, buf[start:]
}

func (o texts) literal(lit *sqlparser.Literal) (form []byte, ok bool, err error) {
	if lit.Type != sqlparser.StrVal {
		return nil, false, nil
	}
	b, err := encode(o.Charset(), lit.Val)
	if err != nil {
		return nil, true, err
	}
	return o.appendWeights([]byte{}, b), true, nil
}

func (o texts) format() string { return fmt.Sprintf("text %d %t", o.ID(), o.pads) }

type blobs struct{ asBytes }

func (blobs) literal(lit *sqlparser.Literal) (form []byte, ok bool, err error) {
	return []byte(lit.Val), lit.Type == sqlparser.StrVal, nil
}

func (blobs) format() string { return "binary" }

// moments are DATE, DATETIME and TIMESTAMP, which can be compared with each other:
// written in full, without trailing zeros.
type moments struct{ dates bool }

func (o moments) form(buf, value []byte) (_, form []byte) {
	if o.dates {
		start := len(buf)
		buf = append(append(buf, value...), " 00:00:00"...)
		return buf, buf[start:]
	}
	if bytes.IndexByte(value, '.') >= 0 {
		value = bytes.TrimRight(bytes.TrimRight(value, "0"), ".")
	}
	return buf, value
}

func (moments) compare(a, b []byte) int { return bytes.Compare(a, b) }

func (moments) literal(lit *sqlparser.Literal) (form []byte, ok bool, err error) {
	if lit.Type != sqlparser.StrVal && lit.Type != sqlparser.DateVal && lit.Type != sqlparser.TimestampVal {
		return nil, false, nil
	}
	form, err = parseMoment(lit.Val)
	return form, true, err
}

func (moments) format() string { return "moment" }

func parseMoment(s string) ([]byte, error) {
	s = strings.Replace(strings.TrimSpace(s), "T", " ", 1)
	day, clock, ok := strings.Cut(s, " ")
	switch {
	case !ok:
		clock = "00:00:00"
	case len(clock) == len("00:00"):
		clock += ":00"
	}
	if !datetimeText.MatchString(s) {
		return nil, fmt.Errorf("%q %s", shorten(s), notDatetime)
	}
	if strings.Contains(clock, ".") {
		clock = strings.TrimRight(strings.TrimRight(clock, "0"), ".")
	}
	if _, err := time.Parse("15:04:05.999999", clock); err != nil {
		return nil, fmt.Errorf("%q is not a time of day", shorten(clock))
	}
	// Zero dates exist; they compare as they are written.
	if _, err := time.Parse("2006-01-02", day); err != nil && !partial([]byte(day)) {
		return nil, fmt.Errorf("%q is not a date", shorten(day))
	}
	return []byte(day + " " + clock), nil
}

// partial reports whether a date has a part that is 0.
func partial(day []byte) bool {
	return len(day) >= 10 && (string(day[:4]) == "0000" || string(day[5:7]) == "00" || string(day[8:10]) == "00")
}

// clocks are TIME, compared as microseconds in the form of integers.
type clocks struct {
	column column
	digits int // of the fraction
}

func (clocks) form(buf, value []byte) (_, form []byte) {
	start := len(buf)
	micros, _ := parseTime(value)
	buf = appendInteger(buf, uint64(micros), micros < 0)
	return buf, buf[start:]
}

func (clocks) compare(a, b []byte) int { return bytes.Compare(a, b) }

func (o clocks) literal(lit *sqlparser.Literal) (form []byte, ok bool, err error) {
	if lit.Type != sqlparser.StrVal && lit.Type != sqlparser.TimeVal {
		return nil, false, nil
	}
	micros, ok := parseTime([]byte(strings.TrimSpace(lit.Val)))
	if !ok {
		return nil, true, o.column.refuse(lit.Val, notTime)
	}
	if _, fraction, _ := strings.Cut(lit.Val, "."); len(strings.TrimRight(fraction, "0")) > o.digits {
		// MySQL rounds here, but not where the column is a DATETIME.
		return nil, true, o.column.refuse(lit.Val, "has more digits after its point than the column holds")
	}
	return appendInteger(nil, uint64(micros), micros < 0), true, nil
}

func (clocks) format() string { return "time" }

// parseTime reads a TIME as microseconds.
func parseTime(s []byte) (micros int64, ok bool) {
	minus := len(s) > 0 && s[0] == '-'
	if minus {
		s = s[1:]
	}
	fields := [4]int64{}
	field, digits := 0, 0
	for _, c := range s {
		switch {
		case c >= '0' && c <= '9':
			if field == 3 {
				if digits++; digits > 6 {
					continue
				}
			}
			fields[field] = fields[field]*10 + int64(c-'0')
		case c == ':' && field < 2, c == '.' && field == 2:
			field++
		default:
			return 0, false
		}
	}
	for ; digits < 6; digits++ {
		fields[3] *= 10
	}
	micros = ((fields[0]*60+fields[1])*60+fields[2])*1e6 + fields[3]
	if minus {
		micros = -micros
	}
	return micros, field >= 1 && fields[1] < 60 && fields[2] < 60
}

// addresses are MariaDB's UUID, INET4 and INET6, compared as the bytes that they
// are: as a text each has many spellings.
type addresses struct {
	asBytes
	column column
}

var addressSizes = map[string]int{"UUID": 16, "INET4": 4, "INET6": 16}

var zeros [16]byte

func (o addresses) literal(lit *sqlparser.Literal) (form []byte, ok bool, err error) {
	if lit.Type != sqlparser.StrVal {
		return nil, false, nil
	}
	if form = parseAddress(o.column.decl, lit.Val); form == nil {
		return nil, true, o.column.refuse(lit.Val, "is not one, such as '"+o.column.sample()+"'")
	}
	return form, true, nil
}

func (o addresses) format() string { return o.column.decl }

// parseAddress reads a literal as the server does; nil: it is not one.
func parseAddress(decl, s string) []byte {
	if decl == "UUID" {
		b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
		if err != nil || len(b) != addressSizes[decl] || strings.HasPrefix(s, "-") || strings.HasSuffix(s, "-") {
			return nil
		}
		return b
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" || a.Is4() != (decl == "INET4") {
		return nil
	}
	return a.AsSlice()
}
