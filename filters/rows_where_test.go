package filters

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rowcast/cdc"
	"rowcast/internal/throwaway"
)

// rowsTest is one where as a stream with rows.
type rowsTest struct {
	where  string
	params map[string]string

	err     error // of PlanRows
	plan    *RowsPlan
	failed  error
	ids     []string
	skipped []string // rows that can't be judged: a zero date in a function
}

var (
	literalHere = regexp.MustCompile(`(?i)\b(date|time|timestamp|interval|x|b|json_contains\(.*|regexp|rlike) *$`)
	listHere    = regexp.MustCompile(`(IN \(|BETWEEN )(-?[0-9][^()':]*)`)
	numberOf    = regexp.MustCompile(`-?\b[0-9]+(?:\.[0-9]+)?(?:e-?[0-9]+)?\b`)
	numberHere  = regexp.MustCompile(`(=|<|>) (-?[0-9]+(?:\.[0-9]+)?(?:e-?[0-9]+)?)( OR | AND |\)|$)`)
)

// withParams puts parameters where constants stand; nil where there are none.
func withParams(text string) (string, map[string]string) {
	params := map[string]string{}
	add := func(value string) string {
		name := fmt.Sprintf("p%d", len(params))
		params[name] = value
		return ":" + name
	}
	var out strings.Builder
	for text != "" {
		at := strings.IndexByte(text, '\'')
		if at < 0 {
			break
		}
		value, end := strings.Builder{}, at+1
		for ; end < len(text); end++ {
			if text[end] == '\\' && end+1 < len(text) {
				if end++; text[end] == '%' || text[end] == '_' {
					value.WriteByte('\\')
				}
			} else if text[end] == '\'' {
				break
			}
			value.WriteByte(text[end])
		}
		literal := text[at:min(end+1, len(text))]
		out.WriteString(text[:at])
		if text = text[len(literal)+at:]; literalHere.MatchString(out.String()) || strings.HasPrefix(literal, "'$") || strings.Contains(literal, `\0`) {
			out.WriteString(literal)
			continue
		}
		out.WriteString(add(value.String()))
	}
	out.WriteString(text)
	where := listHere.ReplaceAllStringFunc(out.String(), func(s string) string {
		return numberOf.ReplaceAllStringFunc(s, add)
	})
	where = numberHere.ReplaceAllStringFunc(where, func(s string) string {
		m := numberHere.FindStringSubmatch(s)
		return m[1] + " " + add(m[2]) + m[3]
	})
	return where, params
}

// TestRowsWhere: what a server's WHERE lets through is what a row is matched by, with
// constants and with parameters.
func TestRowsWhere(t *testing.T) {
	both(t, func(t *testing.T, s *throwaway.Server) {
		r := rand.New(rand.NewPCG(7, 8))
		create := strings.ReplaceAll(every, "diff.every", "rowswhere.every")
		cols := columns()
		if s.Flavor() == throwaway.MariaDB {
			create = strings.ReplaceAll(create, "utf8mb4_0900_ai_ci", "utf8mb4_unicode_520_ci")
			create = strings.ReplaceAll(create, "js JSON", "js JSON, uu UUID, a4 INET4, a6 INET6")
			cols = append(cols, "uu", "a4", "a6")
		}
		must(t, s.Exec("CREATE DATABASE rowswhere", create, "SET sql_mode = ''", "SET NAMES utf8mb4"))
		var insert []string
		for id := range 120 {
			values := []string{strconv.Itoa(id)}
			for _, c := range cols {
				pool := poolOf(c, r.IntN(2))
				values = append(values, pick(r, pool))
			}
			insert = append(insert, fmt.Sprintf("INSERT INTO rowswhere.every (id, %s) VALUES (%s)", strings.Join(cols, ", "), strings.Join(values, ", ")))
		}
		texts := slices.Concat(byHand, generated(r), crossed(r))
		if s.Flavor() == throwaway.MariaDB {
			for c, pool := range addressPools {
				for _, v := range pool {
					texts = append(texts, c+" = "+v, c+" <> "+v, c+" IN ("+v+", NULL)")
				}
			}
			texts = append(texts, "a6 > '::1'", "a4 BETWEEN '9.0.0.0' AND '10.0.0.0'")
		}
		tests, set := rowsTests(t, texts)
		first, n := true, 0
		changes(t, s, "rowswhere", func() { must(t, s.Exec(insert...)) }, func(c *cdc.Change) {
			im := c.After
			if n++; n%2 == 0 { // as rows are kept, with JSON as text
				all := make([]int, len(c.Table.Columns))
				for i := range all {
					all[i] = i
				}
				im = kept(t, im, all)
			}
			for i, test := range tests {
				if first {
					test.plan, test.err = planned(set, i, c.Table, test.params)
				}
				if test.err != nil || test.failed != nil {
					continue
				}
				id, err := im.AppendText(nil, 0)
				must(t, err)
				ok, err := test.plan.Match(im)
				switch {
				case err != nil && strings.Contains(err.Error(), "a part that is 0"):
					test.skipped = append(test.skipped, string(id))
				case err != nil:
					test.failed = err
				case ok:
					test.ids = append(test.ids, string(id))
				}
			}
			first = false
		})
		compareRows(t, s, tests)
		must(t, s.Exec("DROP DATABASE rowswhere"))
	})
}

