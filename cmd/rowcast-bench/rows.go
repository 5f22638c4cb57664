//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"rowcast/internal/program"
	"rowcast/internal/throwaway"
)

type rowsCmd struct {
	Rows     int           `default:"1000000" help:"Rows of the table that is read whole."`
	Visitors int           `default:"10000" help:"First visitors of one stream, at once."`
	Rooms    int           `default:"1000" help:"Visitors with a parameter each."`
	Samples  int           `default:"500" help:"Visitors that come alone, for the time until they are ready."`
	Duration time.Duration `default:"10s" help:"How long live clients and a writer are measured."`
}

const (
	topRows   = 100 // that a visitor of the herd gets
	roomRows  = 50  // that a visitor of a room gets
	liveRate  = 50  // rows a second beside the visitors
	liveCount = 100 // clients that follow them
)

// rowsTables are a stream whose rows are held, one with a room for each visitor, one
// that is read whole, and one without rows.
const rowsTables = feedTables + `
[[table]]
name = "bench.rooms"
as = "top"
rows = 100
[[table]]
name = "bench.rooms"
as = "room"
rows = 50
where = "room = :room"
params = { room = "0" }
[[table]]
name = "bench.picks"
as = "all"
rows = "all"
`

func (r *rowsCmd) Run(b *bench) (err error) {
	s, err := b.database("--max-binlog-size=1G", "--innodb-buffer-pool-size=512M")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	b.logf("rows: %d rows", r.Rows)
	if _, err := (&decodeCmd{Rows: r.Rows, Transaction: 10_000}).fill(s); err != nil {
		return err
	}
	if err := r.fillRooms(s); err != nil {
		return err
	}
	fmt.Fprintf(b.out, "**Rows**, then changes: %s %s.\n\n", s.Flavor(), s.Version())
	m := rowsBench{bench: b, rowsCmd: r, s: s}
	g := grid{head: []string{"", "measured", "aim"}}
	for _, one := range []func(*grid) error{m.herd, m.rooms, m.whole, m.alone, m.beside} {
		if err := one(&g); err != nil {
			return err
		}
	}
	g.print(b.out)
	return nil
}

// fillRooms makes bench.rooms, with as many rows for each room as a visitor gets and
// some more, and bench.feed.
func (r *rowsCmd) fillRooms(s *throwaway.Server) error {
	return s.Exec(
		"CREATE TABLE bench.feed (id BIGINT PRIMARY KEY AUTO_INCREMENT, body VARCHAR(255) NOT NULL)",
		"CREATE TABLE bench.rooms (id BIGINT PRIMARY KEY AUTO_INCREMENT, room INT NOT NULL, body VARCHAR(255) NOT NULL, KEY (room, id))",
		fmt.Sprintf(`INSERT INTO bench.rooms (room, body) WITH RECURSIVE n AS (SELECT 0 AS i UNION ALL SELECT i+1 FROM n WHERE i < %d)
			SELECT i %% %d, CONCAT('what somebody said in a room, line ', i, ' of many that were written before') FROM n`, 2*roomRows*r.Rooms-1, r.Rooms))
}

// rowsBench is the run of a rowsCmd.
type rowsBench struct {
	*bench
	*rowsCmd
	s *throwaway.Server
}

// serving has rowcast serve while f runs.
func (m *rowsBench) serving(f func(d served) error) error {
	d, err := m.serveRowcast(m.s, rowsTables)
	if err != nil {
		return err
	}
	return errors.Join(f(d), d.stop())
}

// queries is how many SELECTs of rows rowcast has asked the database for.
const queries = "rowcast_rows_queries_total"

