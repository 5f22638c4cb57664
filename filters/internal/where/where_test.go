package where

import (
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"rowcast/cdc/row"
)

func TestMain(m *testing.M) {
	// Vitess logs through glog, which starts a goroutine of its own for good.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/golang/glog.(*fileSink).flushDaemon"))
}

// TestNesting: what stands in strings and comments does not nest.
func TestNesting(t *testing.T) {
	var uuids []string
	for i := range 1001 {
		uuids = append(uuids, fmt.Sprintf("'123e4567-e89b-12d3-a456-%012d'", i))
	}
	for _, source := range []string{
		"a IN (" + strings.Join(uuids, ", ") + ")",
		"a = '" + strings.Repeat("(", 201) + "'",
		`a = "\"` + strings.Repeat("(", 201) + `"`,
		"a = 1 /* " + strings.Repeat("(", 201) + " */",
		"a = 1 -- " + strings.Repeat("(", 201),
		strings.Repeat("(", 199) + "a = -1" + strings.Repeat(")", 199),
		"a = -1" + strings.Repeat(" - -1", 1000),
	} {
		if _, err := Parse(source); err != nil {
			t.Errorf("%.60s…: %v", source, err)
		}
	}
	for _, source := range []string{
		strings.Repeat("(", 201) + "a = 1" + strings.Repeat(")", 201),
		"a = " + strings.Repeat("- ", 201) + "1",
		"a = ''" + strings.Repeat(" OR (", 201) + "a = 1" + strings.Repeat(")", 201),
		strings.Repeat("NOT ", 201) + "a",
	} {
		if _, err := Parse(source); err == nil || !strings.Contains(err.Error(), "it nests too deeply (at character ") {
			t.Errorf("%.60s…: %v", source, err)
		}
	}
}

// TestPanics: a panic of the SQL library is an error that names the place and no
// value; one of our own is a bug, and is not hidden.
func TestPanics(t *testing.T) {
	var e Evaluator
	if _, err := e.Eval(Condition{&engine{text: "f(a)"}}, nil); err == nil ||
		!strings.Contains(err.Error(), "f(a) can't be computed for this row: the SQL library failed in vitess.io/vitess/go/vt/vtgate/evalengine.") {
		t.Errorf("of the library: %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a panic of our own is swallowed")
		}
	}()
	_, _ = e.Eval(Condition{&isNull{3}}, nil)
}

// TestHugeEvaluatorsGo: what a single huge row needed is not kept for ever.
func TestHugeEvaluatorsGo(t *testing.T) {
	for _, huge := range []*Evaluator{{values: make([]byte, 0, maxScratch+1)}, {scratch: [2][]byte{1: make([]byte, 0, maxScratch+1)}}} {
		GiveBack(huge)
		for range 10 {
			if e := Borrow(); e == huge {
				t.Fatal("it is kept")
			}
		}
	}
}

// TestErrorLabel: the error value of an ENUM is ” and not NULL, in a new evaluator too.
func TestErrorLabel(t *testing.T) {
	table := row.New(&row.Table{Columns: []row.Column{{Name: "e", Type: 247, Meta: 1, Collation: 8, Labels: []string{"a"}}}})
	w, err := Parse("e = ''")
	if err != nil {
		t.Fatal(err)
	}
	p, err := w.Compile(table, nil)
	if err != nil {
		t.Fatal(err)
	}
	im, err := row.ParseImage(table, []byte{0, 0})
	if err != nil {
		t.Fatal(err)
	}
	var e Evaluator
	values, err := e.Load(0, p, im)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := e.Eval(p.static, values); v != True || err != nil {
		t.Errorf("%v, %v", v, err)
	}
}
