package cdc

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rowcast/internal/throwaway"
)

// byName has the last row come as "a=1 b=2".
func byName(rec *recorder, last *string) *recorder {
	rec.stopAt = func(c *Change) error {
		if c.After == nil {
			return nil
		}
		var row []string
		for i := range c.Table.Columns {
			if c.Table.Columns[i].Hidden {
				continue
			}
			v, err := c.After.AppendJSON(nil, i, &Format{})
			if err != nil {
				return err
			}
			row = append(row, c.Table.Columns[i].Name+"="+string(v))
		}
		*last = strings.Join(row, " ")
		return nil
	}
	return rec
}

// TestTablesNamedLikeKeywords: words that are not reserved are names like all
// others, unquoted and unqualified. Statements on such tables must be noticed.
func TestTablesNamedLikeKeywords(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor)
		exec(t, s, "CREATE DATABASE draft")
		for _, name := range []string{"data", "tables", "truncate"} {
			session(t, s, "USE draft", "CREATE TABLE "+name+" (id INT PRIMARY KEY AUTO_INCREMENT, a INT, b INT)", "CREATE TABLE new_one LIKE "+name)
			last := ""
			rd := read(t, source(t, s), Position{}, byName(newRecorder(), &last))
			for _, c := range []struct{ sql, want string }{
				{"TRUNCATE TABLE " + name, "notice draft." + name},
				{"TRUNCATE " + name, "notice draft." + name},
				{"RENAME TABLE " + name + " TO old_one, new_one TO " + name, "notice draft." + name},
				{"INSERT INTO " + name + " (a, b) VALUES (1, 2)", "notice draft." + name},
				{"UPDATE " + name + " SET a = 9", "notice draft." + name},
				{"DELETE FROM " + name, "notice draft." + name},
			} {
				before := len(rd.texts())
				session(t, s, "USE draft", "SET SESSION binlog_format = STATEMENT", c.sql)
				rd.upTo(t)
				if got := rd.texts()[before:]; !slices.Contains(got, c.want) {
					t.Errorf("%s: heard %q, which lacks %q", c.sql, got, c.want)
				}
			}
			for _, c := range []struct{ sql, want string }{
				{"SELECT 1", "a=1 b=2"},
				{"ALTER TABLE " + name + " RENAME COLUMN a TO b, RENAME COLUMN b TO a", "b=1 a=2"},
				{"ALTER TABLE " + name + " ADD COLUMN c INT", "b=1 a=2 c=null"},
			} {
				session(t, s, "USE draft", c.sql)
				rd.upTo(t)
				session(t, s, "INSERT INTO draft."+name+" SET "+strings.ReplaceAll(strings.TrimSuffix(c.want, " c=null"), " ", ", "))
				rd.upTo(t)
				if _, got, _ := strings.Cut(last, " "); got != c.want {
					t.Errorf("after %s the row came as %s instead of %s; told: %q", c.sql, got, c.want, rd.told())
				}
			}
			rd.stop()
			<-rd.done
			session(t, s, "USE draft", "DROP TABLE "+name+", old_one")
		}
	})
}

// TestFoldedNames: with lower_case_table_names=1 statements are logged as they were
// typed, and rows under the name in lower case.
func TestFoldedNames(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor, "--lower-case-table-names=1")
		draft(t, s)
		exec(t, s, "CREATE TABLE draft.new_picks LIKE draft.picks")
		src := source(t, s)
		names := []string{"draft.Picks", "Draft.*", "draft.picks", "draft.p*"}
		found, err := src.Tables(t.Context(), names...)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []string{"draft.picks", "draft.*", "", ""} {
			if m := found.Matches[i]; m.Folded != want || len(m.Defs) > 0 != (want == "") {
				t.Errorf("%s: %+v", names[i], m)
			}
		}
		rd := read(t, src, Position{}, newRecorder())
		for _, c := range []struct {
			sql  []string
			want string
		}{
			{[]string{"INSERT INTO Draft.Picks (player) VALUES ('a')"}, `insert picks 1,"a"`},
			{[]string{"USE Draft", "TRUNCATE Picks"}, "notice draft.picks"},
			{[]string{"TRUNCATE Draft.PICKS"}, "notice draft.picks"},
			{[]string{"USE draft", "SET SESSION binlog_format = STATEMENT", "DELETE FROM PICKS"}, "notice draft.picks"},
			{[]string{"USE draft", "RENAME TABLE Picks TO Old_picks, New_picks TO Picks"}, "notice draft.picks"},
			{[]string{"USE draft", "ALTER TABLE PICKS ADD COLUMN n INT", "INSERT INTO Picks (n) VALUES (7)"}, "insert picks 1,null,7"},
			{[]string{"DROP DATABASE Draft"}, "notice draft."},
		} {
			before := len(rd.texts())
			session(t, s, c.sql...)
			rd.upTo(t)
			if got := rd.texts()[before:]; !slices.Contains(got, c.want) {
				t.Errorf("%q: heard %q, which lacks %q", c.sql, got, c.want)
			}
		}
	})
}

