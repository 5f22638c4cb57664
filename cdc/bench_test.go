package cdc

import (
	"encoding/binary"
	"syscall"
	"testing"

	"github.com/go-mysql-org/go-mysql/replication"

	"rowcast/internal/throwaway"
)

// benchEvents are 20,000 rows of six common types, as MySQL logs them.
func benchEvents(b *testing.B) []rawEvent {
	b.Helper()
	s := throwaway.Test(b, throwaway.MySQL)
	mustExec(b, s, "CREATE DATABASE d", "SET GLOBAL binlog_row_metadata=FULL", "SET SESSION cte_max_recursion_depth=1000000",
		"CREATE TABLE d.t (id BIGINT PRIMARY KEY, team VARCHAR(40), player VARCHAR(255), round INT, price DECIMAL(10,2), at TIMESTAMP(3) NOT NULL)",
		"FLUSH BINARY LOGS",
		`INSERT INTO d.t WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i+1 FROM n WHERE i < 20000)
		 SELECT i*1000003, CONCAT('team ', i % 32), CONCAT('player number ', i, ' of the draft'), i % 7, i / 7, FROM_UNIXTIME(1700000000 + i * 1.337) FROM n`)
	return readBinlogFile(b, s.DataDir()+"/binlog.000002")
}

// BenchmarkDecode is rows events to JSON values, all six columns of each row.
func BenchmarkDecode(b *testing.B) {
	events := benchEvents(b)
	b.Run("rowcast", func(b *testing.B) { benchRowcast(b, events, true) })
	b.Run("rowcast-walk", func(b *testing.B) { benchRowcast(b, events, false) })
	b.Run("go-mysql", func(b *testing.B) { benchGoMySQL(b, events) })
}

func benchRowcast(b *testing.B, events []rawEvent, render bool) {
	b.ReportAllocs()
	d := benchDecoder{render: render}
	cpu := cpuSeconds(b)
	for b.Loop() {
		if err := d.run(events); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(d.rows)/(cpuSeconds(b)-cpu), "rows/cpu-s")
	b.ReportMetric(float64(d.bytes)/float64(d.rows), "B/row")
}

// benchDecoder keeps what the reader keeps from event to event.
type benchDecoder struct {
	render        bool
	table         *Table
	before, after Image
	z             inflater
	out           []byte
	rows, bytes   int
}

func (d *benchDecoder) run(events []rawEvent) error {
	for _, e := range events {
		switch {
		case isTableMap(e.typ) && d.table == nil: // kept as long as the event is the same
			tm, err := parseTableMap(e.body, MySQL)
			if err != nil {
				return err
			}
			if d.table, err = tm.table(nil); err != nil {
				return err
			}
		case isRows(e.typ):
			if err := d.event(e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *benchDecoder) event(e rawEvent) error {
	r, err := parseRows(e.typ, e.body)
	if err == nil {
		err = r.bind(d.table, &d.z)
	}
	if err != nil {
		return err
	}
	f := &Format{}
	for {
		ok, err := r.next(&d.before, &d.after)
		if err != nil || !ok {
			return err
		}
		d.rows++
		if !d.render {
			continue
		}
		d.out = d.out[:0]
		for i := range d.table.Columns {
			if d.out, err = d.after.AppendJSON(d.out, i, f); err != nil {
				return err
			}
		}
		d.bytes += len(d.out)
	}
}

// benchGoMySQL is go-mysql's own decoding of the same events to Go values, and no JSON.
func benchGoMySQL(b *testing.B, events []rawEvent) {
	b.ReportAllocs()
	rows := 0
	cpu := cpuSeconds(b)
	var whole [][]byte
	for _, e := range events {
		if isTableMap(e.typ) || isRows(e.typ) || e.typ == byte(replication.FORMAT_DESCRIPTION_EVENT) {
			whole = append(whole, wholeEvent(e))
		}
	}
	for b.Loop() {
		n, err := goMySQLRows(whole)
		if err != nil {
			b.Fatal(err)
		}
		rows += n
	}
	b.ReportMetric(float64(rows)/(cpuSeconds(b)-cpu), "rows/cpu-s")
}

func goMySQLRows(events [][]byte) (rows int, err error) {
	p := replication.NewBinlogParser()
	p.SetFlavor("mysql")
	for _, e := range events {
		ev, err := p.Parse(e)
		if err != nil {
			return rows, err
		}
		if r, ok := ev.Event.(*replication.RowsEvent); ok {
			rows += len(r.Rows)
		}
	}
	return rows, nil
}

// cpuSeconds is what this process has used: a busy machine changes it less than the wall clock.
func cpuSeconds(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

// wholeEvent puts a header before the body again, and room for a checksum after it.
func wholeEvent(e rawEvent) []byte {
	h := make([]byte, 19, 19+len(e.body)+4)
	h[4] = e.typ
	binary.LittleEndian.PutUint32(h[9:], uint32(cap(h)))
	return append(append(h, e.body...), 0, 0, 0, 0)
}
