//go:build linux

package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
)

const (
	manyClients = 10_000
	manyStreams = 1000
	manyRate    = 10
	slice       = 10 // a transaction has rows for one in ten of the tables or rooms

	// So many transactions fill history twice where each client's row is another
	// one. Before, its memory comes from the system page by page, which is no part
	// of the cost of a delivery.
	fillHistory = 300
)

// many: clients that do not all follow the same. Events are numbered as each
// client sees them.
func (f fanout) many() error {
	n := f.scaled(manyClients)
	streams := max(slice, f.scaled(manyStreams)/slice*slice)
	per := max(1, n/streams)
	n = per * streams
	if err := f.manyTables(streams); err != nil {
		return err
	}
	all, err := f.rounds("many", []contender{{"one stream, a tenth of the rows", f.plain}}, load{clients: n, rate: manyRate / slice, duration: f.Duration, settle: 2 * time.Second})
	if err != nil {
		return err
	}
	list := []contender{
		{"one stream, every row to all", f.plain},
		{fmt.Sprintf("%d streams of one table, every row to all", streams), func() (*target, error) {
			return f.rowcast(f.s, aliases(streams), func(i int) string { return fmt.Sprintf("/events/s%d", i/per) }, insertFeed)
		}},
		{fmt.Sprintf("%d tables, a row to %d clients", streams, per), func() (*target, error) { return f.tables(streams, per) }},
		{"a parameter for each client (id >= :least), every row to all", func() (*target, error) {
			return f.rowcast(f.s, feedTables+"where = \"id >= :least\"\nparams = { least = \"\" }\n",
				func(i int) string { return fmt.Sprintf("/events/feed?least=%d", -i) }, insertFeed)
		}},
		{"a parameter for each client (room = :room), a row to one", func() (*target, error) { return f.rooms(n) }},
	}
	l := load{clients: n, rate: manyRate, duration: f.Duration, settle: 2 * time.Second}
	rest, err := f.rounds("many", list, l)
	if err != nil {
		return err
	}
	all = append(all, rest...)
	list = append([]contender{{name: fmt.Sprintf("the same, %d row/s", manyRate/slice)}}, list...)
	list[0], list[1], all[0], all[1] = list[1], list[0], all[1], all[0]
	g := grid{head: []string{fmt.Sprintf("%d clients, %d transactions/s", n, manyRate), "deliveries/s", "CPU s per million deliveries", "times one stream at that rate"}}
	for i, c := range list {
		// What is written to seldom is colder in the kernel: each is compared with
		// one stream that delivers as much.
		base, v := all[0], all[i].median(cpuPerMillion)
		if all[i].median(perSecond) < base.median(perSecond)/2 {
			base = all[1]
		}
		g.add(c.name, figure(all[i].median(perSecond)), figure(v), ratio(v, base.median(cpuPerMillion)))
	}
	g.print(f.out)
	return nil
}

func (f fanout) manyTables(n int) error {
	sql := []string{"CREATE TABLE IF NOT EXISTS bench.rooms (id BIGINT PRIMARY KEY AUTO_INCREMENT, room INT NOT NULL, body VARCHAR(255) NOT NULL)"}
	for i := range n {
		sql = append(sql, fmt.Sprintf("CREATE TABLE IF NOT EXISTS bench.t%d (id BIGINT PRIMARY KEY AUTO_INCREMENT, body VARCHAR(255) NOT NULL)", i))
	}
	return f.s.Exec(sql...)
}

// aliases are streams s0, s1, … of one table.
func aliases(n int) string {
	var text strings.Builder
	for i := range n {
		text.WriteString(strings.Replace(feedTables, `as = "feed"`, fmt.Sprintf(`as = "s%d"`, i), 1))
	}
	return text.String()
}

// tables: each transaction puts a row into one in ten of the tables.
func (f fanout) tables(n, per int) (*target, error) {
	insert := func(c *client.Conn, seq int64) error {
		if _, err := c.Execute("BEGIN"); err != nil {
			return err
		}
		part := int(seq-1) % slice
		for i := part * n / slice; i < (part+1)*n/slice; i++ {
			sql := fmt.Sprintf("INSERT INTO bench.t%d (body) VALUES ('%s')", i, body(time.Now().UnixNano(), (seq-1)/slice+1))
			if _, err := c.Execute(sql); err != nil {
				return err
			}
		}
		_, err := c.Execute("COMMIT")
		return err
	}
	var config strings.Builder
	for i := range n {
		fmt.Fprintf(&config, "[[table]]\nname = \"bench.t%d\"\ncolumns = [\"id\", \"body\"]\n", i)
	}
	t, err := f.rowcast(f.s, config.String(), func(i int) string { return fmt.Sprintf("/events/bench.t%d", i/per) }, insert)
	if err == nil {
		t.want = func(i int, seq int64) int64 { return turns(i/per*slice/n, seq) }
	}
	return t, err
}

// turns is how often a part had its turn in seq transactions.
func turns(part int, seq int64) int64 { return (seq + slice - 1 - int64(part)) / slice }

// rooms: each transaction has a row for one in ten of the clients.
func (f fanout) rooms(n int) (*target, error) {
	insert := func(c *client.Conn, seq int64) error {
		part := int(seq-1) % slice
		var sql strings.Builder
		sql.WriteString("INSERT INTO bench.rooms (room, body) VALUES ")
		now := time.Now().UnixNano()
		for i := part * n / slice; i < (part+1)*n/slice; i++ {
			if i > part*n/slice {
				sql.WriteByte(',')
			}
			fmt.Fprintf(&sql, "(%d,'%s')", i, body(now, (seq-1)/slice+1))
		}
		_, err := c.Execute(sql.String())
		return err
	}
	t, err := f.rowcast(f.s, strings.ReplaceAll(feedTables, "feed", "rooms")+"where = \"room = :room\"\nparams = { room = \"\" }\n",
		func(i int) string { return fmt.Sprintf("/events/rooms?room=%d", i) }, insert)
	if err == nil {
		t.want = func(i int, seq int64) int64 { return turns(i*slice/n, seq) }
		t.warmUp = fillHistory
	}
	return t, err
}
