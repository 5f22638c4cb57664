package filters

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rowcast/cdc"
)

// TestNesting: what stands in strings and comments does not nest.
func TestNesting(t *testing.T) {
	var uuids []string
	for i := range 1001 {
		uuids = append(uuids, fmt.Sprintf("'123e4567-e89b-12d3-a456-%012d'", i))
	}
	for _, where := range []string{
		"a IN (" + strings.Join(uuids, ", ") + ")",
		"a = '" + strings.Repeat("(", 201) + "'",
		`a = "\"` + strings.Repeat("(", 201) + `"`,
		"a = 1 /* " + strings.Repeat("(", 201) + " */",
		"a = 1 -- " + strings.Repeat("(", 201),
		strings.Repeat("(", 199) + "a = -1" + strings.Repeat(")", 199),
		"a = -1" + strings.Repeat(" - -1", 1000),
	} {
		if _, err := parseWhere(where); err != nil {
			t.Errorf("%.60s…: %v", where, err)
		}
	}
	for _, where := range []string{
		strings.Repeat("(", 201) + "a = 1" + strings.Repeat(")", 201),
		"a = " + strings.Repeat("- ", 201) + "1",
		"a = ''" + strings.Repeat(" OR (", 201) + "a = 1" + strings.Repeat(")", 201),
		strings.Repeat("NOT ", 201) + "a",
	} {
		if _, err := parseWhere(where); err == nil || !strings.Contains(err.Error(), "it nests too deeply (at character ") {
			t.Errorf("%.60s…: %v", where, err)
		}
	}
}

// TestPanics: a panic of the SQL library is an error that names the place and no
// value; one of our own is a bug, and is not hidden.
func TestPanics(t *testing.T) {
	var e evaluator
	if _, err := e.test(&node{op: opLeaf, text: "f(a)"}, nil); err == nil ||
		!strings.Contains(err.Error(), "f(a) can't be computed for this row: the SQL library failed in vitess.io/vitess/go/vt/vtgate/evalengine.") {
		t.Errorf("of the library: %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a panic of our own is swallowed")
		}
	}()
	_, _ = e.test(&node{op: opNative, native: &native{col: 3, isNull: true}}, nil)
}

// TestHugeEvaluatorsGo: what a single huge row needed is not kept for ever.
func TestHugeEvaluatorsGo(t *testing.T) {
	huge := &evaluator{scratch: make([]byte, 0, maxScratch+1)}
	putEvaluator(huge)
	for range 10 {
		if e := evaluators.Get().(*evaluator); e == huge {
			t.Fatal("it is kept")
		}
	}
}

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
