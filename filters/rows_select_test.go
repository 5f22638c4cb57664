package filters

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rowcast/cdc"
	"rowcast/cdc/row"
	"rowcast/internal/throwaway"
)

// TestRowsSelect: rows that are SELECTed for a plan are those that it matches, in its
// order, whatever the server's defaults are.
func TestRowsSelect(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := throwaway.Test(t, f, "--max-sort-length=64", "--div-precision-increment=9", "--default-week-format=3", "--lc-time-names=de_DE", "--sql-mode=ANSI,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,HIGH_NOT_PRECEDENCE",
			"--character-set-server=latin1", "--collation-server=latin1_german2_ci", "--default-time-zone=+05:00")
		must(t, s.Exec("SET NAMES utf8mb4", "SET sql_auto_is_null = 1", "CREATE DATABASE selected", "SET time_zone = '+00:00'",
			"CREATE TABLE selected.t (id INT AUTO_INCREMENT PRIMARY KEY, n INT, at TIMESTAMP(3) NULL, dt DATE, long_name VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci, doc TEXT CHARACTER SET utf8mb4, js JSON)"))
		var insert []string
		for i := range 60 {
			n := (i * 37) % 60
			insert = append(insert, fmt.Sprintf("INSERT INTO selected.t VALUES (NULL, %d, '2026-11-%02d %02d:13:15.817', '2026-11-%02d', '%s%02d', '%s%02d', '{\"a\": %d}')", n, 1+n%28, n%24, 1+n%28, strings.Repeat("x", 600), n, strings.Repeat("y", 200), n, n%3))
		}
		wheres := []string{"", "n / 3 = 2.3333", "WEEK(dt) = 46", "MONTHNAME(dt) = 'November' AND n < 9", "at >= '2026-11-21' AND at < '2026-11-25'", "HOUR(at) = 20", "js->>'$.a' = '1'", "NOT n BETWEEN 5 AND 55", "long_name LIKE '%x\\_%' OR long_name LIKE '%07'",
			"CONCAT(n, 'x') = '7X'", "id IS NULL", "'a' = 'A' AND n = 1", "n = '7' OR n = '8'"}
		var tables []Table
		for i, where := range wheres {
			if where == "js->>'$.a' = '1'" {
				where = "JSON_UNQUOTE(JSON_EXTRACT(js, '$.a')) = '1'"
			}
			tables = append(tables, Table{Name: "selected.t", As: fmt.Sprint(i), Where: where, Rows: RowsConfig{All: true}, Order: []string{"long_name", "doc DESC", "at, n", ""}[i%4]})
		}
		set := compile(t, Options{}, tables...)
		want := make([][]placed, len(tables))
		changes(t, s, "selected", func() { must(t, s.Exec(insert...)) }, func(c *cdc.Change) {
			for i := range tables {
				p, err := set.PlanRows(i, c.Table, nil, false)
				must(t, err)
				if ok, err := p.Match(c.After); err != nil || !ok {
					must(t, err)
					continue
				}
				place, err := p.AppendPlace(nil, c.After)
				must(t, err)
				must(t, p.Render(c.After, func(_ string, data []byte) error {
					want[i] = append(want[i], placed{string(data), place})
					return nil
				}))
			}
		})
		src := source(t, s)
		t.Cleanup(src.Close)
		for i := range tables {
			var plan *RowsPlan
			var shape *row.Shape
			var got []string
			_, err := src.Select(t.Context(), cdc.Selection{Schema: "selected", Table: "t", Low: now(t, src), Plan: func(table *cdc.Table) (_ cdc.SelectPlan, err error) {
				if plan, err = set.PlanRows(i, table, nil, false); err != nil {
					return cdc.SelectPlan{}, err
				}
				shape, err = row.NewShape(table, plan.Columns())
				return cdc.SelectPlan{Shape: shape, Where: plan.Where(), Order: plan.OrderBy()}, err
			}, Row: func(record []byte) error {
				var im cdc.Image
				if err := shape.Read(&im, record); err != nil {
					return err
				}
				return plan.Render(&im, func(_ string, data []byte) error { got = append(got, string(data)); return nil })
			}})
			must(t, err)
			if want := sorted(plan, want[i]); !slices.Equal(got, want) {
				t.Errorf("%s, %s: got %d rows, want %d\n%.300v\n%.300v", plan.Where(), plan.OrderBy(), len(got), len(want), got, want)
			}
		}
	})
}
