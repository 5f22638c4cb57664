package cdc

import (
	"regexp"
	"strconv"
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
