// Package throwaway starts a private MySQL or MariaDB server in a temporary
// folder, with the row-based binlog on, for `rowcast demo` and for tests.
//
// Nothing is left, however the process ends. The folder belongs to a
// janitor, a small shell process that makes it, waits until the other end of
// its standard input is closed, which the kernel sees to even after a kill -9,
// and then kills every server that runs on the folder and removes it.
//
// A fresh data directory takes seconds to make, so that one is kept for each
// server version in the user's cache folder (rowcast/template-…) and copied.
//
// The servers come from install.sh (`make servers`), or from PATH.
package throwaway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-mysql-org/go-mysql/client"

	"rowcast/internal/program"
)

// Flavor names the maker of a server.
type Flavor string

// The two flavors.
const (
	MariaDB Flavor = "mariadb"
	MySQL   Flavor = "mysql"
)

// Flavors holds both flavors, for tests that range over them.
var Flavors = []Flavor{MySQL, MariaDB}

// The account that rowcast itself uses, with no more privileges than it needs.
const (
	accountUser     = "rowcast"
	accountPassword = "rowcast"
)

// Options are choices for Start. The zero value is fine.
type Options struct {
	Flavor Flavor    // "": whichever is found, MariaDB first
	Args   []string  // server options after the defaults, for every start of this server
	Dir    string    // parent of the temporary folder; "": os.TempDir()
	Log    io.Writer // takes a line for each step; nil: none
}

// Server is a running or stopped server of one's own. Its methods are safe
// for concurrent use; Stop, Kill, Restart and Close wait for one another.
type Server struct {
	opts    Options
	bin     *binaries
	janitor *janitor
	dir     string
	port    int
	version string

	life   sync.Mutex       // held while the server is started or stopped
	proc   *program.Process // the current or the last run; nil before the first
	closed bool

	touched bool   // it was stopped, killed or restarted
	fresh   string // its state when it was new, where it may be lent again

	current atomic.Pointer[program.Process] // proc, for PID to read while Restart waits

	sqlMu sync.Mutex // guards conn and what runs on it
	conn  *client.Conn
}

// Start makes a data directory, starts a server on it and returns when that
// answers queries. It listens on 127.0.0.1, at a port of its own choice, and
// on a unix socket. ctx bounds the start alone, not the server's life; when
// it ends, or anything fails, nothing is left. The caller must Close.
func Start(ctx context.Context, o Options) (*Server, error) {
	bin, err := find(ctx, o.Flavor)
	if err != nil {
		return nil, err
	}
	parent, err := filepath.Abs(orTempDir(o.Dir))
	if err != nil {
		return nil, fmt.Errorf("find the temporary folder: %w", err)
	}
	dir := filepath.Join(parent, "rowcast-"+randomName())
	s := &Server{opts: o, bin: bin, dir: dir}
	if len(s.Socket()) > 100 || strings.ContainsAny(dir, "\n\r") {
		return nil, fmt.Errorf("%s can't hold a unix socket: use a folder with a shorter, plain name (Options.Dir or TMPDIR)", parent)
	}
	if s.janitor, err = startJanitor(ctx, dir); err != nil {
		return nil, err
	}
	if err := s.start(ctx); err != nil {
		if s.proc != nil {
			s.proc.Kill()
		}
		s.dropConn()
		return nil, errors.Join(err, s.janitor.sweep())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context) error {
	s.life.Lock()
	defer s.life.Unlock()
	if err := os.Mkdir(filepath.Join(s.dir, "tmp"), 0o700); err != nil {
		return fmt.Errorf("make the server's folder: %w", err)
	}
	if err := s.makeDataDir(ctx); err != nil {
		return err
	}
	s.logf("starting %s %s in %s", s.bin.flavor, s.bin.version, s.dir)
	if err := s.launchOnFreePort(ctx); err != nil {
		return err
	}
	return s.prepare()
}

// Stop ends the server in its own orderly way (SIGTERM) and waits for that.
// When ctx ends first the server is still stopping. Stopping a stopped server
// does nothing.
func (s *Server) Stop(ctx context.Context) error {
	s.life.Lock()
	defer s.life.Unlock()
	s.touched = true
	return s.stop(ctx)
}

func (s *Server) stop(ctx context.Context) error {
	if s.proc == nil {
		return nil
	}
	s.logf("stopping %s", s.bin.flavor)
	// MySQL gives idle connections two seconds to leave.
	if s.sqlMu.TryLock() {
		s.dropConnLocked()
		s.sqlMu.Unlock()
	}
	err := s.proc.Terminate(ctx)
	if err == nil {
		s.dropConn()
	}
	return err
}

// Kill ends the server as a crash would (SIGKILL) and waits until it is gone.
func (s *Server) Kill() error {
	s.life.Lock()
	defer s.life.Unlock()
	s.touched = true
	if s.proc != nil {
		s.logf("killing %s", s.bin.flavor)
		s.proc.Kill()
	}
	s.dropConn()
	return nil
}

// Restart starts the server again on the same data directory and port,
// stopping it first where it runs. extraArgs are appended for this start only.
func (s *Server) Restart(ctx context.Context, extraArgs ...string) error {
	s.life.Lock()
	defer s.life.Unlock()
	s.touched = true
	if s.closed {
		return fmt.Errorf("restart %s: it is closed; start a new one", s.bin.flavor)
	}
	if err := s.stop(ctx); err != nil {
		return err
	}
	s.logf("restarting %s", s.bin.flavor)
	return s.launch(ctx, extraArgs)
}

// Close kills the server and removes all that it made. Further calls do
// nothing.
func (s *Server) Close() error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if s.proc != nil {
		s.proc.Kill()
	}
	s.dropConn()
	return s.janitor.dismiss()
}

// Flavor tells whether this is MySQL or MariaDB.
func (s *Server) Flavor() Flavor { return s.bin.flavor }

// Port is the TCP port on 127.0.0.1; a restart keeps it.
func (s *Server) Port() int { return s.port }

// Addr is host and port of the server; a restart keeps it.
func (s *Server) Addr() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// Socket is the path of the unix socket.
func (s *Server) Socket() string { return filepath.Join(s.dir, "sock") }

// Dir is the temporary folder that holds everything.
func (s *Server) Dir() string { return s.dir }

// DataDir holds the data and the binlog files: binlog.000001 and so on.
func (s *Server) DataDir() string { return filepath.Join(s.dir, "data") }

// ErrorLog is the path of the server's own log.
func (s *Server) ErrorLog() string { return filepath.Join(s.dir, "error.log") }

// Version is what SELECT VERSION() says.
func (s *Server) Version() string { return s.version }

// User is an account with exactly the privileges that rowcast needs.
func (s *Server) User() string { return accountUser }

// Password is the password of User.
func (s *Server) Password() string { return accountPassword }

// PID is the process id of the server, or 0 while it doesn't run.
func (s *Server) PID() int {
	if p := s.current.Load(); p != nil && !p.Ended() {
		return p.PID()
	}
	return 0
}

func (s *Server) logf(format string, args ...any) {
	if s.opts.Log != nil {
		fmt.Fprintf(s.opts.Log, format+"\n", args...)
	}
}

func orTempDir(dir string) string {
	if dir == "" {
		return os.TempDir()
	}
	return dir
}
