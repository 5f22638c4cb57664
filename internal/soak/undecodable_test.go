package soak

import (
	"context"
	"testing"
	"time"

	"rowcast/internal/throwaway"
)

// TestCutAfterUndecodable: one rowcast can't decode a row within a transaction,
// since the table was altered after it. Its client is cut off at the change that
// follows, and goes on at another rowcast, which could have decoded the row: the
// client must have heard of it by then.
func TestCutAfterUndecodable(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		l := newLone(t, flavor, "", "--binlog-row-metadata="+metadata(flavor, false))
		known := &statements{}
		s := l.subscriber("reader", 0)
		l.until(s)
		sql := []string{"BEGIN", "INSERT INTO soak.a (id, g) VALUES (1, 1)", "INSERT INTO soak.b (id, g) VALUES (1, 1)",
			"INSERT INTO soak.a (id, g) VALUES (2, 1)", "INSERT INTO soak.b (id, g) VALUES (2, 1)", "COMMIT"}
		if err := l.s.Exec(sql...); err != nil {
			t.Fatal(err)
		}
		l.until(l.subscriber("witness", 1)) // the first rowcast has read and rendered it all
		alter := "ALTER TABLE soak.b ADD COLUMN e1 INT AFTER id"
		known.note(alter, effect{alters: []int{1}, apply: func(d *definitions) { d.cols[1] = []string{"id", "e1", "n", "g", "v", "d", "t", "b"} }})
		if err := l.s.Exec(alter); err != nil {
			t.Fatal(err)
		}
		first := l.i
		l.i = newInstance(t, "second-"+string(flavor), l.config(false))
		l.start()
		ctx, cancel := context.WithTimeout(l.ctx, time.Minute)
		defer cancel()
		resp, err := s.open(ctx, l.i.http, "plain", "text/event-stream", "")
		if err != nil {
			t.Fatal(err)
		}
		in := newSSE(resp.Body)
		var b block
		for len(s.records) < 2 && err == nil {
			if err = in.next(&b); err == nil {
				err = s.take(&b)
			}
		}
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		l.i = first
		l.until(s)
		tr, err := readTruth(l.ctx, l.s, l.schema, known)
		if err != nil {
			t.Fatal(err)
		}
		l.exact(s, tr)
		l.resets(s, "schema")
	})
}
