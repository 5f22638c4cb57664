//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"rowcast/internal/throwaway"
)

type decodeCmd struct {
	Rows        int `default:"1000000" help:"Rows to decode."`
	Transaction int `default:"10000" help:"Rows of one transaction."`
}

const decodeTables = `
[[table]]
name = "bench.picks"
as = "picks"
[[table]]
name = "bench.other"
as = "other"
`

// binlogSpan is what every contender reads.
type binlogSpan struct {
	Addr, User, Password, Flavor string
	File                         string
	Start, End                   uint32
	Rows                         int
	Profile                      string // file for a CPU profile of rowcast; "": none
}

func (d *decodeCmd) Run(b *bench) (err error) {
	s, err := b.database("--max-binlog-size=1G")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	b.logf("decode: %d rows", d.Rows)
	span, err := d.fill(s)
	if err != nil {
		return err
	}
	conf, err := b.config(s, "127.0.0.1:0", "", decodeTables)
	if err != nil {
		return err
	}
	if b.Profile != "" {
		span.Profile = filepath.Join(b.Profile, "decode.pprof")
	}
	run := decoding{b: b, s: s, span: span, conf: conf}
	contenders := []struct {
		name string
		run  func() (cost, error)
	}{
		{"rowcast, to SSE frames", func() (cost, error) { return run.tail("picks") }},
		{"go-mysql, to Go values", func() (cost, error) { return run.child("go-mysql") }},
		{"rowcast, table unwanted", func() (cost, error) { return run.tail("other") }},
		{"go-mysql, raw mode", func() (cost, error) { return run.child("go-mysql-raw") }},
		{"mysqlbinlog --raw", run.mysqlbinlog},
	}
	costs := make([]costs, len(contenders))
	for round := range b.Rounds {
		for i, c := range contenders {
			cost, err := c.run()
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			b.logf("round %d: %-24s %.2f s, %.2f CPU s", round+1, c.name, cost.wall, cost.cpu)
			costs[i].add(cost)
		}
	}
	last, err := run.child("rowcast")
	if err != nil {
		return err
	}
	b.logf("allocations: %.4f a row, %.2f s, %.2f CPU s", last.allocs, last.wall, last.cpu)
	fmt.Fprintf(b.out, "**Decoding**: %s rows of (bigint, varchar, varchar(255), int, decimal, timestamp(3)), %d MB of binlog, %d rows a transaction, %s %s.\n\n",
		figure(float64(d.Rows)), (span.End-span.Start)>>20, d.Transaction, s.Flavor(), s.Version())
	g := grid{head: []string{"", "wall s", "CPU s", "rows per CPU s"}}
	for i, c := range contenders {
		wall, cpu := median(costs[i].wall), median(costs[i].cpu)
		perCPU := "–"
		if cpu > 0 {
			perCPU = figure(float64(d.Rows) / cpu)
		}
		g.add(c.name, figure(wall), figure(cpu), perCPU)
	}
	g.print(b.out)
	r := grid{head: []string{"", "measured", "aim"}}
	r.add("rows per CPU second, rowcast / go-mysql", ratio(median(costs[1].cpu), median(costs[0].cpu)), "≥ 2")
	r.add("the same, table unwanted / raw mode", ratio(median(costs[3].cpu), median(costs[2].cpu)), "≥ 0.8")
	r.add("wall time, rowcast / mysqlbinlog --raw", ratio(median(costs[0].wall), median(costs[4].wall)), "≤ 3")
	r.add("allocations per row", fmt.Sprintf("%.4f", last.allocs), "0")
	r.print(b.out)
	return nil
}

