package cdc

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rowcast/internal/throwaway"
)

// TestForms: the less common ways in which servers write a group.
func TestForms(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		args := []string{"--local-infile=1"}
		if flavor == throwaway.MySQL {
			args = append(args, "--gtid-mode=ON", "--enforce-gtid-consistency=ON")
		}
		s := throwaway.Test(t, flavor, args...)
		draft(t, s)
		exec(t, s, "CREATE TABLE draft.parent (id INT PRIMARY KEY)",
			"CREATE TABLE draft.child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES draft.parent (id) ON DELETE CASCADE)")
		rd := read(t, source(t, s), Position{}, newRecorder())
		var want []string
		expect := func(lines ...string) {
			want = append(want, lines...)
			rd.upTo(t)
			if got := rd.texts(); !slices.Equal(got, want) {
				t.Logf("told: %q", rd.told())
				same(t, "so far", got, want)
			}
		}
		exec(t, s, "INSERT INTO draft.teams VALUES (1,'a'),(2,'b')")
		expect(`insert teams 1,"a"`, `insert teams 2,"b"`)
		exec(t, s, "CREATE TABLE draft.copied AS SELECT * FROM draft.teams")
		expect(`insert copied 1,"a"`, `insert copied 2,"b"`)
		exec(t, s, "INSERT INTO draft.teams VALUES (1,'again') ON DUPLICATE KEY UPDATE name = VALUES(name)", "REPLACE INTO draft.teams VALUES (2,'replaced')")
		expect(`update teams 1,"a" 1,"again"`, `update teams 2,"b" 2,"replaced"`)
		exec(t, s, "CREATE TABLE draft.mem (id INT PRIMARY KEY) ENGINE=MEMORY", "INSERT INTO draft.mem VALUES (1)")
		expect("insert mem 1")
		exec(t, s, "CREATE TRIGGER draft.tr AFTER INSERT ON draft.parent FOR EACH ROW INSERT INTO draft.teams VALUES (NEW.id + 100, 'by trigger')",
			"INSERT INTO draft.parent VALUES (1)", "INSERT INTO draft.child VALUES (7, 1)")
		expect("insert parent 1", `insert teams 101,"by trigger"`, "insert child 7,1")
		session(t, s, "CREATE TEMPORARY TABLE draft.tmp (id INT)", "INSERT INTO draft.tmp VALUES (1)", "DROP TEMPORARY TABLE draft.tmp")
		expect()
		path := filepath.Join(s.Dir(), "load.csv")
		if err := os.WriteFile(path, []byte("50\tloaded\n51\tloaded too\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		exec(t, s, "LOAD DATA INFILE '"+path+"' INTO TABLE draft.teams")
		expect(`insert teams 50,"loaded"`, `insert teams 51,"loaded too"`)
		if flavor == throwaway.MySQL {
			session(t, s, "SET gtid_next = 'AUTOMATIC:tagged'", "INSERT INTO draft.teams VALUES (60,'tagged')")
			expect(`insert teams 60,"tagged"`)
		}
		mixed := []string{"BEGIN", "INSERT INTO draft.plain VALUES (1)", "INSERT INTO draft.teams VALUES (61,'with MyISAM')", "SAVEPOINT x",
			"INSERT INTO draft.plain VALUES (2)", "INSERT INTO draft.teams VALUES (62,'taken back')", "ROLLBACK TO SAVEPOINT x", "INSERT INTO draft.teams VALUES (63,'kept')", "COMMIT"}
		if flavor == throwaway.MySQL { // which refuses to mix engines in a transaction with GTIDs
			mixed = slices.DeleteFunc(mixed, func(q string) bool { return strings.Contains(q, "draft.plain") })
			exec(t, s, "INSERT INTO draft.plain VALUES (1)", "INSERT INTO draft.plain VALUES (2)")
		}
		session(t, s, mixed...)
		rd.upTo(t)
		got := strings.Join(rd.texts()[len(want):], "|")
		for _, line := range []string{"insert plain 1", "insert plain 2", `insert teams 61,"with MyISAM"`, `insert teams 63,"kept"`} {
			if strings.Count(got, line) != 1 {
				t.Errorf("%q is not once in %s", line, got)
			}
		}
		if strings.Contains(got, "taken back") {
			t.Errorf("what was rolled back came: %s", got)
		}
		want = rd.texts()
		exec(t, s, "DROP TABLE draft.copied", "RENAME TABLE draft.mem TO draft.mem2", "TRUNCATE draft.teams")
		expect("notice draft.copied", "notice draft.mem", "notice draft.mem2", "notice draft.teams")
		exec(t, s, "DELETE FROM draft.parent")
		if flavor == throwaway.MySQL { // MySQL 9.6 and later log what a foreign key did
			expect("delete child 7,1", "delete parent 1")
		} else {
			expect("delete parent 1")
		}
		exec(t, s, "CREATE DATABASE other", "CREATE TABLE other.t (id INT)", "DROP DATABASE other")
		expect("notice other.") // whoever publishes none of its tables passes over it
		exec(t, s, "DROP DATABASE draft")
		rd.upTo(t)
		if got := rd.texts()[len(want):]; !slices.Contains(got, "notice draft.") || slices.ContainsFunc(got, func(s string) bool { return !strings.HasPrefix(s, "notice draft.") }) {
			t.Errorf("DROP DATABASE became %v", got)
		}
		ordered(t, rd.list)
	})
}

// TestIDsAgainstServersTool: each change's id names the group that the server's
// own tool shows there, and rows events are counted as it lists them.
func TestIDsAgainstServersTool(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor, "--binlog-row-event-max-size=512")
		draft(t, s)
		rd := read(t, source(t, s), Position{}, newRecorder())
		for g := range 5 {
			sql := []string{"BEGIN"}
			for i := range 20 {
				sql = append(sql, fmt.Sprintf("INSERT INTO draft.teams VALUES (%d,'t')", g*100+i), "INSERT INTO draft.unwatched VALUES (1)",
					fmt.Sprintf("INSERT INTO draft.picks (player) VALUES (REPEAT('x',%d)),(REPEAT('y',150)),(REPEAT('z',150)),(REPEAT('z',150))", i*8))
			}
			session(t, s, append(sql, "COMMIT")...)
		}
		rd.upTo(t)
		groups := listed(t, s, "binlog.000001")
		seen := map[string]int{}
		for _, h := range rd.list {
			key := fmt.Sprintf("%d/%d", h.pos.pos, h.pos.event)
			table, ok := groups[key]
			if !ok {
				t.Fatalf("%s (%s): the server's tool shows no rows event there", h.pos, h.text)
			}
			if !strings.Contains(h.text, " "+table+" ") {
				t.Fatalf("%s (%s): the server's tool shows an event of %s there", h.pos, h.text, table)
			}
			seen[key]++
		}
		watched := 0
		for _, table := range groups {
			if table != "unwatched" {
				watched++
			}
		}
		if len(seen) != watched || len(rd.list) != 5*20*5 {
			t.Errorf("%d changes in %d rows events; the tool lists %d", len(rd.list), len(seen), watched)
		}
		start := rd.list[len(rd.list)-1].pos
		out, err := s.Binlog(t.Context(), "-vv", "--base64-output=DECODE-ROWS", fmt.Sprintf("--start-position=%d", start.pos), start.file)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(out), "### INSERT INTO `draft`.`teams`"); n != 20 {
			t.Errorf("--start-position=%d shows %d of the transaction's 20 rows of teams", start.pos, n)
		}
	})
}