// herd: many first visitors at once. The peer answers each with the same bytes, by one
// write; what both spend on a connection that gets nothing is shown too.
func (m *rowsBench) herd(g *grid) error {
	n := min(m.Visitors, maxClients())
	var ours, ourRest, theirs, theirRest []float64
	asked := 0.0
	for round := range m.Rounds {
		var sample []byte
		err := m.serving(func(d served) error {
			rest, _, err := m.cpuPerVisitor(d.daemon, n, visitors{addr: d.addr, path: at("/events/top?rows=0"), until: "id: "})
			if err != nil {
				return err
			}
			cpu, got, err := m.cpuPerVisitor(d.daemon, n, visitors{addr: d.addr, path: at("/events/top"), until: readyEvent})
			if err != nil {
				return err
			}
			sample, ours, ourRest = got, append(ours, cpu), append(ourRest, rest)
			n, err := d.metric(queries)
			asked = max(asked, n)
			return err
		})
		if err != nil {
			return err
		}
		for _, c := range []struct {
			body  string
			until string
			to    *[]float64
		}{{"id: 1\n\n", "id: ", &theirRest}, {string(sample), readyEvent, &theirs}} {
			d, addr, err := m.answers(c.body)
			if err != nil {
				return err
			}
			cpu, _, err := m.cpuPerVisitor(d, n, visitors{addr: addr, path: at("/"), until: c.until})
			if err := errors.Join(err, d.stop()); err != nil {
				return err
			}
			*c.to = append(*c.to, cpu)
		}
		m.logf("round %d: %d visitors at once, %.1f kB each: %.1f µs of CPU (%.1f without rows); bare loop %.1f (%.1f); %.0f queries", round+1, n,
			float64(len(sample))/1e3, ours[round], ourRest[round], theirs[round], theirRest[round], asked)
	}
	g.add(fmt.Sprintf("%d visitors at once of %d rows: queries", n, topRows), fmt.Sprint(asked), "1")
	g.add("CPU per visitor, µs: rowcast / without rows", figure(median(ours))+" / "+figure(median(ourRest)), "")
	g.add("the same of a bare loop that answers with these bytes", figure(median(theirs))+" / "+figure(median(theirRest)), "")
	g.add("CPU per visitor, rowcast / bare loop", ratio(median(ours), median(theirs)), "≤ 1.3")
	g.add("the same of the rows alone", ratio(median(ours)-median(ourRest), median(theirs)-median(theirRest)), "")
	return nil
}

// cpuPerVisitor is in microseconds; sample is what one of the visitors got.
func (m *rowsBench) cpuPerVisitor(d daemon, n int, v visitors) (cpu float64, sample []byte, err error) {
	before, err := cpuOf([]int{d.PID()})
	if err != nil {
		return 0, nil, err
	}
	came, err := v.come(m.ctx, n)
	if err != nil {
		return 0, nil, err
	}
	defer came.leave()
	after, err := cpuOf([]int{d.PID()})
	return (after - before) / float64(n) * 1e6, came.sample, err
}

// answers starts the bare loop that answers each request with a body.
func (m *rowsBench) answers(body string) (d daemon, addr string, err error) {
	self, err := os.Executable()
	if err != nil {
		return d, "", err
	}
	if addr, err = program.FreeAddr(); err != nil {
		return d, "", err
	}
	if d, err = startDaemon([]string{self, "child", "answers", addr}, strings.NewReader(body)); err != nil {
		return d, "", err
	}
	if err := d.ready(m.ctx, func() error { return listens(addr) }); err != nil {
		return d, "", errors.Join(err, d.stop())
	}
	return d, addr, nil
}

