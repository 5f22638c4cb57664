//go:build linux

package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Vitess's logger starts this one with the program.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/golang/glog.(*fileSink).flushDaemon"))
}

// TestSmall runs each benchmark in a size that says nothing about speed. They
// check by themselves that every client got every row once.
func TestSmall(t *testing.T) {
	// Built once, and as other tests build it: `make build` compiles everything again.
	dir := t.TempDir() + string(filepath.Separator)
	if out, err := exec.Command("go", "build", "-o", dir, ".", "rowcast/cmd/rowcast").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, c := range []struct {
		name string
		args string
		want string // begins of lines of the tables
	}{
		{"decode", "decode --rows 20000 --transaction 5000", "| rowcast, to SSE frames |go-mysql, to Go values |mysqlbinlog --raw |allocations per row "},
		{"decode mysql", "decode --flavor mysql --rows 20000 --transaction 5000", "| rowcast, to SSE frames "},
		{"shared", "fanout --scale 0.01 --duration 1s --only shared", "| rowcast |bare loop of writes "},
		{"latency", "fanout --scale 0.01 --duration 1s --only latency", "| 1 client: rowcast |the same rows: mysqlbinlog --raw --stop-never "},
		{"many", "fanout --scale 0.01 --duration 2s --only many", "| one stream, every row to all |10 tables, a row to 10 clients |a parameter for each client (room = :room)"},
		{"idle", "fanout --scale 0.01 --duration 1s --only idle", "| rowcast |bare loop of writes "},
		{"beside", "fanout --scale 0.02 --duration 1s --only beside", "| 100 idle |300 idle |100 idle, the rest of 300 another program's "},
		{"rows", "rows --rows 20000 --visitors 50 --rooms 20 --samples 20 --duration 1s", "| 50 visitors at once of 100 rows: queries |20 visitors with a room each: queries |all of 20 k rows to one client, rows per s |live rows beside visitors / alone, p99 "},
		{"poll", "poll --duration 1s --every 500ms --clients 20 --rest 2s", "| rowcast, 20 clients |the table polled every 500ms, 20 clients "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), dir+"rowcast-bench", append([]string{"--rounds", "1", "--rowcast", dir + "rowcast"}, strings.Fields(c.args)...)...)
			var out, log bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &log
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v\n%s", err, log.Bytes())
			}
			for _, line := range strings.Split(c.want[1:], "|") {
				if !strings.Contains(out.String(), "\n| "+strings.TrimSpace(line)) {
					t.Errorf("no line %q in\n%s", line, out.Bytes())
				}
			}
		})
	}
}
