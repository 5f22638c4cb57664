package filters

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"vitess.io/vitess/go/vt/sqlparser"
)

var (
	wholeNumber   = regexp.MustCompile(`^[+-]?[0-9]+$`)
	decimalNumber = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`)
	yearText      = regexp.MustCompile(`^[0-9]{4}$`)
	datetimeText  = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?)?$`)
	timeText      = regexp.MustCompile(`^-?[0-9]{1,3}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?$`)
)

// value is a text as it is compared with the column: a number exactly where
// the column is one, and a date only if it is one. The servers would go on with
// a warning, or fail, where it is not.
func (o *operand) value(s string) (sqlparser.Expr, error) {
	trimmed := strings.TrimSpace(s)
	switch o.class {
	case integer, float, exact:
		if !decimalNumber.MatchString(trimmed) {
			return nil, fmt.Errorf("%q is no number, which column %s (%s) is compared with", shorten(s), o.name, o.decl)
		}
		if o.year && !yearText.MatchString(trimmed) {
			return nil, o.shortYear(trimmed)
		}
		if o.class == integer && wholeNumber.MatchString(trimmed) {
			return sqlparser.NewIntLiteral(strings.TrimPrefix(trimmed, "+")), nil
		}
	case date, datetime:
		if !datetimeText.MatchString(trimmed) {
			return nil, fmt.Errorf("%q is no date and time, which column %s (%s) is compared with; write '2026-11-21' or '2026-11-21 01:13:15.817'",
				shorten(s), o.name, o.decl)
		}
	case timeofday:
		if !timeText.MatchString(trimmed) {
			return nil, fmt.Errorf("%q is no time, which column %s (%s) is compared with; write '12:34:56'", shorten(s), o.name, o.decl)
		}
	case address:
		b, err := parseAddress(o.decl, s)
		if err != nil {
			return nil, fmt.Errorf("column %s is %s: %q is not such a value", o.name, o.decl, shorten(s))
		}
		return sqlparser.NewStrLiteral(string(b)), nil
	}
	return sqlparser.NewStrLiteral(s), nil
}

// shortYear: the servers take 26 for 2026 and 99 for 1999, but not in every
// kind of comparison.
func (o *operand) shortYear(s string) error {
	return fmt.Errorf("%q is no year of four digits, which column %s (%s) is compared with", shorten(s), o.name, o.decl)
}

// canonicalInteger writes a number's one spelling; ok is false where no integer
// equals it.
func canonicalInteger(s string) (_ string, ok bool, err error) {
	s = strings.TrimSpace(s)
	if !decimalNumber.MatchString(s) {
		return "", false, fmt.Errorf("%q is no number", shorten(s))
	}
	whole, fraction, _ := strings.Cut(s, ".")
	if strings.ContainsAny(s, "eE") {
		f, err := strconv.ParseFloat(s, 64)
		const exactly = 1 << 53
		if err != nil || f != float64(int64(f)) || f > exactly || f < -exactly {
			return "", false, nil
		}
		return strconv.FormatInt(int64(f), 10), true, nil
	}
	if strings.Trim(fraction, "0") != "" {
		return "", false, nil
	}
	sign := ""
	if whole != "" && (whole[0] == '-' || whole[0] == '+') {
		if whole[0] == '-' {
			sign = "-"
		}
		whole = whole[1:]
	}
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		return "0", true, nil
	}
	return sign + whole, true, nil
}

// shorten keeps client input in messages short and on one line.
func shorten(s string) string {
	if len(s) > 40 {
		s = strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}
