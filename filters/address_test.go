package filters

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rowcast/cdc"
	"rowcast/filters/internal/where"
	"rowcast/internal/throwaway"
)

// TestAddresses compares MariaDB's own types, in any spelling and every way of
// comparing, with its server.
func TestAddresses(t *testing.T) {
	s := servers.get(t, throwaway.MariaDB)
	must(t, s.Exec("CREATE DATABASE addr", "CREATE TABLE addr.t (id INT PRIMARY KEY, uu UUID, a4 INET4, a6 INET6)"))
	var rows []string
	for i := range len(addressPools["a6"]) {
		rows = append(rows, fmt.Sprintf("(%d, %s, %s, %s)", i, poolOf("uu", 0)[i%len(poolOf("uu", 0))], poolOf("a4", 0)[i%len(poolOf("a4", 0))], poolOf("a6", 0)[i]))
	}
	predicates := []string{"uu = '1-23E4567--e89b-12d3-a456-426655440000'", "uu = '-123e4567-e89b-12d3-a456-426655440000'", "uu = ' 123e4567-e89b-12d3-a456-426655440000'", "uu = x'123e4567e89b12d3a456426655440000'",
		"a6 = '0:0::1'", "a6 = '::ffff:102:304'", "a6 = '1.2.3.4'", "a6 = '::1%eth0'", "a6 = '2001:0db8:0001:0000:000a:000b:000c:000d'", "a4 = '010.0.0.1'", "a4 = '10.0.0.1 '", "a4 = a4", "a6 <=> a6", "uu = uu", "a4 = a6", "uu IS NULL", "a6 IS NOT NULL", "a4 LIKE '10%'",
		"uu <=> NULL", "a6 NOT IN ('::1', NULL)"}
	for c, pool := range addressPools {
		for i, v := range pool {
			w := pool[(i+1)%len(pool)]
			for _, op := range []string{"=", "<>", "<=>", "<", "<=", ">", ">="} {
				predicates = append(predicates, fmt.Sprintf("%s %s %s", c, op, v))
			}
			predicates = append(predicates, fmt.Sprintf("%s IN (%s, %s)", c, v, w), fmt.Sprintf("%s NOT IN (%s, %s)", c, v, w), fmt.Sprintf("%s BETWEEN %s AND %s", c, v, w),
				fmt.Sprintf("%s > %s", v, c), fmt.Sprintf("COALESCE(%s, %s) = %s", c, v, v), fmt.Sprintf("NOT (%s = %s)", c, v))
		}
	}
	var table *cdc.Table
	var bound []*where.Predicate
	got := make([][]string, len(predicates))
	var e where.Evaluator
	changes(t, s, "addr", func() { must(t, s.Exec("INSERT INTO addr.t VALUES "+strings.Join(rows, ", "))) }, func(c *cdc.Change) {
		table = c.Table
		for i, text := range predicates {
			if len(bound) == i {
				w, err := where.Parse(text)
				must(t, err)
				p, err := w.Compile(c.Table, nil)
				if err != nil {
					p = nil // refused
				}
				bound = append(bound, p)
			}
			if bound[i] == nil {
				continue
			}
			e.Reset()
			row, err := e.Load(after, bound[i], c.After)
			must(t, err)
			v, err := e.Eval(bound[i].Static(), row)
			must(t, err)
			if v == where.True {
				id, err := c.After.AppendText(nil, 0)
				must(t, err)
				got[i] = append(got[i], string(id))
			}
		}
	})
	judged := 0
	for i, text := range predicates {
		if bound[i] == nil {
			continue
		}
		judged++
		rows, err := s.Query("SELECT id FROM addr.t WHERE " + text + " ORDER BY id")
		must(t, err)
		var want []string
		for _, row := range rows {
			want = append(want, row[0])
		}
		if !slices.Equal(got[i], want) {
			t.Errorf("%s: got %v, want %v", text, got[i], want)
		}
	}
	// Refused are functions, mixtures, the order of UUIDs and what is not an address.
	if t.Logf("%d of %d predicates judged", judged, len(predicates)); judged < 240 {
		t.Errorf("only %d are not refused", judged)
	}
	for _, source := range []string{"uu = :v", "uu IN (:v, :w)", "a4 = :v", "a4 > :v", "a6 = :v", "a6 BETWEEN :v AND :w"} { // required ones have no value yet
		params := map[string]string{"v": ""}
		if strings.Contains(source, ":w") {
			params["w"] = ""
		}
		for _, err := range compile(t, Options{}, Table{Name: "addr.t", Where: source, Params: params}).CheckTable(0, table, cdc.Position{}) {
			t.Errorf("%s: %v", source, err)
		}
	}
	must(t, s.Exec("DROP DATABASE addr"))
}