// rooms: each visitor has rows of its own, and one of the database's own clients writes.
// What visitors without rows do to it is what the machine is too small for.
func (m *rowsBench) rooms(g *grid) error {
	var none, without, with []float64
	asked := 0.0
	for round := range m.Rounds {
		err := m.serving(func(d served) error {
			beside := func(to *[]float64, n int, query, until string) error {
				took, err := m.write(func(ctx context.Context) error {
					list, err := visitors{addr: d.addr, path: func(i int) string { return fmt.Sprintf("/events/room?room=%d%s", i, query) }, until: until}.come(m.ctx, n)
					if err != nil {
						return err
					}
					<-ctx.Done()
					list.leave()
					return nil
				})
				if err == nil {
					*to = append(*to, took.quantile(0.99))
				}
				return err
			}
			if err := errors.Join(beside(&none, 0, "", readyEvent), beside(&without, m.Rooms, "&rows=0", "id: "), beside(&with, m.Rooms, "", readyEvent)); err != nil {
				return err
			}
			n, err := d.metric(queries)
			asked = max(asked, n)
			return err
		})
		if err != nil {
			return err
		}
		m.logf("round %d: a writer's p99 is %.2f ms alone, %.2f ms beside %d visitors without rows, %.2f ms with rows; %.0f queries", round+1,
			none[round], without[round], m.Rooms, with[round], asked)
	}
	g.add(fmt.Sprintf("%d visitors with a room each: queries", m.Rooms), fmt.Sprint(asked), fmt.Sprintf("≤ %d", m.Rooms))
	g.add("a writer's INSERT beside them / alone, p99", ratio(median(with), median(none)), "< 1.1")
	g.add("the same / beside visitors without rows", ratio(median(with), median(without)), "")
	return nil
}

// write has a client of the database insert rows, for as long as is configured, while f
// runs until its context ends. It returns how long the statements took.
func (m *rowsBench) write(f func(ctx context.Context) error) (*hist, error) {
	c, err := m.s.Conn()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	ctx, cancel := context.WithCancel(m.ctx)
	defer cancel()
	ended := make(chan error, 1) // what f returns, whenever it is asked for
	go func() { ended <- f(ctx) }()
	var took hist
	start := time.Now()
	for i := 0; time.Since(start) < m.Duration; i++ {
		time.Sleep(time.Until(start.Add(time.Duration(i) * time.Second / (4 * liveRate))))
		begun := time.Now()
		if err := insertFeed(c, int64(i+1)); err != nil {
			return nil, errors.Join(err, <-ended)
		}
		took.add(time.Since(begun).Nanoseconds())
	}
	cancel()
	return &took, <-ended
}

