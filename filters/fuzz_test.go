package filters

import (
	"testing"

	"rowcast/cdc"
)

// FuzzWhere looks for a where that panics, be it when it is parsed, bound, judged or
// written as SQL, for one whose message is more than a line, and for SQL that holds a
// text as it was written.
func FuzzWhere(f *testing.F) {
	for _, p := range byHand {
		f.Add(p)
	}
	table := &cdc.Table{Schema: "a", Name: "b", Columns: []cdc.Column{
		{Name: "i32", Type: 3}, {Name: "u64", Type: 8, Unsigned: true}, {Name: "vc", Type: 15, Meta: 200, Collation: 45}, {Name: "dtm", Type: 18}, {Name: "dt", Type: 10},
		{Name: "js", Type: 245}, {Name: "en", Type: 247, Labels: []string{"x"}, Collation: 8}, {Name: "tm", Type: 19}, {Name: "d", Type: 5}, {Name: "dec1", Type: 246, Meta: 0x0a02},
		{Name: "vbin", Type: 15, Meta: 20, Collation: 63}, {Name: "bt", Type: 16, Meta: 0x0100}, {Name: "yr", Type: 13}}}
	f.Fuzz(func(t *testing.T, where string) {
		set, err := Compile([]Table{{Name: "a.b", Where: where, Line: 1, Rows: RowsConfig{All: true}}}, Options{})
		if err != nil {
			for _, c := range err.Error() {
				if c == '\r' || c == 0 {
					t.Fatalf("the message of %q: %q", where, err)
				}
			}
			return
		}
		set.CheckTable(0, table, cdc.Position{})
		if p, err := set.PlanRows(0, table, nil, false); err == nil && !harmless.MatchString(p.Where()) {
			t.Fatalf("%q becomes %s", where, p.Where())
		}
	})
}
