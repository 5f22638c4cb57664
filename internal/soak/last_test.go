package soak

import (
	"testing"
	"time"

	"rowcast/internal/throwaway"
)

// TestLastGroup: whatever comes last in the binlog, subscribers come to its end.
func TestLastGroup(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		l := newLone(t, flavor, "")
		s := l.subscriber("reader", 0)
		l.until(s)
		for _, sql := range [][]string{
			{"CREATE TABLE elsewhere.t (id INT PRIMARY KEY)"},
			{"CREATE TABLE IF NOT EXISTS elsewhere.t (id INT PRIMARY KEY)"},
			{"ANALYZE TABLE soak.a"},
			{"ALTER TABLE elsewhere.a COMMENT = 'x'"},
			{"CREATE TEMPORARY TABLE elsewhere.tmp (id INT)", "INSERT INTO elsewhere.tmp VALUES (1), (2)"},
			{"CREATE TEMPORARY TABLE elsewhere.tmp (id INT)", "BEGIN", "INSERT INTO elsewhere.tmp VALUES (1)", "INSERT INTO soak.a (id, g) VALUES (1, 1)", "DROP TEMPORARY TABLE elsewhere.tmp", "COMMIT"},
			{"CREATE TEMPORARY TABLE elsewhere.tmp (id INT)", "BEGIN", "INSERT INTO soak.a (id, g) VALUES (2, 1)", "ROLLBACK"},
			{"XA START 'x'", "INSERT INTO soak.a (id, g) VALUES (3, 1)", "XA END 'x'", "XA PREPARE 'x'"},
			{"XA ROLLBACK 'x'"},
			{"BEGIN", "INSERT INTO soak.m (id, g) VALUES (4, 1)", "INSERT INTO soak.a (id, g) VALUES (4, 1)", "ROLLBACK"},
			{"DROP TABLE IF EXISTS elsewhere.t, elsewhere.nosuch"},
			{"FLUSH TABLES"},
			{"REPAIR TABLE soak.m"},
			{"CREATE USER u@localhost", "DROP USER u@localhost"},
		} {
			c, err := l.s.Conn()
			if err != nil {
				t.Fatal(err)
			}
			for _, q := range sql {
				if _, err := c.Execute(q); err != nil {
					t.Fatalf("%s: %v", q, err)
				}
			}
			c.Close()
			pause(l.ctx, 100*time.Millisecond) // the server drops the connection's temporary tables
			t.Log(sql)
			l.until(s)
			l.db.cutAll()
			eventually(t, 30*time.Second, "ready after "+sql[len(sql)-1], func() string { return l.i.ready(l.ctx, time.Second) })
		}
		l.exact(s, l.truth())
	})
}
