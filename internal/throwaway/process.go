package throwaway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	startTimeout = 2 * time.Minute // for a server that neither dies nor answers
	pollInterval = 10 * time.Millisecond
	portTries    = 10
)

// process is one run of the server.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed once it is gone and reaped
}

// pidBox lets PID be read while Restart waits.
type pidBox struct{ v atomic.Int64 }

func (b *pidBox) get() int { return int(b.v.Load()) }

// startProcess starts argv in a session of its own, so that a terminal's
// Ctrl-C does not reach it, with its output appended to the file log.
func (s *Server) startProcess(argv []string) (*process, error) {
	log, err := os.OpenFile(s.ErrorLog(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the server's log: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = s.dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", argv[0], err)
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	pid := int64(cmd.Process.Pid)
	s.pid.v.Store(pid)
	go func() {
		_ = cmd.Wait()
		s.pid.v.CompareAndSwap(pid, 0)
		close(p.done)
	}()
	return p, nil
}

// kill ends the process and waits; it may be called at any time. The whole
// session goes, since mariadb-install-db is a script with children.
func (p *process) kill() {
	select {
	case <-p.done:
		return
	default:
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	_ = p.cmd.Process.Kill()
	<-p.done
}

func (p *process) terminate(ctx context.Context) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the server: %w", err)
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop the server: %w; it is still stopping", context.Cause(ctx))
	}
}

// run starts argv and waits for its end, or kills it when ctx ends.
func (s *Server) run(ctx context.Context, argv []string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p, err := s.startProcess(argv)
	if err != nil {
		return err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		p.kill()
		return context.Cause(ctx)
	}
	if !p.cmd.ProcessState.Success() {
		return fmt.Errorf("%s failed (%s): %s", argv[0], p.cmd.ProcessState, s.logTail(0))
	}
	return nil
}

// launchOnFreePort picks a port that nobody listens on and launches; another
// process may take it in between, so that it tries a few.
func (s *Server) launchOnFreePort(ctx context.Context) error {
	for try := 1; ; try++ {
		port, err := freePort()
		if err != nil {
			return err
		}
		s.port = port
		err = s.launch(ctx, nil)
		if !errors.Is(err, errPortTaken) || try == portTries {
			return err
		}
		s.logf("port %d was taken meanwhile, trying another", port)
	}
}

// freePort prefers ports below the range from which the kernel serves
// outgoing connections: one of those could take the port during a restart.
func freePort() (int, error) {
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

var errPortTaken = errors.New("its port was taken by another process")

var portTakenText = regexp.MustCompile(`(?i)bind on TCP/IP port|another mysqld server running on port|another server running on port`)

// launch starts the server and returns when it answers on its socket. On any
// failure it is dead again.
func (s *Server) launch(ctx context.Context, extraArgs []string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout,
		fmt.Errorf("no answer within %s", startTimeout))
	defer cancel()
	if ctx.Err() != nil {
		return fmt.Errorf("start %s: %w", s.bin.flavor, context.Cause(ctx))
	}
	// A server that was killed leaves its socket, and MySQL a lock beside it.
	_ = os.Remove(s.Socket())
	_ = os.Remove(s.Socket() + ".lock")
	logStart := fileSize(s.ErrorLog())
	p, err := s.startProcess(s.bin.serverArgv(s, extraArgs))
	if err != nil {
		return err
	}
	s.proc = p
	stopKill := context.AfterFunc(ctx, func() { _ = p.cmd.Process.Kill() })
	defer stopKill()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		select {
		case <-p.done:
			if ctx.Err() != nil {
				return fmt.Errorf("start %s: %w", s.bin.flavor, context.Cause(ctx))
			}
			tail := s.logTail(logStart)
			if portTakenText.MatchString(tail) {
				return fmt.Errorf("start %s on port %d: %w", s.bin.flavor, s.port, errPortTaken)
			}
			return fmt.Errorf("start %s: it ended at once (%s); its log says: %s", s.bin.flavor, p.cmd.ProcessState, tail)
		case <-tick.C:
			if s.connect() == nil {
				if !stopKill() {
					<-p.done
					return fmt.Errorf("start %s: %w", s.bin.flavor, context.Cause(ctx))
				}
				return nil
			}
		}
	}
}

// logTail is the end of the error log written after offset, on one line.
func (s *Server) logTail(offset int64) string {
	f, err := os.Open(s.ErrorLog())
	if err != nil {
		return "(no error log)"
	}
	defer f.Close()
	const most = 16 << 10
	if size := fileSize(s.ErrorLog()); size-offset > most {
		offset = size - most
	}
	text, _ := io.ReadAll(io.NewSectionReader(f, offset, most))
	lines := strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' || r == '\r' })
	var telling []string
	for _, line := range lines {
		if strings.Contains(line, "ERROR") {
			telling = append(telling, line)
		}
	}
	if len(telling) == 0 {
		telling = lines
	}
	if len(telling) == 0 {
		return "(nothing)"
	}
	return strings.Join(telling[max(0, len(telling)-6):], " | ")
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
