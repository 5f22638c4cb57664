package cdc

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"rowcast/internal/throwaway"
)

// TestRandomNumbers stores thousands of random numbers and compares every digit
// with what the server prints: doubles in columns and in documents, and decimals.
func TestRandomNumbers(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := throwaway.Test(t, f, "--binlog-row-metadata=FULL")
		rng := rand.New(rand.NewPCG(1, 2))
		mustExec(t, s, "CREATE DATABASE d", "CREATE TABLE d.t (id INT AUTO_INCREMENT PRIMARY KEY, v DOUBLE, j JSON, a DECIMAL(65,30), b DECIMAL(20,3), c DECIMAL(31,30))")
		var values []string
		for i := range 4000 {
			v := math.Float64frombits(rng.Uint64())
			if i%2 == 0 { // of all magnitudes, but also those that people use
				v = (rng.Float64() - 0.5) * math.Pow10(rng.IntN(40)-20)
			}
			if math.IsNaN(v) || math.IsInf(v, 0) {
				v = 0.5
			}
			values = append(values, fmt.Sprintf("(%.17e, JSON_ARRAY(%.17e), %s, %s, %s)", v, v, randomDecimal(rng, 35, 30), randomDecimal(rng, 17, 3), randomDecimal(rng, 1, 30)))
		}
		for len(values) > 0 {
			n := min(500, len(values))
			mustExec(t, s, "INSERT INTO d.t (v, j, a, b, c) VALUES "+strings.Join(values[:n], ","))
			values = values[n:]
		}
		said := mustQuery(t, s, "SELECT v, j, a, b, c FROM d.t ORDER BY id")
		rows := logged(t, s, "d", definer(t, s, "d"))
		if len(rows) != len(said) {
			t.Fatalf("%d rows of %d", len(rows), len(said))
		}
		wrong := map[int]int{}
		for r, row := range rows {
			for i := range said[r] {
				got, err := row.after.AppendText(nil, i+1)
				if err != nil || string(got) != said[r][i] {
					if wrong[i]++; wrong[i] < 5 {
						t.Errorf("column %d: %s (%v), the server says %s", i, got, err, said[r][i])
					}
				}
			}
		}
		for i, n := range wrong {
			t.Errorf("column %d: %d of %d wrong", i, n, len(rows))
		}
	})
}

func randomDecimal(rng *rand.Rand, whole, part int) string {
	digits := func(n int) string {
		var b strings.Builder
		for range rng.IntN(n + 1) {
			b.WriteByte(byte('0' + rng.IntN(10)))
		}
		return b.String()
	}
	sign := ""
	if rng.IntN(2) == 0 {
		sign = "-"
	}
	return sign + "0" + digits(whole) + ".0" + digits(part-1)
}