// TestHiddenKeyColumns: an index can bring columns that only the binlog shows. Rows
// go on, and nobody is reset, when one is made or dropped.
func TestHiddenKeyColumns(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor)
		draft(t, s)
		exec(t, s, "CREATE TABLE draft.long_ones (id INT PRIMARY KEY, t TEXT, n INT)")
		last := ""
		rd := read(t, source(t, s), Position{}, byName(newRecorder(), &last))
		steps := []string{"SELECT 1", "CREATE INDEX plain ON draft.long_ones (n)", "DROP INDEX plain ON draft.long_ones"}
		if flavor == throwaway.MariaDB {
			steps = append(steps, "CREATE UNIQUE INDEX u ON draft.long_ones (t)", "CREATE OR REPLACE UNIQUE INDEX u ON draft.long_ones (t, n)", "DROP INDEX u ON draft.long_ones")
		} else {
			steps = append(steps, "CREATE INDEX f ON draft.long_ones ((n + 1))", "DROP INDEX f ON draft.long_ones", "ALTER TABLE draft.long_ones ADD INDEX g ((n + 2))")
		}
		for i, sql := range steps {
			exec(t, s, sql, fmt.Sprintf("INSERT INTO draft.long_ones VALUES (%d, 'x%d', 1)", i, i))
			rd.upTo(t)
			if want := fmt.Sprintf(`id=%d t="x%d" n=1`, i, i); last != want || len(rd.told()) > 0 {
				t.Errorf("after %s: the last row is %s, told %q", sql, last, rd.told())
			}
		}
	})
}

// TestStatementsInOtherCharsets: a statement is logged in its session's character
// set, and rows under names in UTF-8.
func TestStatementsInOtherCharsets(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor)
		exec(t, s, "CREATE DATABASE draft")
		rd := read(t, source(t, s), Position{}, newRecorder())
		for _, c := range []struct{ charset, name, raw string }{
			{"latin1", "été", "\xe9t\xe9"},
			{"gbk", "誠", "\xd5\x5c"}, // the second byte is a backslash
			{"utf8mb4", "été", "été"},
		} {
			exec(t, s, "CREATE TABLE draft.`"+c.name+"` (id INT PRIMARY KEY)", "CREATE TABLE draft.n LIKE draft.`"+c.name+"`")
			for _, sql := range []string{"TRUNCATE TABLE `%s`", "ALTER TABLE `%s` COMMENT '%[1]s', RENAME TO `x`, RENAME TO `%[1]s`",
				"RENAME TABLE `%s` TO o, n TO `%[1]s`", "DROP TABLE `%s`"} {
				sql = fmt.Sprintf(sql, c.raw)
				if strings.Contains(sql, "COMMENT") && c.charset == "gbk" {
					continue
				}
				before := len(rd.texts())
				session(t, s, "USE draft", "SET NAMES "+c.charset, sql)
				rd.upTo(t)
				if got := rd.texts()[before:]; !slices.Contains(got, "notice draft."+c.name) {
					t.Errorf("%s: %q: heard %q", c.charset, sql, got)
				}
			}
			exec(t, s, "DROP TABLE draft.o")
		}
	})
}

