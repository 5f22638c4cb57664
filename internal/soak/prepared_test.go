package soak

import (
	"fmt"
	"testing"
	"time"

	"rowcast/internal/throwaway"
)

// TestPreparedBefore: XA transactions were prepared before rowcast began to read,
// and have rolled a part of themselves back: with a MyISAM row in that part, the
// server logs it and the ROLLBACK TO.
func TestPreparedBefore(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		var args []string
		if flavor == throwaway.MySQL { // with GTIDs it refuses to mix engines in a transaction
			args = []string{"--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"}
		}
		l := newLone(t, flavor, "history = \"64KiB\"\n", args...)
		rng := l.p.rng("prepared", 0)
		everything := func(name string, n int) *subscriber {
			return newSubscriber(l.schema, name, l.p.rng(name, n), l.t.Errorf, 0, 1, 2)
		}
		early := everything("early", 0)
		l.until(early)
		w := &writer{load: &load{schema: l.schema, s: l.s, maxID: 1000}, rng: rng}
		count := either(8, 60)
		for n := range count {
			c, err := l.s.Conn()
			if err != nil {
				t.Fatal(err)
			}
			xid, id := fmt.Sprintf("'prepared %d'", n), 1000*(count-n) // downwards: what was rolled back leaves locks on what comes after it
			put := func(table int) string {
				id++
				return w.insert("INSERT INTO", l.tables[table], w.values(l.tables[table], id))
			}
			sql := []string{"USE soak", "SET SESSION sql_mode = 'STRICT_TRANS_TABLES'", "XA START " + xid, put(0), put(1)}
			for range 1 + rng.IntN(3) {
				sql = append(sql, "SAVEPOINT here", put(0), put(2), put(1), "ROLLBACK TO SAVEPOINT here", put(rng.IntN(2)))
			}
			for _, q := range append(sql, "XA END "+xid, "XA PREPARE "+xid) {
				if _, err := c.Execute(q); err != nil {
					t.Fatalf("%s: %v", q, err)
				}
			}
			c.Close()
			if n == count/2 {
				l.flush()
			}
		}
		l.insert(3)
		l.i.kill()
		l.start()
		late := everything("late", 1)
		l.until(late)
		for _, n := range rng.Perm(count) {
			verb := "XA COMMIT"
			if rng.IntN(4) == 0 {
				verb = "XA ROLLBACK"
			}
			xid := fmt.Sprintf("'prepared %d'", n)
			eventually(t, time.Minute, "the connection that prepared "+xid+" to be gone", func() string {
				if err := l.s.Exec(verb + " " + xid); err != nil {
					return err.Error()
				}
				return ""
			})
		}
		l.until(late)
		l.until(early)
		tr := l.truth()
		if tr.xaGroups == 0 {
			t.Error("no XA transaction was committed")
		}
		l.exact(late, tr)
		l.exact(early, tr)
	})
}
