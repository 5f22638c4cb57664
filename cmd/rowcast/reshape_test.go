package main

import (
	"fmt"
	"testing"

	"rowcast/internal/throwaway"
)

// A column that a parameter is compared with changes its type, back and forth.
// Whoever was connected, or comes back from before it, gets exactly the rows that
// are theirs: from memory, from the binlog alone, and from a replay that has
// begun for somebody else.
func TestResumeAcrossTypes(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		exec(t, s, "SET GLOBAL binlog_row_metadata = FULL", "CREATE TABLE draft.k (id INT PRIMARY KEY AUTO_INCREMENT, k INT)")
		config := configFor(s, "[[table]]\nname = \"draft.k\"\nas = \"k\"\ndata = \"row\"\nwhere = \"k = :k\"\nparams = { k = \"\" }\n")
		i := launch(t, config).ready(t)
		path := func(k int) string { return fmt.Sprintf("%s/events/k?k=%d", i.url, k) }
		live := subscribe(t, path(1), "").begun(t)
		before := live.lastID()
		insert := func() { exec(t, s, "INSERT INTO draft.k (k) VALUES ('1'), ('2'), ('3')") }
		insert()
		exec(t, s, "ALTER TABLE draft.k MODIFY k VARCHAR(10)")
		insert()
		exec(t, s, "ALTER TABLE draft.k MODIFY k INT")
		insert()
		gets := func(what string, c *sseClient, k int) {
			t.Helper()
			want := []string{fmt.Sprintf(`{"id":%d,"k":%d}`, k, k), fmt.Sprintf(`{"id":%d,"k":"%d"}`, 3+k, k), fmt.Sprintf(`{"id":%d,"k":%d}`, 6+k, k)}
			for n, e := range c.wait(t, 3) {
				if e.event != "" || e.data != want[n] {
					t.Errorf("%s, k=%d, event %d: %q %s, want %s", what, k, n, e.event, e.data, want[n])
				}
			}
		}
		gets("connected all the time", live, 1)
		for k := 1; k <= 3; k++ {
			gets("back from before", subscribe(t, path(k), before), k)
		}
		i.stop()

		// One stream of two tables, whose columns differ in type.
		exec(t, s, "CREATE DATABASE wild", "CREATE TABLE wild.a (id INT PRIMARY KEY, k INT)", "CREATE TABLE wild.b (id INT PRIMARY KEY, k VARCHAR(9))")
		i = launch(t, configFor(s, "[[table]]\nname = \"wild.*\"\nas = \"k\"\ndata = \"row\"\nwhere = \"k = :k\"\nparams = { k = \"\" }\n")).ready(t)
		start := subscribe(t, path(9), "").begun(t)
		start.close()
		for id := 1; id < 9; id += 2 {
			exec(t, s, fmt.Sprintf("INSERT INTO wild.a VALUES (%d, 1), (%d, 2)", id, id+1), fmt.Sprintf("INSERT INTO wild.b VALUES (%d, '1'), (%d, '2')", id, id+1))
		}
		for k := 1; k <= 2; k++ {
			for n, e := range subscribe(t, path(k), start.lastID()).wait(t, 8) {
				want := fmt.Sprintf(`{"id":%d,"k":%d}`, n/2*2+k, k)
				if n%2 == 1 {
					want = fmt.Sprintf(`{"id":%d,"k":"%d"}`, n/2*2+k, k)
				}
				if e.event != "" || e.data != want {
					t.Errorf("of two tables, k=%d, event %d: %q %s, want %s", k, n, e.event, e.data, want)
				}
			}
		}
		i.stop()
		i = launch(t, config).ready(t)
		for k := 1; k <= 3; k++ {
			gets("with another rowcast", subscribe(t, path(k), before), k)
		}
	})
}
