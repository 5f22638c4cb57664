package cdc

import (
	"testing"

	"rowcast/internal/throwaway"
)

// TestLogged: whatever a server logs as a statement, rows that come without an
// event of their own are told, and statements that change none are not.
func TestLogged(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor)
		draft(t, s)
		exec(t, s, "SET GLOBAL log_bin_trust_function_creators = 1", "CREATE DATABASE elsewhere", "CREATE TABLE draft.log (n INT)",
			"CREATE FUNCTION draft.f() RETURNS INT BEGIN INSERT INTO draft.log VALUES (1); RETURN 1; END",
			"CREATE TABLE draft.part (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20))",
			"INSERT INTO draft.part VALUES (1), (11)")
		type logged struct {
			told bool
			sql  []string
		}
		cases := []logged{
			{true, []string{"SET SESSION binlog_format = STATEMENT", "DO draft.f()"}},
			{true, []string{"SET SESSION binlog_format = STATEMENT", "CREATE TABLE draft.copy SELECT * FROM draft.picks"}},
			{false, []string{"CREATE TABLE elsewhere.copy SELECT * FROM draft.picks"}},
			{false, []string{"CREATE USER u", "GRANT SELECT ON draft.picks TO u", "REVOKE SELECT ON draft.picks FROM u", "RENAME USER u TO v", "DROP USER v"}},
			{false, []string{"CREATE VIEW draft.v AS SELECT * FROM draft.picks", "CREATE TRIGGER draft.tr BEFORE INSERT ON draft.picks FOR EACH ROW SET @x = 1", "DROP TRIGGER draft.tr"}},
			{false, []string{"ANALYZE TABLE draft.picks", "OPTIMIZE TABLE draft.picks", "FLUSH TABLES", "ALTER TABLE draft.picks CONVERT TO CHARACTER SET utf8mb4"}},
			{true, []string{"ALTER TABLE draft.part TRUNCATE PARTITION p0"}},
		}
		if flavor == throwaway.MariaDB {
			cases = append(cases, []logged{
				{true, []string{"SET STATEMENT max_statement_time = 10 FOR TRUNCATE draft.picks"}},
				{true, []string{"SET STATEMENT binlog_format = STATEMENT FOR INSERT INTO draft.picks (player) VALUES ('x')"}},
				{true, []string{"SET STATEMENT lock_wait_timeout = 5 FOR RENAME TABLE draft.picks TO draft.p2, draft.p2 TO draft.picks"}},
				{true, []string{"ALTER IGNORE TABLE draft.picks ADD UNIQUE (player)"}},
				{true, []string{"SET SESSION binlog_format = STATEMENT", "ANALYZE DELETE FROM draft.picks WHERE id = 0"}},
				{true, []string{"ALTER TABLE draft.part CONVERT PARTITION p1 TO TABLE draft.was1"}},
			}...)
		}
		rd := read(t, source(t, s), Position{}, newRecorder())
		for _, c := range cases {
			before := len(rd.told())
			session(t, s, c.sql...)
			rd.upTo(t)
			if told := rd.told()[before:]; len(told) > 0 != c.told {
				t.Errorf("%q: told %q", c.sql, told)
			}
		}
		want := []string{`insert teams 1,"a"`, `insert teams 3,"c"`}
		if flavor == throwaway.MariaDB { // columns change places, in a binlog that does not name them
			session(t, s, "SET STATEMENT lock_wait_timeout = 5 FOR ALTER TABLE draft.teams MODIFY name VARCHAR(200) FIRST")
			want = []string{`insert teams "a",1`, `insert teams "c",3`}
		}
		// Names of savepoints are compared without regard to case.
		session(t, s, "BEGIN", "INSERT INTO draft.teams (id, name) VALUES (1, 'a')", "SAVEPOINT `x y`", "INSERT INTO draft.teams (id, name) VALUES (2, 'b')",
			"CREATE TEMPORARY TABLE draft.tmp (a INT)", "ROLLBACK TO `X y`", "INSERT INTO draft.teams (id, name) VALUES (3, 'c')", "COMMIT")
		rd.upTo(t)
		texts := rd.texts()
		same(t, "after all that", texts[max(0, len(texts)-2):], want)
	})
}
