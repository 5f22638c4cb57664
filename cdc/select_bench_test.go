package cdc

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"rowcast/cdc/row"
	"rowcast/internal/throwaway"
)

// manyRows makes d.t with n rows of common types.
func manyRows(t testing.TB, f throwaway.Flavor, n int) *throwaway.Server {
	s := throwaway.Test(t, f, "--innodb-buffer-pool-size=256M")
	depth := "SET SESSION cte_max_recursion_depth = 100000000"
	if f == throwaway.MariaDB {
		depth = "SET SESSION max_recursive_iterations = 100000000"
	}
	mustExec(t, s, "CREATE DATABASE d", "CREATE TABLE d.t (id BIGINT PRIMARY KEY, name VARCHAR(40), price DECIMAL(10,2), at TIMESTAMP(3) NULL, kind ENUM('a','b','c'), n INT, f FLOAT, day DATE)", depth,
		fmt.Sprintf(`INSERT INTO d.t WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i+1 FROM n WHERE i < %d)
		SELECT i, CONCAT('player ', i), i / 100, '2026-11-21 01:02:03.456', 1 + i %% 3, i * 7, i / 3, '2026-11-21' FROM n`, n))
	return s
}

func everyColumn(shape **row.Shape, order string, limit int) func(t *Table) (SelectPlan, error) {
	return func(t *Table) (_ SelectPlan, err error) {
		if *shape == nil || (*shape).Table() != t {
			if *shape, err = row.NewShape(t, []int{0, 1, 2, 3, 4, 5, 6, 7}); err != nil {
				return SelectPlan{}, err
			}
		}
		return SelectPlan{Shape: *shape, Order: order, Limit: limit}, nil
	}
}

// BenchmarkSelect50 compares a Select of 50 rows with the SELECT alone, on a connection
// that is open.
func BenchmarkSelect50(b *testing.B) {
	for _, f := range throwaway.Flavors {
		s := manyRows(b, f, 10_000)
		src := source(b, s)
		defer src.Close()
		stop := following50(b, src)
		defer stop()
		low, err := src.Now(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		var shape *row.Shape
		rows := 0
		sel := Selection{Schema: "d", Table: "t", Low: low, Plan: everyColumn(&shape, "id DESC", 50), Row: func([]byte) error { rows++; return nil }}
		if _, err := src.Select(b.Context(), sel); err != nil {
			b.Fatal(err)
		}
		b.Run(string(f)+"/plain", func(b *testing.B) {
			c, err := src.connect(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			defer quit(c)
			sql := "SELECT " + shape.SelectList() + " FROM d.t ORDER BY id DESC LIMIT 50"
			b.ReportAllocs()
			for b.Loop() {
				r, err := c.Execute(sql)
				if err != nil || r.RowNumber() != 50 {
					b.Fatal(err)
				}
				r.Close()
			}
		})
		for _, asked := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/select/asked=%v", f, asked), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if asked { // as if something had been committed since the last one
						src.reads.mu.Lock()
						src.reads.visible = Position{}
						src.reads.mu.Unlock()
					}
					rows = 0
					if _, err := src.Select(b.Context(), sel); err != nil || rows != 50 {
						b.Fatal(rows, err)
					}
				}
			})
		}
	}
}

func following50(b *testing.B, src *Source) (stop func()) {
	ctx, cancel := context.WithCancel(b.Context())
	rec := newRecorder()
	done := make(chan struct{})
	go func() { defer close(done); src.Read(ctx, Position{}, rec) }()
	poll(b, "the reading", func() bool { rec.mu.Lock(); defer rec.mu.Unlock(); return rec.groups > 0 })
	return func() { cancel(); <-done }
}

// BenchmarkSelectMillion reads a million rows.
func BenchmarkSelectMillion(b *testing.B) {
	for _, f := range throwaway.Flavors {
		s := manyRows(b, f, 1_000_000)
		src := source(b, s)
		defer src.Close()
		b.Run(string(f), func(b *testing.B) {
			var shape *row.Shape
			b.ReportAllocs()
			for b.Loop() {
				rows := 0
				sel := Selection{Schema: "d", Table: "t", Plan: everyColumn(&shape, "", 0), Row: func([]byte) error { rows++; return nil }}
				if _, err := src.Select(b.Context(), sel); err != nil || rows != 1_000_000 {
					b.Fatal(rows, err)
				}
			}
		})
	}
}

// TestSelectAllocates: neither allocations nor memory grow with the rows.
func TestSelectAllocates(t *testing.T) {
	for _, f := range throwaway.Flavors { // one after the other: what is measured is the process
		t.Run(string(f), func(t *testing.T) {
			const n = 100_000
			src := source(t, manyRows(t, f, n))
			t.Cleanup(src.Close)
			var shape *row.Shape
			var before, at runtime.MemStats
			rows, top := 0, uint64(0)
			sel := Selection{Schema: "d", Table: "t", Plan: everyColumn(&shape, "", 0), Row: func([]byte) error {
				if rows++; rows%(n/4) == 0 {
					runtime.GC()
					runtime.ReadMemStats(&at)
					top = max(top, at.HeapAlloc)
				}
				return nil
			}}
			runtime.GC()
			runtime.ReadMemStats(&before)
			if _, err := src.Select(t.Context(), sel); err != nil || rows != n {
				t.Fatal(rows, err)
			}
			if grown := int64(top) - int64(before.HeapAlloc); grown > 4<<20 {
				t.Errorf("the heap grew by %d bytes", grown)
			}
			if allocs := at.Mallocs - before.Mallocs; allocs > n/10 {
				t.Errorf("%d allocations for %d rows", allocs, n)
			}
		})
	}
}
