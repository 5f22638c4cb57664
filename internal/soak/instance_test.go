package soak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// instance is a rowcast under test: one program file, config and pair of ports,
// and run after run of it.
type instance struct {
	name        string
	bin         string
	dir         string
	http, admin string // host:port

	mu    sync.Mutex // start, kill and term wait for one another
	cmd   *exec.Cmd
	done  chan struct{}
	log   *os.File
	runs  int
	peak  atomic.Int64 // bytes, of all runs
	cpu   atomic.Int64 // nanoseconds, of ended runs
	wrong func(format string, args ...any)
}

// newInstance writes config, into which the two addresses are put, and starts.
func newInstance(t testing.TB, name, config string) *instance {
	t.Helper()
	i := &instance{name: name, bin: program(t), dir: t.TempDir(), http: freeAddr(t), admin: freeAddr(t), wrong: t.Errorf}
	var err error
	if i.log, err = os.Create(filepath.Join(i.dir, "log")); err != nil {
		t.Fatal(err)
	}
	i.configure(t, config)
	t.Cleanup(func() {
		i.kill()
		i.judgeLog(t)
		i.log.Close()
	})
	return i
}

// configure writes the config file whole, as an editor that renames does.
func (i *instance) configure(t testing.TB, config string) {
	head := fmt.Sprintf("[http]\nlisten = %q\n[admin]\nlisten = %q\n", i.http, i.admin)
	tmp := filepath.Join(i.dir, "config.new")
	if err := os.WriteFile(tmp, []byte(head+config), 0o600); err != nil {
		t.Error(err)
	} else if err := os.Rename(tmp, i.file()); err != nil {
		t.Error(err)
	}
}

func (i *instance) file() string { return filepath.Join(i.dir, "config.toml") }
func (i *instance) url() string  { return "http://" + i.http }

// start runs the program; it may not listen yet.
func (i *instance) start() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	cmd := exec.Command(i.bin, "serve", "--config", i.file(), "--drain", "5s")
	cmd.Stdout, cmd.Stderr = i.log, i.log
	cmd.Env = append(os.Environ(), "GORACE=halt_on_error=0 exitcode=66")
	if err := cmd.Start(); err != nil {
		return err
	}
	i.runs++
	done := make(chan struct{})
	i.cmd, i.done = cmd, done
	go func() {
		defer close(done)
		_ = cmd.Wait()
		i.cpu.Add(int64(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()))
	}()
	return nil
}

// alive tells whether the current run goes on.
func (i *instance) alive() bool {
	select {
	case <-i.done:
		return false
	default:
		return true
	}
}

// kill is a crash.
func (i *instance) kill() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.cmd == nil {
		return
	}
	i.sample()
	_ = i.cmd.Process.Kill()
	<-i.done
	i.cmd = nil
}

// term ends it in order, and fails where it doesn't do that.
func (i *instance) term() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.cmd == nil {
		return
	}
	i.sample()
	if !i.alive() {
		i.wrong("%s ended by itself: %s", i.name, i.cmd.ProcessState)
	}
	_ = i.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(30 * time.Second)
	defer timer.Stop()
	select {
	case <-i.done:
		if code := i.cmd.ProcessState.ExitCode(); code != 0 {
			i.wrong("%s: exit %d after SIGTERM", i.name, code)
		}
	case <-timer.C:
		i.wrong("%s ignores SIGTERM", i.name)
		_ = i.cmd.Process.Signal(syscall.SIGQUIT) // prints its goroutines
		<-i.done
	}
	i.cmd = nil
}

// pid is 0 while nothing runs.
func (i *instance) pid() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.cmd == nil {
		return 0
	}
	return i.cmd.Process.Pid
}

// sample notes the peak of memory; under mu.
func (i *instance) sample() {
	if i.cmd != nil {
		i.peak.Store(max(i.peak.Load(), procStatus(i.cmd.Process.Pid, "VmHWM")*1024))
	}
}

// watch samples until ctx ends, and tells of an end that nobody ordered.
func (i *instance) watch(ctx context.Context) {
	for pause(ctx, 500*time.Millisecond) {
		i.mu.Lock()
		i.sample()
		if i.cmd != nil && !i.alive() {
			i.wrong("%s ended by itself: %s", i.name, i.cmd.ProcessState)
			i.cmd = nil
		}
		i.mu.Unlock()
	}
}

// begun waits until the program listens.
func (i *instance) begun(ctx context.Context) {
	within(ctx, 30*time.Second, func() string {
		if _, _, err := httpGet(ctx, i.url()+"/healthz"); err != nil {
			return err.Error()
		}
		return ""
	})
}

// ready waits until the binlog is read.
func (i *instance) ready(ctx context.Context, patience time.Duration) string {
	return within(ctx, patience, func() string {
		code, text, err := httpGet(ctx, i.url()+"/readyz")
		if err != nil {
			return err.Error()
		}
		if code != http.StatusOK {
			return text
		}
		return ""
	})
}

var goroutineTotal = regexp.MustCompile(`goroutine profile: total (\d+)`)

// footprint counts goroutines and open files.
func (i *instance) footprint(ctx context.Context) (goroutines, files int, err error) {
	_, text, err := httpGet(ctx, "http://"+i.admin+"/debug/pprof/goroutine?debug=1")
	if err != nil {
		return 0, 0, err
	}
	m := goroutineTotal.FindStringSubmatch(text)
	if m == nil {
		return 0, 0, errors.New("no goroutine profile")
	}
	goroutines, _ = strconv.Atoi(m[1])
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", i.pid()))
	return goroutines, len(list), err
}

// goroutines is the profile, for people.
func (i *instance) goroutines() string {
	_, text, _ := httpGet(context.Background(), "http://"+i.admin+"/debug/pprof/goroutine?debug=1")
	return text
}

// judgeLog looks for what must never be logged.
func (i *instance) judgeLog(t testing.TB) {
	text, _ := os.ReadFile(i.log.Name())
	for _, bad := range []string{"DATA RACE", "panic:", "fatal error:", "goroutine 1 ["} {
		if at := bytes.Index(text, []byte(bad)); at >= 0 {
			t.Errorf("%s: its log says %s:\n%s", i.name, bad, text[at:min(len(text), at+6000)])
			break
		}
	}
	if t.Failed() {
		keep := filepath.Join(os.TempDir(), "rowcast-soak-"+i.name+"-"+strings.ReplaceAll(t.Name(), "/", "-")+".log")
		if os.WriteFile(keep, text, 0o644) == nil {
			t.Logf("%s: its log is kept in %s", i.name, keep)
		}
	}
}
