package where

import (
	"bytes"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestNumberForms: forms compare as the numbers that they are of, of any size.
func TestNumberForms(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	number := func(most int) string {
		s := random(r, "0001279", 1+r.IntN(most))
		if r.IntN(2) == 0 {
			s = "-" + s
		}
		return s
	}
	rat := func(s string) *big.Rat {
		n, ok := new(big.Rat).SetString(s)
		if !ok {
			t.Fatalf("%q", s)
		}
		return n
	}
	decimal := func(s string) []byte { return appendDecimal(nil, []byte(s)) }
	for range 20_000 {
		a, b := number(19), number(19)
		if r.IntN(3) == 0 {
			b = strings.Replace(a, "-", "-00", 1)
		}
		if got, want := bytes.Compare(integerForm(a), integerForm(b)), rat(a).Cmp(rat(b)); got != want {
			t.Fatalf("integers %s and %s: %d, want %d", a, b, got, want)
		}
		if r.IntN(2) == 0 {
			a += "." + random(r, "001279", r.IntN(4))
		}
		if r.IntN(2) == 0 {
			b += "." + random(r, "001279", r.IntN(4))
		}
		if r.IntN(3) == 0 {
			b = a + random(r, "0", r.IntN(3))
			if !strings.Contains(a, ".") {
				b = a + ".00"
			}
		}
		if got, want := bytes.Compare(decimal(a), decimal(b)), rat(a).Cmp(rat(b)); got != want {
			t.Fatalf("decimals %s and %s: %d, want %d", a, b, got, want)
		}
	}
	// A literal may be lower or higher than any column's value, and equals none.
	for _, c := range []struct{ low, high string }{
		{"-9223372036854775809", "-9223372036854775808"}, {"-99999999999999999999999", "-9223372036854775808"},
		{"18446744073709551615", "18446744073709551616"}, {"18446744073709551615", "99999999999999999999999"}, {"-1", "0"}, {"-0", "1"}, {"9223372036854775807", "9223372036854775808"},
	} {
		if bytes.Compare(integerForm(c.low), integerForm(c.high)) >= 0 {
			t.Errorf("%s is not lower than %s", c.low, c.high)
		}
	}
	if !bytes.Equal(integerForm("-0"), integerForm("0")) || !bytes.Equal(decimal("-0.00"), decimal("0")) {
		t.Error("there are two zeros")
	}
}

// TestWholeForm: a parameter may write a whole number in other ways.
func TestWholeForm(t *testing.T) {
	for s, want := range map[string]string{"7": "7", " 07.0 ": "7", "+7": "7", "7e0": "7", "70e-1": "7", "-7.00": "-7", "-0.0": "0", ".0": "0", "-.0": "0", "1e3": "1000",
		"7.5": "", ".5": "", "1e-1": "", "1e300": "", "99999999999999999999": "99999999999999999999"} {
		form, ok := wholeForm(s)
		if ok != (want != "") || ok && !bytes.Equal(form, integerForm(want)) {
			t.Errorf("%q: %x, %t; want %s", s, form, ok, want)
		}
	}
}

// TestTimeForms: TIME is signed and exceeds 24 hours.
func TestTimeForms(t *testing.T) {
	list := []string{"-838:59:59", "-12:34:56.000001", "-12:34:56", "-00:00:00.000001", "00:00", "00:00:00.000001", "00:00:01", "1:00:00", "12:34:56.7", "12:34:56.700001", "838:59:59"}
	form := func(s string) []byte {
		_, f := clocks{}.form(nil, []byte(s))
		return f
	}
	for i := range list[1:] {
		if bytes.Compare(form(list[i]), form(list[i+1])) >= 0 {
			t.Errorf("%s is not before %s", list[i], list[i+1])
		}
	}
	for _, s := range []string{"", "12", "12:60:00", "12:00:60", "x", "1:2:3:4", "12:34.5"} {
		if _, ok := parseTime([]byte(s)); ok {
			t.Errorf("%q is taken", s)
		}
	}
}

// TestFunctionTraits: what a function's result is has one answer, and what changes
// has no other traits.
func TestFunctionTraits(t *testing.T) {
	for name, f := range functions {
		kinds := 0
		for _, k := range []traits{givesText, givesDate, givesTime} {
			if f&k != 0 {
				kinds++
			}
		}
		if kinds > 1 || f&changes != 0 && f != changes || name != strings.ToLower(name) {
			t.Errorf("%s: %b", name, f)
		}
	}
}