// rowsTests are the texts that can be parsed, each as it is and with parameters.
func rowsTests(t *testing.T, texts []string) (tests []*rowsTest, set *Set) {
	var tables []Table
	for _, text := range texts {
		for _, params := range []bool{false, true} {
			test := &rowsTest{where: text}
			if params {
				if test.where, test.params = withParams(text); len(test.params) == 0 {
					continue
				}
			}
			table := Table{Name: "rowswhere.every", As: fmt.Sprint(len(tests)), Where: test.where, Rows: RowsConfig{All: true}, Columns: []string{"id"}}
			if len(test.params) > 0 {
				table.Params = map[string]string{}
				for name := range test.params {
					table.Params[name] = ""
				}
			}
			if _, err := Compile([]Table{table}, Options{}); err == nil {
				tests, tables = append(tests, test), append(tables, table)
			}
		}
	}
	return tests, compile(t, Options{}, tables...)
}

func planned(set *Set, i int, t *cdc.Table, params map[string]string) (*RowsPlan, error) {
	b, err := set.Bind(i, params)
	if err != nil {
		return nil, err
	}
	return set.PlanRows(i, t, b, false)
}

func compareRows(t *testing.T, s *throwaway.Server, tests []*rowsTest) {
	var same, withParams, refused int
	for _, test := range tests {
		if test.err != nil {
			refused++
			continue
		}
		where := test.plan.Where()
		if strings.ContainsAny(where, `"';`) && !harmless.MatchString(where) {
			t.Errorf("%s: not a safe form: %s", test.where, where)
		}
		rows, err := s.Query("SELECT id FROM rowswhere.every WHERE " + where + " ORDER BY id")
		if err != nil {
			if os.Getenv("DIFF") != "" {
				t.Logf("SERVER FAILS %s: %v", test.where, err)
			}
			continue
		}
		if test.failed != nil {
			t.Errorf("FAILED %s: %v", test.where, test.failed)
			continue
		}
		var want []string
		for _, row := range rows {
			if !slices.Contains(test.skipped, row[0]) {
				want = append(want, row[0])
			}
		}
		if !slices.Equal(want, test.ids) {
			t.Errorf("%s %q\n\t%s\n\tserver %v\n\twe     %v", test.where, test.params, where, only(want, test.ids), only(test.ids, want))
			continue
		}
		if same++; len(test.params) > 0 {
			withParams++
		}
	}
	t.Logf("%d of %d alike, %d of these with parameters; %d refused", same, len(tests), withParams, refused)
	if same < 3000 || withParams < 1000 {
		t.Error("too few could be compared")
	}
}

// harmless is made of names, numbers, and constants in a form that holds no text.
var harmless = regexp.MustCompile("^(?:`(?:[^`]|``)*`|(?:_utf8mb4 )?[xXb]'[0-9a-fA-F]*'|(?:date|time|timestamp)'[-0-9:. ]*'|[^'\"`;])*$")
