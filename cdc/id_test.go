package cdc

import (
	"strings"
	"testing"
)

func TestIDsWithinRows(t *testing.T) {
	const at = "binlog.000042/15873~67a1f3b2"
	for id, want := range map[string]Rows{
		at:                               {},
		at + "!AAAA":                     {Pending: 1},
		at + "!____AAcAAAA":              {Of: 1<<24 - 1, Pending: 1, Key: []byte{0, 7, 0, 0, 0}},
		at + "!AQID6.":                   {Of: 0x010203, Pending: 6},
		at + "!AQID8000000000000000.AAc": {Of: 0x010203, Pending: 1 << 63, Key: []byte{0, 7}},
		"binlog.000042/15873/0.0~67a1f3b2!AQIDAAc": {Of: 0x010203, Pending: 1, Key: []byte{0, 7}},
	} {
		got, err := ParseID(id)
		if err != nil || got.Rows.Of != want.Of || got.Rows.Pending != want.Pending || string(got.Rows.Key) != string(want.Key) {
			t.Errorf("%s: %+v, %v; want %+v", id, got.Rows, err, want)
		}
		if got.String() != id {
			t.Errorf("%s is written back as %s", id, got)
		}
	}
	for _, id := range []string{at + "!", at + "!AAA", at + "!AA A", at + "!AAAA1.", at + "!AAAA0.AAc", at + "!AAAA06.", at + "!AAAAA.", at + "!AAAA10000000000000000.",
		at + "!AAAAAAc=", at + "!AAAAAAd", at + "!AAAAA\nAc", at + "!A\nAAAAc", at + "!AAAAAAc!", at + "!!", "!", "!AAAAAAc"} {
		if got, err := ParseID(id); err == nil {
			t.Errorf("%q is read as %+v", id, got)
		}
	}
	r := Rows{Pending: 1, Key: make([]byte, 40)}
	p := must(ParsePosition(at))
	if !r.Fits(len(p.String())) || len((ID{p, r}).String()) > maxRowsID {
		t.Error("a key of 40 bytes does not fit")
	}
	if r.Key = make([]byte, 80); r.Fits(len(p.String())) {
		t.Error("a key of 80 bytes fits")
	}
}

func FuzzParseID(f *testing.F) {
	for _, s := range []string{"binlog.000042/15873~67a1f3b2!AQIDAAcAAAA", "b.1/4!AQID6.AA", "b.1/4!AAAA", strings.Repeat("!", 9)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseID(s)
		if err == nil && id.String() != s {
			t.Errorf("%q is written back as %q", s, id)
		}
	})
}

func must(p Position, err error) Position {
	if err != nil {
		panic(err)
	}
	return p
}
