// Package program starts processes, waits until they are ready, and ends them:
// for throwaway servers, benchmarks and tests.
package program

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a program that runs, or has ended.
type Process struct {
	cmd  *exec.Cmd
	name string
	said *tail // nil: its standard error goes elsewhere
	done chan struct{}
	err  error // of Wait; set before done is closed
}

// Start starts cmd. Where that has no standard error, the end of what it says
// there is kept, for errors.
func Start(cmd *exec.Cmd) (*Process, error) {
	p := &Process{cmd: cmd, name: filepath.Base(cmd.Path), done: make(chan struct{})}
	if cmd.Stderr == nil {
		p.said = &tail{}
		cmd.Stderr = p.said
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// PID is its process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed once the process is gone and reaped.
func (p *Process) Done() <-chan struct{} { return p.done }

// Ended tells whether it is gone.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Wait waits for its end and returns nil where it was a success.
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// State is how it ended; nil while it runs.
func (p *Process) State() *os.ProcessState {
	if !p.Ended() {
		return nil
	}
	return p.cmd.ProcessState
}

// Signal sends it a signal.
func (p *Process) Signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send %s to %s: %w", s, p.name, err)
	}
	return nil
}

// Kill ends it as a crash would, and waits until it is gone. The children of one
// that was given a session or a group of its own end with it.
func (p *Process) Kill() {
	if p.Ended() {
		return
	}
	if a := p.cmd.SysProcAttr; a != nil && (a.Setsid || a.Setpgid) {
		_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
	}
	_ = p.cmd.Process.Kill()
	<-p.done
}

// Terminate asks it to end (SIGTERM) and waits for that. When ctx ends first it
// is still ending.
func (p *Process) Terminate(ctx context.Context) error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop %s: %w; it is still stopping", p.name, context.Cause(ctx))
	}
}

// pollInterval is how often Ready asks.
const pollInterval = 10 * time.Millisecond

// EndedError says that a program ended before it was ready.
type EndedError struct {
	Name  string
	State *os.ProcessState
	Said  string // at the end, on standard error; "" where that went elsewhere
}

func (e *EndedError) Error() string {
	text := e.Name + " ended: " + e.State.String()
	if e.Said != "" {
		text += ": " + e.Said
	}
	return text
}

// Ready waits until ok returns nil. It gives up when ctx ends, and with an
// *EndedError when the program does.
func (p *Process) Ready(ctx context.Context, ok func() error) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		err := ok()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return &EndedError{p.name, p.cmd.ProcessState, p.said.String()}
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w: %w", p.name, context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}

// FreePort is a port of 127.0.0.1 that nobody listens on. It is below the range
// from which the kernel serves outgoing connections: one of those could take it
// while its owner is restarted.
func FreePort() (int, error) {
	var err error
	for range 50 {
		port := 10000 + rand.IntN(22000)
		var l net.Listener
		if l, err = net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("find a free port on 127.0.0.1: %w", err)
}

// FreeAddr is 127.0.0.1 with a free port.
func FreeAddr() (string, error) {
	port, err := FreePort()
	return fmt.Sprintf("127.0.0.1:%d", port), err
}

// RaiseFiles allows this process, and what it starts, as many open files as the
// system lets the account have. It returns that number, or 0 if it is not known.
func RaiseFiles() (files uint64) {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	if limit.Cur < limit.Max {
		raised := unix.Rlimit{Cur: limit.Max, Max: limit.Max}
		if unix.Setrlimit(unix.RLIMIT_NOFILE, &raised) == nil {
			limit = raised
		}
	}
	return uint64(limit.Cur)
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailLength = 2000

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-tailLength):]
	return len(p), nil
}

// String is the text on one line.
func (t *tail) String() string {
	if t == nil {
		return ""
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(strings.Fields(string(t.text)), " ")
}
