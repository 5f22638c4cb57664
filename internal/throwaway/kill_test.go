package throwaway

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const helperEnv = "ROWCAST_THROWAWAY_HELPER" // "flavor folder": be the process that is killed

// beKilled starts a server, tells each step, and waits for its end.
func beKilled(helper string) {
	flavor, dir, _ := strings.Cut(helper, " ")
	if _, err := Start(context.Background(), Options{Flavor: Flavor(flavor), Dir: dir, Log: os.Stdout}); err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	fmt.Println("up")
	select {}
}

// TestKilled kills a process that uses this package with SIGKILL, at each
// step and at odd moments after it; nothing may be left.
func TestKilled(t *testing.T) {
	Each(t, func(t *testing.T, f Flavor) {
		must(t, warm(t, f))
		for _, tc := range []struct {
			step  string
			fresh bool // without a template
			delay time.Duration
		}{
			{step: "making", fresh: true},
			{step: "making", fresh: true, delay: 150 * time.Millisecond},
			{step: "making", fresh: true, delay: 700 * time.Millisecond},
			{step: "copying"},
			{step: "copying", delay: 10 * time.Millisecond},
			{step: "starting"},
			{step: "starting", delay: 2 * time.Millisecond},
			{step: "starting", delay: 200 * time.Millisecond},
			{step: "up"},
		} {
			name := fmt.Sprintf("%s+%s", tc.step, tc.delay)
			parent := t.TempDir()
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), helperEnv+"="+string(f)+" "+parent)
			cache := t.TempDir()
			if tc.fresh {
				cmd.Env = append(cmd.Env, "XDG_CACHE_HOME="+cache, "ROWCAST_MYSQL_DIR="+mysqlDir())
			}
			killAt(t, cmd, tc.step, tc.delay)
			if t.Failed() {
				t.Fatal(name)
			}
			wantNothing(t, parent)
			eventually(t, name+": no half template", func() string {
				parts, _ := filepath.Glob(filepath.Join(cache, "rowcast", "*.part-*"))
				return strings.Join(parts, " ")
			})
		}
	})
}

// killAt runs cmd until it prints a line that begins with step, and kills it
// after a delay.
func killAt(t *testing.T, cmd *exec.Cmd, step string, delay time.Duration) {
	t.Helper()
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(stdout)
	found := false
	for !found && lines.Scan() {
		found = strings.HasPrefix(lines.Text(), step)
	}
	<-time.After(delay)
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	if !found {
		t.Errorf("the helper never came to %q", step)
	}
}

// wantNothing waits until parent is empty and no process has it in its
// command line.
func wantNothing(t *testing.T, parent string) {
	t.Helper()
	eventually(t, "nothing left", func() string {
		var left []string
		files, _ := filepath.Glob(filepath.Join(parent, "*"))
		left = append(left, files...)
		commands, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, path := range commands {
			if line, err := os.ReadFile(path); err == nil && bytes.Contains(line, []byte(parent)) {
				left = append(left, string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
			}
		}
		return strings.Join(left, "; ")
	})
}

// eventually polls until f returns "", which is what hinders.
func eventually(t *testing.T, what string, f func() string) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		last := f()
		if last == "" {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%s: still %s", what, last)
		}
	}
}

// warm sees to it that there is a template.
func warm(t *testing.T, f Flavor) error {
	s, err := Start(t.Context(), Options{Flavor: f, Dir: t.TempDir()})
	if err != nil {
		return err
	}
	return s.Close()
}

func binlogs(t *testing.T, s *Server) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.DataDir(), "binlog.0*"))
	must(t, err)
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	return files
}

func wantRows(t *testing.T, s *Server, sql, want string) {
	t.Helper()
	rows, err := s.Query(sql)
	must(t, err)
	var got []string
	for _, row := range rows {
		got = append(got, strings.Join(row, ","))
	}
	if strings.Join(got, " ") != want {
		t.Errorf("%s: got %q, want %q", sql, got, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type writerFunc func(line []byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }
