package cdc

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"rowcast/internal/throwaway"
)

// currentRows keeps what the changes that a recorder hears say of tables.
type currentRows struct {
	mu   sync.Mutex
	rows map[string]map[string]string // by table, then by key
	list []string                     // the changes, of columns id and x only
}

func (cr *currentRows) take(c *Change) error {
	cr.mu.Lock()
	defer cr.mu.Unlock()
	rows := cr.rows[c.Table.Name]
	if rows == nil {
		rows = map[string]string{}
		cr.rows[c.Table.Name] = rows
	}
	text := c.Op.String()
	if c.Before != nil {
		text += " -" + imageText(c.Before, "id", "x")
		delete(rows, imageText(c.Before, "id"))
	}
	if c.After != nil {
		text += " +" + imageText(c.After, "id", "x")
		key := imageText(c.After, "id")
		if _, ok := rows[key]; ok {
			text += " (there is one)"
		}
		rows[key] = imageText(c.After)
	}
	if len(c.Table.Key) != 1 || c.Table.Columns[c.Table.Key[0]].Name != "id" {
		text += fmt.Sprintf(" key %v", c.Table.Key)
	}
	cr.list = append(cr.list, text)
	return nil
}

// imageText is the image's columns of these names, or all that are shown.
func imageText(im *Image, names ...string) string {
	var list []string
	for i := range im.Table().Columns {
		c := &im.Table().Columns[i]
		if !im.Has(i) || c.Hidden || len(names) > 0 && !slices.Contains(names, c.Name) {
			continue
		}
		v, err := im.AppendText(nil, i)
		switch {
		case err != nil:
			v = []byte(err.Error())
		case im.IsNull(i):
			v = []byte("NULL")
		}
		list = append(list, string(v))
	}
	return strings.Join(list, ",")
}

// holds compares a table with what SELECT finds in it.
func (cr *currentRows) holds(t *testing.T, s *throwaway.Server, table, columns string) {
	t.Helper()
	var want []string
	for _, row := range mustQuery(t, s, "SELECT %s FROM draft.%s", columns, table) {
		want = append(want, strings.Join(row, ","))
	}
	slices.Sort(want)
	cr.mu.Lock()
	defer cr.mu.Unlock()
	same(t, "the rows of "+table, slices.Sorted(maps.Values(cr.rows[table])), want)
}

// versionedTables are definitions of tables, the columns that an event shows, and the period's.
var versionedTables = []struct{ name, def, columns, period string }{
	{"implicit", "(id INT PRIMARY KEY, x INT) WITH SYSTEM VERSIONING", "id, x", "row_start, row_end"},
	{"explicit", "(id INT PRIMARY KEY, x INT, s TIMESTAMP(6) GENERATED ALWAYS AS ROW START, e TIMESTAMP(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (s, e)) WITH SYSTEM VERSIONING", "id, x, s, e", "s, e"},
	{"invisible", "(e TIMESTAMP(6) GENERATED ALWAYS AS ROW END INVISIBLE, s TIMESTAMP(6) GENERATED ALWAYS AS ROW START INVISIBLE, id INT, x INT, PRIMARY KEY (e, id), PERIOD FOR SYSTEM_TIME (s, e)) WITH SYSTEM VERSIONING", "e, s, id, x", "s, e"},
	{"split", "(id INT PRIMARY KEY, x INT) WITH SYSTEM VERSIONING PARTITION BY SYSTEM_TIME LIMIT 2 (PARTITION p0 HISTORY, PARTITION p1 HISTORY, PARTITION pn CURRENT)", "id, x", "row_start, row_end"},
	{"partly", "(id INT PRIMARY KEY, x INT, y INT DEFAULT 0 WITHOUT SYSTEM VERSIONING, z VARCHAR(5000), UNIQUE (z) USING HASH) WITH SYSTEM VERSIONING", "id, x, y, z", "row_start, row_end"},
	{"times", "(id INT PRIMARY KEY, x INT, row_start TIMESTAMP(6) NOT NULL DEFAULT '2001-01-01', row_end TIMESTAMP(6) NOT NULL DEFAULT '2002-02-02')", "id, x, row_start, row_end", ""}, // has no versions
}

