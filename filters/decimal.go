package filters

import "bytes"

// compareDecimals compares plain decimal numbers of any length.
func compareDecimals(a, b []byte) int {
	signA, wholeA, fractionA := splitDecimal(a)
	signB, wholeB, fractionB := splitDecimal(b)
	if signA != signB {
		return signA - signB
	}
	c := len(wholeA) - len(wholeB)
	if c == 0 {
		c = bytes.Compare(wholeA, wholeB)
	}
	if c == 0 {
		c = bytes.Compare(fractionA, fractionB)
	}
	return c * signA
}

// splitDecimal leaves out the zeros that mean nothing; sign is -1, 0 or 1.
func splitDecimal(s []byte) (sign int, whole, fraction []byte) {
	sign = 1
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		if s[0] == '-' {
			sign = -1
		}
		s = s[1:]
	}
	whole, fraction, _ = bytes.Cut(s, []byte("."))
	whole, fraction = bytes.TrimLeft(whole, "0"), bytes.TrimRight(fraction, "0")
	if len(whole) == 0 && len(fraction) == 0 {
		sign = 0
	}
	return sign, whole, fraction
}
