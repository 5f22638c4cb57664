package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"rowcast/cdc"
	"rowcast/internal/throwaway"
)

// A transaction of a million rows: everybody gets it whole and in order, live
// and by a replay, and memory is bounded by history rather than by it.
func TestMillionRowsExact(t *testing.T) {
	bin := build(t)
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		const rows = 1_000_000
		s := draft(t, f, "--binlog-row-metadata=FULL")
		p := spawnProgram(t, bin, configFor(s, twoStreams+"\n[stream]\nhistory = \"32MiB\"\n"))
		start := subscribe(t, p.url+"/events/picks", "").begun(t)
		id := start.lastID()
		start.close()
		results := make(chan error, 2) // one of each client
		for range 2 {
			resp := openStream(t, p.url+"/events/picks", id)
			go func() { results <- countRows(resp, rows) }()
		}
		digits := "(SELECT 0 n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)"
		exec(t, s, "INSERT INTO draft.picks (round, team, player) SELECT a.n, 'Oilers', CONCAT('player ', a.n, b.n, c.n, d.n, e.n, g.n) FROM "+
			strings.Join([]string{digits + " a", digits + " b", digits + " c", digits + " d", digits + " e", digits + " g"}, ", "))
		for range 2 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		// From the binlog: all of it, and from its middle on, far after what a lane can hold.
		for _, n := range []int{rows, rows / 2, rows / 2} {
			last, err := readRows(openStream(t, p.url+"/events/picks", id), n)
			if err != nil {
				t.Errorf("from the binlog, after %s: %v", id, err)
			}
			if n < rows {
				id = last
			}
		}
		peak := peakMemory(t, p.PID())
		t.Logf("peak memory %d MiB", peak>>20)
		if peak > maxPeak {
			t.Errorf("peak memory of %d MiB for %d rows; at most %d", peak>>20, rows, maxPeak>>20)
		}
	})
}

// maxPeak is half again what was measured: history, a lane's window, what is held
// of a group, and the same again as garbage.
const maxPeak = 512 << 20

func openStream(t testing.TB, url, lastID string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Last-Event-ID", lastID)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// countRows is readRows without the last id.
func countRows(resp *http.Response, n int) error {
	_, err := readRows(resp, n)
	return err
}

// readRows reads inserts until there were n, and wants each after the last, of
// which it returns the id.
func readRows(resp *http.Response, n int) (id string, _ error) {
	var last cdc.Position
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for got := 0; got < n; {
		if !lines.Scan() {
			return id, fmt.Errorf("ended after %d of %d rows, at %s: %v", got, n, last, lines.Err())
		}
		line := lines.Bytes()
		if v, ok := bytes.CutPrefix(line, []byte("id: ")); ok {
			id = string(v)
		}
		if bytes.HasPrefix(line, []byte("event: reset")) {
			return id, fmt.Errorf("a reset after %d of %d rows, at %s", got, n, last)
		}
		if !bytes.HasPrefix(line, []byte("data: ")) {
			continue
		}
		p, err := cdc.ParsePosition(id)
		if err != nil {
			return id, err
		}
		if !last.IsZero() && p.Compare(last) <= 0 {
			return id, fmt.Errorf("%s came after %s", p, last)
		}
		last = p
		got++
	}
	return id, nil
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peakMemory is the most that a process ever had in memory, in bytes.
func peakMemory(t testing.TB, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	m := highWater.FindSubmatch(status)
	if m == nil {
		t.Fatal("no VmHWM")
	}
	kb, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}
