package filters

import (
	"slices"
	"testing"

	"rowcast/cdc"
	"rowcast/internal/throwaway"
)

// TestAddresses compares MariaDB's own types, in any spelling, with its server.
func TestAddresses(t *testing.T) {
	s := servers.get(t, throwaway.MariaDB)
	must(t, s.Exec("CREATE DATABASE addr", "CREATE TABLE addr.t (id INT PRIMARY KEY, u UUID, a4 INET4, a6 INET6)"))
	predicates := []string{"u = '123E4567-e89b-12d3-a456-426655440000'", "u = '123e4567e89b12d3a456426655440000'", "u <> '123e4567-e89b-12d3-a456-426655440000'", "u IS NULL",
		"u IN ('123e4567-e89b-12d3-a456-426655440000', 'ffffffff-ffff-ffff-ffff-fffffffffffe')", "a4 = '10.0.0.1'", "a4 IN ('10.0.0.1', '192.168.1.1')", "a6 = '0:0::1'", "a6 = '2001:DB8::1'", "a6 = '::ffff:10.0.0.1'", "a6 <=> NULL"}
	bound := make([]*predicate, len(predicates))
	got := make([][]string, len(predicates))
	var e evaluator
	changes(t, s, "addr", func() {
		must(t, s.Exec("INSERT INTO addr.t VALUES (1, '123e4567-e89b-12d3-a456-426655440000', '10.0.0.1', '::1'), (2, 'ffffffff-ffff-ffff-ffff-fffffffffffe', '192.168.1.1', '2001:db8::1'), (3, NULL, NULL, NULL), (4, '00000000-0000-0000-0000-000000000000', '0.0.0.0', '::ffff:10.0.0.1')"))
	}, func(c *cdc.Change) {
		for i, text := range predicates {
			if bound[i] == nil {
				w, err := parseWhere(text)
				must(t, err)
				bound[i], err = w.bind(c.Table)
				must(t, err)
			}
			e.reset()
			row, err := e.load(after, bound[i], c.After)
			must(t, err)
			v, err := e.test(bound[i].static, row)
			must(t, err)
			if v == isTrue {
				id, err := c.After.AppendText(nil, 0)
				must(t, err)
				got[i] = append(got[i], string(id))
			}
		}
	})
	for i, text := range predicates {
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
	must(t, s.Exec("DROP DATABASE addr"))
}
