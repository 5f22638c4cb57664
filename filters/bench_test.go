package filters

import (
	"fmt"
	"testing"

	"rowcast/cdc"
	"rowcast/internal/throwaway"
)

// during runs f in the Handler of a reading, where images are valid: on one
// update of a table like those of the examples.
func during(b testing.TB, f func(c *cdc.Change)) {
	s := servers.get(b, throwaway.MariaDB)
	must(b, s.Exec("DROP DATABASE IF EXISTS bench", "CREATE DATABASE bench", `CREATE TABLE bench.picks (id BIGINT PRIMARY KEY, room_id INT, round INT, team VARCHAR(40) CHARACTER SET utf8mb4, player VARCHAR(80) CHARACTER SET utf8mb4,
		status VARCHAR(20) CHARACTER SET utf8mb4, salary DECIMAL(10,2), created DATETIME(3), updated TIMESTAMP(3) NULL)`,
		"INSERT INTO bench.picks VALUES (42, 7, 3, 'Edmonton Oilers', 'Connor McDavid', 'public', 12500000.50, '2026-11-21 01:13:15.817', '2026-11-21 01:13:15.817')"))
	changes(b, s, "bench", func() { must(b, s.Exec("UPDATE bench.picks SET salary = salary + 1")) }, f)
	must(b, s.Exec("DROP DATABASE bench"))
}

var nowhere Emit = func(int, cdc.Op, string, []byte, []byte, any, error) {}

func benchmarkRender(b *testing.B, table Table) {
	table.Name, table.On = "bench.picks", []string{"insert", "update", "delete"}
	set := compile(b, Options{MaskKey: "k"}, table)
	during(b, func(c *cdc.Change) {
		set.Render(c, func(_ int, _ cdc.Op, _ string, _, _ []byte, _ any, err error) { must(b, err) })
		b.ReportAllocs()
		for b.Loop() {
			set.Render(c, nowhere)
		}
	})
}

func BenchmarkRender(b *testing.B) { benchmarkRender(b, Table{}) }
func BenchmarkRenderColumns(b *testing.B) {
	benchmarkRender(b, Table{Columns: []string{"id", "team", "player"}})
}
func BenchmarkRenderMask(b *testing.B) {
	benchmarkRender(b, Table{Mask: map[string]string{"player": "sha256"}})
}

// The predicates match nothing, so that they are all that is measured.
func BenchmarkWhere(b *testing.B) {
	for _, w := range []string{"status = 'draft'", "room_id = 8", "status = 'draft' OR round > 5", "team LIKE 'calgary%'", "created < '2026-01-01'",
		"salary > 99999999", "LOWER(team) = 'calgary flames'", "team REGEXP '^Cal'", "YEAR(created) = 2025"} {
		b.Run(w, func(b *testing.B) { benchmarkRender(b, Table{Where: w}) })
	}
}

// BenchmarkBindings is the cost of one change, the look-up included, by how many
// rooms are watched.
func BenchmarkBindings(b *testing.B) {
	for _, n := range []int{1, 100, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			set := compile(b, Options{}, Table{Name: "bench.picks", Where: "room_id = :room AND status = 'public'", Params: map[string]string{"room": ""}})
			during(b, func(c *cdc.Change) {
				set.Render(c, nowhere)
				byKey := map[string][]*Binding{}
				for i := range n {
					bd := bind(b, set, "room", fmt.Sprint(i+7))
					byKey[bd.Key()] = append(byKey[bd.Key()], bd)
				}
				delivered := 0
				b.ReportAllocs()
				for b.Loop() {
					delivered = 0
					set.Render(c, func(_ int, _ cdc.Op, _ string, _, key []byte, tag any, err error) {
						for _, bd := range byKey[string(key)] {
							if ok, err := bd.Match(tag); err != nil {
								b.Fatal(err)
							} else if ok {
								delivered++
							}
						}
					})
				}
				if delivered != 1 {
					b.Fatalf("%d bindings were served, not 1", delivered)
				}
			})
		})
	}
}

// BenchmarkResidual is the cost for each distinct binding where no look-up decides.
func BenchmarkResidual(b *testing.B) {
	set := compile(b, Options{}, Table{Name: "bench.picks", Where: "round >= :round", Params: map[string]string{"round": "0"}})
	during(b, func(c *cdc.Change) {
		set.Render(c, nowhere)
		bd := bind(b, set, "round", "2")
		b.ReportAllocs()
		for b.Loop() {
			set.Render(c, func(_ int, op cdc.Op, _ string, _, _ []byte, tag any, _ error) {
				if ok, err := bd.Match(tag); err != nil || ok != (op == cdc.Update) {
					b.Fatal("wrong")
				}
			})
		}
	})
}

// TestRenderAllocates: nothing, once its buffers have grown.
func TestRenderAllocates(t *testing.T) {
	for name, table := range map[string]Table{
		"all":    {},
		"before": {Before: true, Event: "{op}"},
		"mask":   {Mask: map[string]string{"player": "sha256", "team": "redact"}},
		"where":  {Where: "status = 'PUBLIC' AND round IN (1, 3) AND team LIKE '%oil%' AND created > '2026-01-01' AND updated IS NOT NULL"},
		"row":    {Data: "row"},
	} {
		table.Name = "bench.picks"
		set := compile(t, Options{MaskKey: "k"}, table)
		during(t, func(c *cdc.Change) {
			sent := 0
			emit := func(_ int, _ cdc.Op, _ string, _, _ []byte, _ any, err error) {
				must(t, err)
				sent++
			}
			if n := testing.AllocsPerRun(200, func() { set.Render(c, emit) }); n >= 1 && !raced || sent == 0 {
				t.Errorf("%s: %v allocations for each change, %d sent", name, n, sent)
			}
		})
	}
}
