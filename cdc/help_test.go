package cdc

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"rowcast/internal/throwaway"
)

func nowSeconds() int64 { return time.Now().Unix() }

// poll waits for a condition that nothing announces.
func poll(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(60 * time.Second); !ok(); <-tick.C {
		if time.Now().After(limit) {
			t.Fatalf("waited a minute for %s", what)
		}
	}
}

var atLine = regexp.MustCompile(`(?m)^# at (\d+)$`)

// offsets lists where the server's own tool sees events begin.
func offsets(t *testing.T, s *throwaway.Server, file string) (list []uint32) {
	t.Helper()
	out, err := s.Binlog(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range atLine.FindAllSubmatch(out, -1) {
		n, err := strconv.ParseUint(string(m[1]), 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, uint32(n))
	}
	return list
}

var (
	groupLine = regexp.MustCompile(`end_log_pos \d+ .*\t(GTID|Anonymous_GTID)\b`)
	mapLine   = regexp.MustCompile("Table_map: `[^`]*`.`([^`]*)` mapped to number (\\d+)")
	rowsLine  = regexp.MustCompile(`\t(Write|Update|Delete)_rows: table id (\d+)`)
)

// listed is the table of each rows event that the server's own tool shows, by
// the offset of its group and its number in it.
func listed(t *testing.T, s *throwaway.Server, file string) map[string]string {
	t.Helper()
	out, err := s.Binlog(t.Context(), "-vv", "--base64-output=DECODE-ROWS", file)
	if err != nil {
		t.Fatal(err)
	}
	list, tables := map[string]string{}, map[string]string{}
	at, group, event := "", "", 0
	for _, line := range strings.Split(string(out), "\n") {
		if m := atLine.FindStringSubmatch(line); m != nil {
			at = m[1]
		} else if groupLine.MatchString(line) {
			group, event = at, 0
		} else if m := mapLine.FindStringSubmatch(line); m != nil {
			tables[m[2]] = m[1]
		} else if m := rowsLine.FindStringSubmatch(line); m != nil {
			list[fmt.Sprintf("%s/%d", group, event)] = tables[m[2]]
			event++
		}
	}
	return list
}