// TestSequences: MariaDB logs the writes of a sequence as rows of a table. They are
// not changes, and nobody is reset for them; the tables beside them go on.
func TestSequences(t *testing.T) {
	for _, metadata := range []string{"NO_LOG", "FULL"} {
		t.Run(metadata, func(t *testing.T) {
			t.Parallel()
			s := throwaway.Test(t, throwaway.MariaDB, "--binlog-row-metadata="+metadata)
			draft(t, s)
			exec(t, s, "CREATE SEQUENCE draft.before CACHE 2", "INSERT INTO draft.teams VALUES (1, ''), (2, ''), (3, '')")
			src := source(t, s)
			rd := read(t, src, Position{}, newRecorder())
			exec(t, s, "SELECT NEXTVAL(draft.before)", "CREATE SEQUENCE draft.sq START WITH 5 CACHE 2", "INSERT INTO draft.picks VALUES (NEXTVAL(draft.sq), 'a')",
				"SELECT NEXTVAL(draft.sq) FROM draft.teams", "ALTER SEQUENCE draft.sq RESTART 50", "SELECT SETVAL(draft.sq, 99)",
				"CREATE OR REPLACE SEQUENCE draft.sq", "SELECT NEXTVAL(draft.sq)", "INSERT INTO draft.picks VALUES (1, 'b')", "DROP SEQUENCE draft.sq")
			rd.upTo(t)
			same(t, metadata, rd.texts(), []string{`insert picks 5,"a"`, `insert picks 1,"b"`})
			exec(t, s, "CREATE TABLE draft.sq (next_not_cached_value INT)", "INSERT INTO draft.sq VALUES (7)")
			rd.upTo(t)
			same(t, metadata, rd.texts()[2:], []string{"insert sq 7"})

			found, err := src.Tables(t.Context(), "draft.before", "draft.b*")
			if err != nil || len(found.Matches[0].Defs) > 0 || !found.Matches[0].Sequence || len(found.Matches[1].Defs) > 0 {
				t.Errorf("%+v, %v", found, err)
			}
		})
	}
}

// TestBackticksInNames: a table's name may hold any character.
func TestBackticksInNames(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor)
		draft(t, s)
		exec(t, s, "CREATE TABLE draft.`we``ird` (`a``b` INT PRIMARY KEY)", "CREATE TABLE draft.`we``ird2` LIKE draft.`we``ird`")
		src := source(t, s)
		rd := read(t, src, Position{}, newRecorder())
		for _, sql := range [][]string{
			{"INSERT INTO draft.`we``ird` VALUES (1)", "TRUNCATE TABLE draft.`we``ird`"},
			{"ALTER TABLE draft.`we``ird` ADD COLUMN c INT", "INSERT INTO draft.`we``ird` VALUES (2, 3)"},
			{"RENAME TABLE draft.`we``ird` TO draft.`old``ird`, draft.`we``ird2` TO draft.`we``ird`", "INSERT INTO draft.`we``ird` VALUES (4)"},
		} {
			exec(t, s, sql...)
			rd.upTo(t)
		}
		same(t, "backticks", rd.texts(), []string{"insert we`ird 1", "notice draft.we`ird", "insert we`ird 2,3", "notice draft.we`ird", "notice draft.old`ird", "notice draft.we`ird2", "insert we`ird 4"})
		found, err := src.Tables(t.Context(), "draft.we`ird")
		if err != nil || len(found.Matches[0].Defs) != 1 {
			t.Errorf("%+v, %v", found, err)
		}
	})
}

// TestTableMadeWithItsRows: rows of CREATE … SELECT are of the table that their own
// group makes, not of the one that it replaces.
func TestTableMadeWithItsRows(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor)
		draft(t, s)
		exec(t, s, "CREATE TABLE draft.made (id INT, a INT)")
		last := ""
		rd := read(t, source(t, s), Position{}, byName(newRecorder(), &last))
		replace := []string{"CREATE OR REPLACE TABLE draft.made AS SELECT 3 AS x, 4 AS y"}
		if flavor == throwaway.MySQL {
			replace = []string{"DROP TABLE draft.made", "CREATE TABLE draft.made AS SELECT 3 AS x, 4 AS y"}
		}
		for _, step := range []struct {
			sql  []string
			want string
		}{{[]string{"INSERT INTO draft.made VALUES (1, 2)"}, "id=1 a=2"}, {replace, "x=3 y=4"}} {
			exec(t, s, step.sql...)
			rd.upTo(t)
			if last != step.want {
				t.Errorf("after %s: %s; told %q", step.sql, last, rd.told())
			}
		}
	})
}
