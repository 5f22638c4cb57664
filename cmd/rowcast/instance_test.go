package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"rowcast/internal/throwaway"
)

// syncBuffer takes the output of a program that runs.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// poll waits for a condition that nothing announces; ok returns what hinders, or "".
func poll(t testing.TB, what string, ok func() string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(testPatience); ; <-tick.C {
		hinders := ok()
		if hinders == "" {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("waited %s for %s: %s", testPatience, what, hinders)
		}
	}
}

func exec(t testing.TB, s *throwaway.Server, sql ...string) {
	t.Helper()
	if err := s.Exec(sql...); err != nil {
		t.Fatal(err)
	}
}

// draft makes a server with the sample schema.
func draft(t testing.TB, f throwaway.Flavor, args ...string) *throwaway.Server {
	t.Helper()
	s := throwaway.Test(t, f, append([]string{"--binlog-row-metadata=FULL"}, args...)...)
	exec(t, s, draftSchema...)
	return s
}

var draftSchema = []string{
	"CREATE DATABASE draft",
	"CREATE TABLE draft.picks (id INT PRIMARY KEY AUTO_INCREMENT, round INT NOT NULL, team VARCHAR(40) NOT NULL, player VARCHAR(60) NOT NULL)",
	"CREATE TABLE draft.teams (id INT PRIMARY KEY, name VARCHAR(40) NOT NULL)",
}

// twoStreams publishes picks and teams.
const twoStreams = `
[[table]]
name = "draft.picks"
as = "picks"
on = ["insert", "update", "delete"]
[[table]]
name = "draft.teams"
as = "teams"
`

// configFor is a config for a throwaway server, on free ports.
func configFor(s *throwaway.Server, more string) string {
	return fmt.Sprintf("[source]\naddr = %q\nuser = %q\npassword = %q\n[http]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n%s",
		s.Addr(), s.User(), s.Password(), more)
}

func writeConfig(t testing.TB, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// instance is a running rowcast.
type instance struct {
	url, admin string
	file       string
	out        *syncBuffer
	cancel     context.CancelFunc
	done       chan struct{}
	code       int
}

// launch runs `serve` with a config, and returns when it listens.
func launch(t testing.TB, config string) *instance {
	t.Helper()
	return launchFile(t, writeConfig(t, config))
}

func launchFile(t testing.TB, file string, args ...string) *instance {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	i := &instance{file: file, out: &syncBuffer{}, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(i.done)
		i.code = run(ctx, append([]string{"serve", "--config", file}, args...), i.out, i.out, nil)
	}()
	t.Cleanup(func() {
		i.stop()
		if t.Failed() {
			t.Logf("rowcast said:\n%s", i.out)
		}
	})
	poll(t, "rowcast to listen", func() string {
		if m := listening.FindStringSubmatch(i.out.String()); m != nil {
			i.url, i.admin = m[1], m[2]
			return ""
		}
		return "so far: " + i.out.String()
	})
	return i
}

var listening = regexp.MustCompile(`(?s)listening on ([^\s"]+).*?metrics on ([^\s"]+)/metrics`)

// ready waits until the binlog is read.
func (i *instance) ready(t testing.TB) *instance {
	t.Helper()
	poll(t, "rowcast to be ready", func() string {
		if code, text := get(t, i.url+"/readyz"); code != http.StatusOK {
			return "it says: " + text
		}
		return ""
	})
	return i
}

// stop ends it as SIGTERM does and returns its exit code.
func (i *instance) stop() int {
	i.cancel()
	<-i.done
	return i.code
}

func get(t testing.TB, url string) (int, string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// command runs a command line to its end.
func command(t testing.TB, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs, nil)
	return code, out.String(), errs.String()
}

// oneLineEach fails on errors that are not a line each.
func oneLineEach(t testing.TB, stderr string, n int) {
	t.Helper()
	if got := strings.Count(stderr, "\n"); got != n || !strings.HasSuffix(stderr, "\n") {
		t.Errorf("%d lines, want %d: %q", got, n, stderr)
	}
}