// TestVersioned: a system-versioned table of MariaDB shows its current rows, and
// each statement what it did to them.
func TestVersioned(t *testing.T) {
	for _, metadata := range []string{"NO_LOG", "FULL"} {
		t.Run(metadata, func(t *testing.T) {
			s := throwaway.Test(t, throwaway.MariaDB, "--binlog-row-metadata="+metadata, "--default-time-zone=+00:00")
			exec(t, s, "CREATE DATABASE draft")
			rows, rec := &currentRows{rows: map[string]map[string]string{}}, newRecorder()
			rec.stopAt = rows.take
			rd := read(t, source(t, s), Position{}, rec)
			for _, image := range []string{"FULL", "MINIMAL", "NOBLOB"} {
				for _, table := range versionedTables {
					if table.period == "" && image == "MINIMAL" {
						continue // its images lack what SELECT shows
					}
					name := table.name + "_" + image
					exec(t, s, "CREATE TABLE draft."+name+" "+table.def)
					steps := versionedSteps(name, table.period, image == "MINIMAL")
					for _, step := range steps {
						before := len(rows.list)
						session(t, s, append([]string{"SET SESSION binlog_row_image = " + image}, step.sql...)...)
						rd.upTo(t)
						same(t, name+": "+strings.Join(step.sql, "; "), rows.list[before:], step.want)
						rows.holds(t, s, name, table.columns)
					}
				}
			}
			if n := rec.told(); len(n) > 0 {
				t.Errorf("lost: %s", n)
			}
			ordered(t, rec.list)
			replays(t, rd, max(0, len(rec.list)-30))
		})
	}
}

type versionedStep struct {
	sql  []string
	want []string
}

func versionedSteps(name, period string, minimal bool) []versionedStep {
	old := func(id, x int) string { // what a before image shows
		if minimal {
			return fmt.Sprintf("-%d", id)
		}
		return fmt.Sprintf("-%d,%d", id, x)
	}
	sql := func(list ...string) (out []string) {
		for _, q := range list {
			out = append(out, strings.ReplaceAll(q, "@", "draft."+name))
		}
		return out
	}
	steps := []versionedStep{
		{sql("INSERT INTO @ (id, x) VALUES (1,1),(2,2)"), []string{"insert +1,1", "insert +2,2"}},
		{sql("UPDATE @ SET x = 11 WHERE id = 1"), []string{"update " + old(1, 1) + " +1,11"}},
		{sql("UPDATE @ SET x = x + 1"), []string{"update " + old(1, 11) + " +1,12", "update " + old(2, 2) + " +2,3"}},
		{sql("DELETE FROM @ WHERE id = 2"), []string{"delete " + old(2, 3)}},
		{sql("REPLACE INTO @ (id, x) VALUES (1,5)"), []string{"update " + old(1, 12) + " +1,5"}},
		{sql("INSERT INTO @ (id, x) VALUES (1,6) ON DUPLICATE KEY UPDATE x = 7"), []string{"update " + old(1, 5) + " +1,7"}},
		{sql("UPDATE @ SET id = 3"), []string{"update " + old(1, 7) + " +3,7"}},
		{sql("BEGIN", "DELETE FROM @", "INSERT INTO @ (id, x) VALUES (3,8)", "UPDATE @ SET x = 9", "COMMIT"),
			[]string{"delete " + old(3, 7), "insert +3,8", "update " + old(3, 8) + " +3,9"}},
		{sql("BEGIN", "UPDATE @ SET x = 1000", "ROLLBACK"), nil},
	}
	if period == "" {
		return steps
	}
	return append(steps,
		versionedStep{sql("SET system_versioning_insert_history = 1", "INSERT INTO @ (id, x, "+period+") VALUES (4, 4, '2020-01-01', '2021-01-01')"), nil},
		versionedStep{sql("DELETE HISTORY FROM @ BEFORE SYSTEM_TIME '2022-01-01'"), nil},
		versionedStep{sql("DELETE HISTORY FROM @"), nil},
		versionedStep{sql("INSERT INTO @ (id, x) VALUES (4,4)"), []string{"insert +4,4"}})
}

// TestVersionedSince: versions come and go by ALTER, live. A replay of rows from
// before such a statement says that it can't tell, or is right.
func TestVersionedSince(t *testing.T) {
	for _, metadata := range []string{"NO_LOG", "FULL"} {
		t.Run(metadata, func(t *testing.T) {
			s := throwaway.Test(t, throwaway.MariaDB, "--binlog-row-metadata="+metadata)
			exec(t, s, "CREATE DATABASE draft", "CREATE TABLE draft.t (id INT PRIMARY KEY, x INT)",
				"CREATE TABLE draft.series (id INT, x INT, a TIMESTAMP(6) NOT NULL DEFAULT '2001-01-01', b TIMESTAMP(6) NOT NULL DEFAULT '2002-02-02', PRIMARY KEY (id, b))")
			rows, rec := &currentRows{rows: map[string]map[string]string{}}, newRecorder()
			rec.stopAt = rows.take
			rd := read(t, source(t, s), Position{}, rec)
			do := func(list ...string) {
				t.Helper()
				exec(t, s, list...)
				rd.upTo(t)
			}
			change := []string{"INSERT INTO draft.t (id, x) VALUES (1,1)", "UPDATE draft.t SET x = 2", "DELETE FROM draft.t"}
			do(change...)
			do("ALTER TABLE draft.t ADD SYSTEM VERSIONING")
			do(change...)
			do("SET GLOBAL system_versioning_alter_history = KEEP", "ALTER TABLE draft.t DROP SYSTEM VERSIONING")
			do(change...)
			do("ALTER TABLE draft.t ADD COLUMN s TIMESTAMP(6) GENERATED ALWAYS AS ROW START, ADD COLUMN e TIMESTAMP(6) GENERATED ALWAYS AS ROW END, ADD PERIOD FOR SYSTEM_TIME (s, e), ADD SYSTEM VERSIONING")
			do(change...)
			last := len(rec.list) - 3
			do("INSERT INTO draft.series (id, x) VALUES (1,1)", "UPDATE draft.series SET x = 2", "DELETE FROM draft.series")
			want := []string{"insert +1,1", "update -1,1 +1,2", "delete -1,2"}
			want = append(append(append(want, want...), want...), want...)
			for _, text := range want[:3] {
				want = append(want, text+" key [0 3]")
			}
			same(t, "live", rows.list, want)
			if n := rec.told(); len(n) > 0 {
				t.Errorf("lost: %s", n)
			}
			replays(t, rd, last)
			now := rd.upTo(t)
			for i := range last {
				var right []string
				for _, later := range rec.list[i+1:] {
					right = append(right, later.pos.String()+" "+later.text)
				}
				got := replay(t, source(t, s), rec.list[i].pos, now)
				for _, text := range got {
					if !slices.Contains(right, text) && !strings.HasSuffix(text, " notice draft.t") {
						t.Errorf("from change %d: %s", i, text)
					}
				}
				if n := slices.Index(right, strings.TrimSpace(right[len(right)-6])); len(got) < 6 || !slices.Equal(got[len(got)-6:], right[n:]) {
					t.Errorf("from change %d: the end is %s", i, got)
				}
			}
		})
	}
}

// TestVersionedByTransaction: the server logs changes of a table with transaction-precise
// history as statements; subscribers hear of each.
func TestVersionedByTransaction(t *testing.T) {
	s := throwaway.Test(t, throwaway.MariaDB)
	exec(t, s, "CREATE DATABASE draft",
		"CREATE TABLE draft.t (id INT PRIMARY KEY, x INT, s BIGINT UNSIGNED GENERATED ALWAYS AS ROW START, e BIGINT UNSIGNED GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (s, e)) WITH SYSTEM VERSIONING")
	rd := read(t, source(t, s), Position{}, newRecorder())
	exec(t, s, "INSERT INTO draft.t (id, x) VALUES (1,1)", "UPDATE draft.t SET x = 2", "DELETE FROM draft.t")
	rd.upTo(t)
	same(t, "statements", rd.texts(), slices.Repeat([]string{"notice draft.t"}, 3))
}
