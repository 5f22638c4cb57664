package main

import (
	"fmt"
	"strings"
	"testing"

	"rowcast/internal/throwaway"
)

// TestUnseen: what docs/limits.md says is in no binlog is not, and what it says
// is in the binlog after all is reported. Each case changes draft.picks, and
// then a row is inserted that must be the first thing that a client hears of.
func TestUnseen(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f, "--binlog-ignore-db=ignored")
		exec(t, s, "CREATE DATABASE ignored", "CREATE TABLE ignored.t (id INT PRIMARY KEY)",
			"CREATE TABLE draft.child (id INT PRIMARY KEY, pick INT, FOREIGN KEY (pick) REFERENCES draft.picks (id) ON DELETE CASCADE)",
			"CREATE TABLE draft.volatile (id INT PRIMARY KEY) ENGINE=MEMORY")
		insertPick(t, s, 1, "p0")
		exec(t, s, "INSERT INTO draft.child VALUES (1, 1)", "INSERT INTO draft.volatile VALUES (1)")
		config := configFor(s, "")
		for _, name := range []string{"draft.picks", "draft.teams", "draft.child", "draft.volatile", "ignored.t"} {
			config += "[[table]]\nname = \"" + name + "\"\non = [\"insert\", \"update\", \"delete\"]\n"
		}
		i := launch(t, config).ready(t)
		all := i.url + "/events?table=draft.picks&table=draft.child&table=draft.volatile&table=ignored.t"
		c := subscribe(t, all, "").begun(t)
		n, rounds := 0, 0
		// heard is what came of the statements, before the row that ends them.
		heard := func(sql ...string) string {
			t.Helper()
			exec(t, s, sql...)
			rounds++
			end := fmt.Sprintf("end %d", rounds)
			exec(t, s, "SET SESSION sql_log_bin = 1", "USE draft", "INSERT INTO draft.picks (round, team, player) VALUES (1, 'Oilers', '"+end+"')")
			c.until(t, end, func() bool { return len(c.events) > 0 && strings.Contains(c.events[len(c.events)-1].data, end) })
			var what []string
			for _, e := range c.data()[n:] {
				if n++; e.event == "reset" {
					what = append(what, "reset")
				} else if row := e.row(t); !strings.Contains(e.data, end) {
					what = append(what, row.Op+" "+row.Table)
				}
			}
			return strings.Join(what, ", ")
		}
		cascaded := "delete draft.picks"
		if f == throwaway.MySQL {
			cascaded = "delete draft.child, delete draft.picks"
		}
		for _, tc := range []struct {
			what, heard string
			sql         []string
		}{
			{"sql_log_bin", "", []string{"SET SESSION sql_log_bin = 0", "INSERT INTO draft.picks VALUES (-1, 1, 'Oilers', 'x')", "DELETE FROM draft.picks WHERE id = -1"}},
			{"binlog-ignore-db", "", []string{"USE draft", "INSERT INTO ignored.t VALUES (1)"}},
			{"rows, from an ignored database", "insert draft.picks", []string{"USE ignored", "INSERT INTO draft.picks VALUES (-2, 1, 'Oilers', 'x')"}},
			{"statements, from an ignored database", "", []string{"USE ignored", "TRUNCATE draft.volatile"}},
			{"the same from its own", "reset", []string{"USE draft", "TRUNCATE draft.volatile"}},
			{"foreign keys", cascaded, []string{"DELETE FROM draft.picks WHERE id = 1"}},
		} {
			if got := heard(tc.sql...); got != tc.heard {
				t.Errorf("%s: heard %q, want %q", tc.what, got, tc.heard)
			}
		}

		// A MEMORY table is empty after a restart, which is logged when it is next used.
		exec(t, s, "INSERT INTO draft.volatile VALUES (2)")
		if got := heard(); got != "insert draft.volatile" {
			t.Errorf("heard %q", got)
		}
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		i.ready(t)
		if got := heard(); got != "" {
			t.Errorf("a MEMORY table that nobody used yet: heard %q", got)
		}
		if got := heard("DELETE FROM draft.volatile WHERE id = 7"); got != "reset" {
			t.Errorf("a MEMORY table that is used: heard %q", got)
		}

		// A binlog that was off for a while.
		last := c.lastID()
		i.stop()
		if err := s.Restart(t.Context(), "--skip-log-bin"); err != nil {
			t.Fatal(err)
		}
		exec(t, s, "INSERT INTO draft.picks VALUES (-3, 1, 'Oilers', 'x')")
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		i = launch(t, config).ready(t)
		c = subscribe(t, i.url+"/events/draft.picks", last)
		n = 0
		if got := heard(); got != "" {
			t.Errorf("a binlog that was off: heard %q", got)
		}
	})
}

// A replica keeps what it replicates out of its binlog, unless it is told to log it.
func TestUnseenOnReplica(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		source := draft(t, f)
		replica := draft(t, f, "--server-id=2", "--log-slave-updates=OFF")
		for _, s := range []*throwaway.Server{source, replica} {
			insertPick(t, s, 1, "p0")
		}
		at, err := source.Query("SHOW MASTER STATUS")
		if f == throwaway.MySQL {
			at, err = source.Query("SHOW BINARY LOG STATUS")
		}
		if err != nil {
			t.Fatal(err)
		}
		change := "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = %d, MASTER_USER = 'rowcast', MASTER_PASSWORD = 'rowcast', MASTER_LOG_FILE = '%s', MASTER_LOG_POS = %s"
		start := "START SLAVE"
		if f == throwaway.MySQL {
			change = strings.ReplaceAll(change, "MASTER", "SOURCE") + ", GET_SOURCE_PUBLIC_KEY = 1"
			change = strings.Replace(change, "CHANGE SOURCE", "CHANGE REPLICATION SOURCE", 1)
			start = "START REPLICA"
		}
		exec(t, replica, fmt.Sprintf(change, source.Port(), at[0][0], at[0][1]), start)
		file := writeConfig(t, configFor(replica, twoStreams))
		i := launchFile(t, file).ready(t)
		c := subscribe(t, i.url+"/events/picks", "").begun(t)
		insertPick(t, source, 2, "p1")
		poll(t, "the replica", func() string {
			rows, err := replica.Query("SELECT COUNT(*) FROM draft.picks")
			if err != nil || rows[0][0] != "2" {
				return fmt.Sprint(rows, err)
			}
			return ""
		})
		insertPick(t, replica, 3, "p2")
		if got := players(t, c.wait(t, 1)); got[0] != "p2" {
			t.Errorf("heard %v", got)
		}
		code, out, _ := command(t, "check", "--config", file)
		if want := "_updates: OFF on a replica: what it replicates is not in its own binlog"; code != 0 || !strings.Contains(out, want) {
			t.Errorf("check, exit %d:\n%s", code, out)
		}
	})
}
