package main

import (
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"rowcast/internal/program"
	"rowcast/internal/throwaway"
)

// process is a rowcast that can be sent signals.
type process struct {
	*instance
	*program.Process
}

// spawn starts `serve` as a process, with the code of this test's own binary, and
// waits until it is ready.
func spawn(t testing.TB, config string, through ...string) *process {
	t.Helper()
	return spawnProgram(t, os.Args[0], config, through...)
}

// build builds rowcast without the race detector, which multiplies memory: for
// tests that measure the process. GOFLAGS may ask for the detector.
func build(t testing.TB) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "rowcast")
	if out, err := osexec.Command("go", "build", "-race=false", "-o", file, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return file
}

func spawnProgram(t testing.TB, bin, config string, through ...string) *process {
	t.Helper()
	file := writeConfig(t, config)
	i := &instance{out: &syncBuffer{}, file: file}
	args := append(through, bin, "serve", "--config", file)
	cmd := osexec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), asMain+"=1")
	cmd.Stderr = i.out
	started, err := program.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(started.Kill)
	poll(t, "rowcast to listen", func() string {
		if m := listening.FindStringSubmatch(i.out.String()); m != nil {
			i.url = m[1]
			return ""
		}
		return "so far: " + i.out.String()
	})
	i.ready(t)
	return &process{i, started}
}

func (p *process) signal(t testing.TB, s os.Signal) {
	t.Helper()
	if err := p.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// The signals: HUP reloads, TERM drains.
func TestSignals(t *testing.T) {
	s := draft(t, throwaway.MariaDB)
	p := spawn(t, configFor(s, twoStreams))
	c := subscribe(t, p.url+"/events/picks", "").begun(t)
	insertPick(t, s, 1, "p0")
	c.wait(t, 1)
	p.signal(t, syscall.SIGHUP)
	poll(t, "the reload", func() string {
		if strings.Contains(p.out.String(), "config reloaded") {
			return ""
		}
		return "so far: " + p.out.String()
	})
	p.signal(t, syscall.SIGTERM)
	c.until(t, "the end", func() bool { return c.ended })
	if err := p.Wait(); err != nil {
		t.Errorf("%v\n%s", err, p.out)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		t.Errorf("the response was cut: %v", c.err)
	}
	if strings.Trim(c.retry, "0123456789") != "" || c.retry == "2000" {
		t.Errorf("retry %q is not jittered", c.retry)
	}
}

// rowcast is killed with SIGKILL while rows come in; the next one goes on.
func TestKilledExact(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		config := configFor(s, twoStreams)
		const rounds, perRound = 3, 30
		last := ""
		var got []sseEvent
		for round := range rounds {
			p := spawn(t, config)
			c := subscribe(t, p.url+"/events/picks", last)
			if round == 0 {
				c.begun(t)
			}
			for k := range perRound {
				insertPick(t, s, 1, fmt.Sprintf("p%d", round*perRound+k))
				if k == perRound/2 {
					c.wait(t, 1)
					p.signal(t, syscall.SIGKILL)
				}
			}
			_ = p.Wait() // it was killed
			c.until(t, "the end", func() bool { return c.ended })
			got = append(got, c.data()...)
			last = c.lastID()
		}
		c := subscribe(t, spawn(t, config).url+"/events/picks", last)
		got = append(got, c.wait(t, rounds*perRound-len(got))...)
		numbered(t, players(t, got), rounds*perRound)
	})
}

// At rest the database hears nothing, however many clients there are.
func TestNoQueriesAtRest(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		i := launch(t, configFor(s, "[stream]\nheartbeat = \"100ms\"\nping = \"ping\"\n"+twoStreams)).ready(t)
		questions := func() (n int) {
			rows, err := s.Query("SHOW GLOBAL STATUS LIKE 'Questions'")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := fmt.Sscan(rows[0][1], &n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		var clients []*sseClient
		for range 50 {
			clients = append(clients, subscribe(t, i.url+"/events/picks", "").begun(t))
		}
		before := questions()
		for _, c := range clients {
			c.wait(t, 20) // pings
		}
		if after := questions(); after-before != 1 {
			t.Errorf("%d queries beside our own", after-before-1)
		}
	})
}
