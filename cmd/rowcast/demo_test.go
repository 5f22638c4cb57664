package main

import (
	"bytes"
	"context"
	"os"
	osexec "os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"rowcast/internal/program"
	"rowcast/internal/throwaway"
)

// TestDemo runs the demo as a process, as it would be killed by hand.
func TestDemo(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		parent := t.TempDir()
		demo, out := startDemo(t, parent, "--"+string(f), "--auto", "--every", "50ms")
		url := ""
		poll(t, "the banner", func() string {
			if m := regexp.MustCompile(`page +(\S+)\n`).FindStringSubmatch(out.String()); m != nil && strings.Contains(out.String(), "Ctrl-C") {
				url = m[1]
				return ""
			}
			return "so far: " + out.String()
		})
		events := subscribe(t, url+"/events/picks?rows=0", "").wait(t, 3)
		if row := events[0].row(t); row.Row["team"] == "" || row.Op != "insert" {
			t.Errorf("%v", events)
		}
		// The command line that it shows works as it stands.
		line := regexp.MustCompile(`(?m)^  SQL +(.*)$`).FindStringSubmatch(out.String())[1]
		sql := osexec.CommandContext(t.Context(), "sh", "-c", line)
		sql.Stdin = strings.NewReader("INSERT INTO picks (round, team, player) VALUES (1, 'Oilers', 'Typed By-Hand');")
		if text, err := sql.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v %s", line, err, text)
		}
		c := subscribe(t, url+"/events/picks", events[0].id)
		c.until(t, "the row", func() bool {
			return slices.ContainsFunc(c.events, func(e sseEvent) bool { return strings.Contains(e.data, "Typed By-Hand") })
		})
		if err := demo.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if err := waitFor(demo); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		wantEmpty(t, parent)
	})
}

func startDemo(t *testing.T, parent string, args ...string) (*program.Process, *syncBuffer) {
	t.Helper()
	out := &syncBuffer{}
	cmd := osexec.Command(os.Args[0], append([]string{"demo", "--port", "0"}, args...)...)
	cmd.Env = append(os.Environ(), asMain+"=1", "TMPDIR="+parent)
	cmd.Stdout, cmd.Stderr = out, out
	p, err := program.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p, out
}

// waitFor waits for the demo's end, and ends it by force if that does not come.
func waitFor(p *program.Process) error {
	force := time.AfterFunc(testPatience/4, func() { _ = p.Signal(os.Kill) })
	defer force.Stop()
	return p.Wait()
}

func wantEmpty(t *testing.T, parent string) {
	t.Helper()
	poll(t, "the demo to remove everything", func() string {
		files, _ := filepath.Glob(filepath.Join(parent, "*"))
		commands, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, path := range commands {
			if line, err := os.ReadFile(path); err == nil && bytes.Contains(line, []byte(parent)) {
				files = append(files, string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
			}
		}
		return strings.Join(files, "; ")
	})
}

// A terminal that is closed sends SIGHUP: the demo ends as by Ctrl-C.
func TestDemoHangup(t *testing.T) {
	parent := t.TempDir()
	demo, out := startDemo(t, parent)
	poll(t, "the banner", func() string {
		if strings.Contains(out.String(), "Ctrl-C") {
			return ""
		}
		return "so far: " + out.String()
	})
	if err := demo.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if err := waitFor(demo); err != nil || !strings.Contains(out.String(), "removing ") {
		t.Errorf("%v\n%s", err, out)
	}
	wantEmpty(t, parent)
}

// Killed half-way through the start, by a signal that it can answer and by one
// that it can't.
func TestDemoKilled(t *testing.T) {
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGHUP, os.Kill} {
		for _, step := range []string{"copying", "starting"} {
			parent := t.TempDir()
			demo, out := startDemo(t, parent)
			poll(t, step, func() string {
				if strings.Contains(out.String(), step) {
					return ""
				}
				return "so far: " + out.String()
			})
			if err := demo.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if err := waitFor(demo); (err == nil) != (signal != os.Kill) {
				t.Errorf("%s at %s: %v\n%s", signal, step, err, out)
			}
			wantEmpty(t, parent)
		}
	}
}

func TestDemoPortTaken(t *testing.T) {
	l, err := listen("", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := strings.Cut(l.Addr().String(), ":")
	var out, errs bytes.Buffer
	code := run(context.Background(), []string{"demo", "--port", port}, &out, &errs, nil)
	if lines := strings.Split(strings.TrimSpace(errs.String()), "\n"); code != 1 || !strings.Contains(lines[len(lines)-1], "127.0.0.1:"+port+" is taken by another program") {
		t.Errorf("exit %d, %s", code, errs.String())
	}
}
