package filters

import (
	"testing"

	"rowcast/cdc"
)

// FuzzWhere looks for a where that panics, be it when it is parsed, bound or
// judged, and for one whose message is more than a line.
func FuzzWhere(f *testing.F) {
	for _, p := range byHand {
		f.Add(p)
	}
	table := &cdc.Table{Schema: "a", Name: "b", Columns: []cdc.Column{
		{Name: "i32", Type: 3}, {Name: "u64", Type: 8, Unsigned: true}, {Name: "vc", Type: 15, Meta: 200, Collation: 45}, {Name: "dtm", Type: 18}, {Name: "dt", Type: 10},
		{Name: "js", Type: 245}, {Name: "en", Type: 247, Labels: []string{"x"}, Collation: 8}, {Name: "tm", Type: 19}, {Name: "d", Type: 5}, {Name: "dec1", Type: 246, Meta: 0x0a02},
		{Name: "vbin", Type: 15, Meta: 20, Collation: 63}, {Name: "bt", Type: 16, Meta: 0x0100}, {Name: "yr", Type: 13}}}
	f.Fuzz(func(t *testing.T, where string) {
		set, err := Compile([]Table{{Name: "a.b", Where: where, Line: 1}}, Options{})
		if err != nil {
			for _, c := range err.Error() {
				if c == '\r' || c == 0 {
					t.Fatalf("the message of %q: %q", where, err)
				}
			}
			return
		}
		set.CheckTable(0, table, cdc.Position{})
	})
}