// fill makes the rows, and the binlog of them in a file of its own.
func (d *decodeCmd) fill(s *throwaway.Server) (binlogSpan, error) {
	span := binlogSpan{Addr: s.Addr(), User: s.User(), Password: s.Password(), Flavor: string(s.Flavor()), Rows: d.Rows}
	status, recursion := "SHOW MASTER STATUS", "SET SESSION max_recursive_iterations = 100000000"
	if s.Flavor() == throwaway.MySQL {
		status, recursion = "SHOW BINARY LOG STATUS", "SET SESSION cte_max_recursion_depth = 100000000"
	}
	sql := []string{
		"CREATE DATABASE bench CHARACTER SET utf8mb4",
		`CREATE TABLE bench.picks (id BIGINT PRIMARY KEY, team VARCHAR(40), player VARCHAR(255), round INT,
			price DECIMAL(10,2), at TIMESTAMP(3) NOT NULL)`,
		"CREATE TABLE bench.other (id INT PRIMARY KEY)",
		"SET SESSION time_zone = '+00:00'",
		"FLUSH BINARY LOGS",
		recursion,
	}
	if err := s.Exec(sql...); err != nil {
		return span, err
	}
	at, err := s.Query(status)
	if err != nil {
		return span, err
	}
	span.File = at[0][0]
	if span.Start, err = offset(at[0][1]); err != nil {
		return span, err
	}
	for done := 0; done < d.Rows; done += d.Transaction {
		n := min(d.Transaction, d.Rows-done)
		err := s.Exec(fmt.Sprintf(`INSERT INTO bench.picks WITH RECURSIVE n AS (SELECT %d AS i UNION ALL SELECT i+1 FROM n WHERE i < %d)
			SELECT i*1000003, CONCAT('team ', i %% 32), CONCAT('player number ', i, ' of the draft, who plays on the left'), i %% 7, i / 7,
			FROM_UNIXTIME(1700000000 + i * 1.337) FROM n`, done+1, done+n))
		if err != nil {
			return span, err
		}
	}
	if at, err = s.Query(status); err != nil {
		return span, err
	}
	if at[0][0] != span.File {
		return span, fmt.Errorf("the rows do not fit into one binlog file; give --rows less than %d", d.Rows)
	}
	span.End, err = offset(at[0][1])
	return span, err
}

func offset(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	return uint32(n), err
}

// cost of one reading: seconds, and allocations per row where they are counted.
type cost struct{ wall, cpu, allocs float64 }

type costs struct{ wall, cpu []float64 }

func (c *costs) add(one cost) {
	c.wall, c.cpu = append(c.wall, one.wall), append(c.cpu, one.cpu)
}

type decoding struct {
	b    *bench
	s    *throwaway.Server
	span binlogSpan
	conf string
}

// tail is rowcast as its users run it: the program's start is in the cost.
func (d decoding) tail(stream string) (cost, error) {
	return d.program(nil, d.b.Rowcast, "tail", "--config", d.conf, "--after", fmt.Sprintf("%s/%d", d.span.File, d.span.Start), "--until", "now", stream)
}

// child runs a contender that is part of this program.
func (d decoding) child(kind string) (cost, error) {
	self, err := os.Executable()
	if err != nil {
		return cost{}, err
	}
	span, err := json.Marshal(d.span)
	if err != nil {
		return cost{}, err
	}
	var out bytes.Buffer
	c, err := d.program(&out, self, "child", kind, string(span))
	if err == nil && kind == "rowcast" {
		c.allocs, err = strconv.ParseFloat(out.String(), 64)
	}
	return c, err
}

func (d decoding) program(out *bytes.Buffer, argv ...string) (cost, error) {
	cmd := exec.CommandContext(d.b.ctx, argv[0], argv[1:]...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if out != nil {
		cmd.Stdout = out
	} // else /dev/null
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return cost{}, fmt.Errorf("%w: %s", err, bytes.TrimSpace(errs.Bytes()))
	}
	used := cmd.ProcessState
	return cost{wall: time.Since(start).Seconds(), cpu: (used.UserTime() + used.SystemTime()).Seconds()}, nil
}

// mysqlbinlog copies the file over the network; its CPU time is not counted.
func (d decoding) mysqlbinlog() (cost, error) {
	dir, err := os.MkdirTemp(d.b.dir, "raw-")
	if err != nil {
		return cost{}, err
	}
	defer os.RemoveAll(dir)
	start := time.Now()
	_, err = d.s.Binlog(d.b.ctx, "--raw", "--read-from-remote-server", "--host=127.0.0.1", "--port="+strconv.Itoa(d.s.Port()),
		"--user="+d.span.User, "--password="+d.span.Password, "--result-file="+dir+string(filepath.Separator), d.span.File)
	return cost{wall: time.Since(start).Seconds()}, err
}
