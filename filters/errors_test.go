package filters

import (
	"slices"
	"testing"

	"rowcast/cdc"
)

// TestErrorsInOneOrder: the same config is refused in the same words each time.
func TestErrorsInOneOrder(t *testing.T) {
	table := &cdc.Table{Schema: "a", Name: "b", Columns: []cdc.Column{{Name: "id", Type: 3}}}
	set := compile(t, Options{}, Table{Name: "a.b", Mask: map[string]string{"z": "null", "y": "null", "x": "null", "w": "null", "v": "null"}})
	var first []string
	for range 50 {
		var list []string
		for _, err := range set.CheckTable(0, table, cdc.Position{}) {
			list = append(list, err.Error())
		}
		if first == nil {
			first = list
		}
		if len(list) != 5 || !slices.Equal(list, first) {
			t.Fatalf("%q, then %q", first, list)
		}
	}
}