// whole: a large table to one client, beside the server's own client reading it.
func (m *rowsBench) whole(g *grid) error {
	var ours, theirs []float64
	peak := 0.0
	for round := range m.Rounds {
		err := m.serving(func(d served) error {
			begun := time.Now()
			one, err := visitors{addr: d.addr, path: at("/events/all"), until: readyEvent}.come(m.ctx, 1)
			if err != nil {
				return err
			}
			defer one.leave()
			ours = append(ours, time.Since(begun).Seconds())
			kB, err := peakOf(d.PID())
			peak = max(peak, kB)
			return err
		})
		if err != nil {
			return err
		}
		argv := append(m.s.Client(), "--quick", "-B", "-e", "SELECT * FROM bench.picks")
		cmd := exec.CommandContext(m.ctx, argv[0], argv[1:]...)
		cmd.Stdout = discard{} // which is not a file: exec makes a pipe
		begun := time.Now()
		if err := cmd.Run(); err != nil {
			return err
		}
		theirs = append(theirs, time.Since(begun).Seconds())
		m.logf("round %d: %d rows in %.2f s; by the server's own client in %.2f s; peak of %.0f MB", round+1, m.Rows, ours[round], theirs[round], peak/1024)
	}
	g.add(fmt.Sprintf("all of %s rows to one client, rows per s", figure(float64(m.Rows))), figure(float64(m.Rows)/median(ours)), "")
	g.add("the same / mysql --quick -B", ratio(median(theirs), median(ours)), "≥ 0.6")
	g.add("peak memory, MB", figure(peak/1024), "< 100")
	return nil
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// alone: one visitor after another, each with rows that nobody had before, and with rows
// that are held.
func (m *rowsBench) alone(g *grid) error {
	var plain, connect, fresh, held hist
	c, err := m.s.Conn()
	if err != nil {
		return err
	}
	defer c.Close()
	err = m.serving(func(d served) error {
		one := func(h *hist, path, until string) error {
			begun := time.Now()
			v, err := visitors{addr: d.addr, path: at(path), until: until}.come(m.ctx, 1)
			if err != nil {
				return err
			}
			h.add(time.Since(begun).Nanoseconds())
			v.leave()
			return nil
		}
		for i := range min(m.Samples, m.Rooms) {
			begun := time.Now()
			r, err := c.Execute(fmt.Sprintf("SELECT id, room, body FROM bench.rooms WHERE room = %d ORDER BY id DESC LIMIT %d", i, roomRows))
			if err != nil {
				return err
			}
			plain.add(time.Since(begun).Nanoseconds())
			if n := r.RowNumber(); n != roomRows {
				return fmt.Errorf("room %d has %d rows", i, n)
			}
			r.Close()
			path := fmt.Sprintf("/events/room?room=%d", i)
			if err := errors.Join(one(&connect, path+"&rows=0", "id: "), one(&fresh, path, readyEvent), one(&held, path, readyEvent)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	m.logf("p50: %d rows by SELECT %.3f ms, a connection without rows %.3f ms, ready %.3f ms, ready with held rows %.3f ms", roomRows,
		plain.quantile(0.5), connect.quantile(0.5), fresh.quantile(0.5), held.quantile(0.5))
	g.add(fmt.Sprintf("p50, ms: SELECT of %d rows / a connection without rows", roomRows), figure(plain.quantile(0.5))+" / "+figure(connect.quantile(0.5)), "")
	g.add("p50, ms, until ready: rows not held / held", figure(fresh.quantile(0.5))+" / "+figure(held.quantile(0.5)), "")
	g.add("not held, over the connection, / SELECT", ratio(fresh.quantile(0.5)-connect.quantile(0.5), plain.quantile(0.5)), "≤ 1.5")
	g.add("held, over the connection, ms", fmt.Sprintf("%.2f", held.quantile(0.5)-connect.quantile(0.5)), "< 1")
	return nil
}

// beside: live clients, while visitors come all the time.
func (m *rowsBench) beside(g *grid) error {
	f := fanout{bench: m.bench, s: m.s}
	start := func(busy bool) maker {
		return func() (*target, error) {
			t, err := m.rowcast(m.s, rowsTables, at("/events/feed"), insertFeed)
			if err != nil || !busy {
				return t, err
			}
			stop := m.keepComing(t.addr)
			end := t.stop
			t.stop = func() error { return errors.Join(stop(), end()) }
			return t, nil
		}
	}
	all, err := f.rounds("live beside visitors", []contender{{"alone", start(false)}, {"beside visitors", start(true)}},
		load{clients: liveCount, rate: liveRate, duration: m.Duration, settle: time.Second})
	if err != nil {
		return err
	}
	g.add("live rows beside visitors / alone, p99", ratio(all[1].median(p99), all[0].median(p99)), "≤ 1.2")
	return nil
}

// keepComing has visitors come, ten at a time and some hundred a second, until it is
// stopped.
func (m *rowsBench) keepComing(addr string) (stop func() error) {
	ctx, cancel := context.WithCancel(m.ctx)
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	wg.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			path := "/events/top"
			if i%2 == 1 {
				path = fmt.Sprintf("/events/room?room=%d", i%m.Rooms)
			}
			list, err := visitors{addr: addr, path: at(path), until: readyEvent}.come(ctx, 10)
			if err != nil {
				if ctx.Err() == nil {
					failed.Store(&err)
				}
				return
			}
			list.leave()
			time.Sleep(50 * time.Millisecond)
		}
	})
	return func() error {
		cancel()
		wg.Wait()
		if err := failed.Load(); err != nil {
			return fmt.Errorf("a visitor: %w", *err)
		}
		return nil
	}
}
