package throwaway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"

	"rowcast/internal/program"
)

const (
	startTimeout = 2 * time.Minute // for a server that neither dies nor answers
	portTries    = 10
)

// startProcess starts argv in a session of its own, so that a terminal's
// Ctrl-C does not reach it, with its output appended to the error log.
func (s *Server) startProcess(argv []string) (*program.Process, error) {
	log, err := os.OpenFile(s.ErrorLog(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the server's log: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = s.dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	p, err := program.Start(cmd)
	if err == nil {
		s.current.Store(p)
	}
	return p, err
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
	case <-p.Done():
	case <-ctx.Done():
		p.Kill()
		return context.Cause(ctx)
	}
	if err := p.Wait(); err != nil {
		return fmt.Errorf("%s failed (%w): %s", argv[0], err, s.logTail(0))
	}
	return nil
}

// launchOnFreePort picks a port that nobody listens on and launches; another
// process may take it in between, so that it tries a few.
func (s *Server) launchOnFreePort(ctx context.Context) error {
	for try := 1; ; try++ {
		port, err := program.FreePort()
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
	stopKill := context.AfterFunc(ctx, func() { _ = p.Signal(os.Kill) }) // and with it a connect that hangs
	err = p.Ready(ctx, s.connect)
	if !stopKill() || err != nil {
		p.Kill()
		switch tail := s.logTail(logStart); {
		case ctx.Err() != nil:
			return fmt.Errorf("start %s: %w", s.bin.flavor, context.Cause(ctx))
		case portTakenText.MatchString(tail):
			return fmt.Errorf("start %s on port %d: %w", s.bin.flavor, s.port, errPortTaken)
		default:
			return fmt.Errorf("start %s: it ended at once (%s); its log says: %s", s.bin.flavor, p.State(), tail)
		}
	}
	return nil
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
