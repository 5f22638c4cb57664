package program

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, script string) *Process {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	p, err := Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func TestEnds(t *testing.T) {
	p := start(t, "exec sleep 600")
	if p.Ended() || p.State() != nil {
		t.Error("it has ended")
	}
	if err := p.Terminate(t.Context()); err != nil || !p.Ended() || p.Wait() == nil || p.State() == nil {
		t.Errorf("terminated: %v, %v", err, p.State())
	}
	if err := p.Terminate(t.Context()); err != nil {
		t.Errorf("once more: %v", err)
	}

	// One that does not listen is still there, until it is killed with its children.
	p = start(t, "trap '' TERM; echo on >&2; sleep 600 & wait; sleep 600")
	if err := p.Ready(t.Context(), func() error {
		if p.said.String() != "on" {
			return errors.New("not yet")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.Terminate(ctx); !errors.Is(err, context.DeadlineExceeded) || p.Ended() {
		t.Errorf("terminated: %v", err)
	}
	p.Kill()
	p.Kill()
	if err := p.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("killed: %v", err)
	}
}

func TestReady(t *testing.T) {
	never := errors.New("not yet")
	p := start(t, "echo alas >&2; exit 3")
	var ended *EndedError
	if err := p.Ready(t.Context(), func() error { return never }); !errors.As(err, &ended) || err.Error() != "sh ended: exit status 3: alas" {
		t.Errorf("one that ends: %v", err)
	}
	p = start(t, "exec sleep 600")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.Ready(ctx, func() error { return never }); !errors.Is(err, never) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("one that never is: %v", err)
	}
	n := 0
	if err := p.Ready(t.Context(), func() error {
		if n++; n < 3 {
			return never
		}
		return nil
	}); err != nil || n != 3 {
		t.Errorf("one that is: %v after %d", err, n)
	}
	if _, err := Start(exec.Command("/nowhere")); err == nil || !strings.Contains(err.Error(), "start /nowhere") {
		t.Errorf("none: %v", err)
	}
}
