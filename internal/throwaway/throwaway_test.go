package throwaway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if helper := os.Getenv(helperEnv); helper != "" {
		beKilled(helper)
		return
	}
	goleak.VerifyTestMain(m)
}

func TestServer(t *testing.T) {
	Each(t, func(t *testing.T, f Flavor) {
		s := Test(t, f)
		if s.Flavor() != f || !strings.HasPrefix(s.Version(), strings.SplitN(s.bin.version, "-", 2)[0]) {
			t.Errorf("flavor %s, version %s; want %s, %s", s.Flavor(), s.Version(), f, s.bin.version)
		}
		must(t, s.Exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, v VARCHAR(10))",
			"INSERT INTO d.t VALUES (1, 'one'), (2, NULL)"))
		wantRows(t, s, "SELECT * FROM d.t ORDER BY id", "1,one 2,NULL")
		wantRows(t, s, "SELECT @@log_bin, @@binlog_format, @@binlog_row_image, @@sync_binlog", "1,ROW,FULL,1")
		wantRows(t, s, "SELECT COUNT(*) FROM mysql.user WHERE user = '' OR user = 'rowcast'", "2")
		if files := binlogs(t, s); !slices.Equal(files, []string{"binlog.000001"}) {
			t.Errorf("binlog files %v", files)
		}
		out, err := s.Binlog(t.Context(), "-v", "binlog.000001")
		must(t, err)
		if !bytes.Contains(out, []byte("### INSERT INTO `d`.`t`")) || bytes.Contains(out, []byte("CREATE USER")) {
			t.Errorf("mysqlbinlog prints %s", out)
		}
		if _, err := s.Binlog(t.Context(), "nosuch"); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("mysqlbinlog of a missing file: %v", err)
		}
	})
}

func TestAccount(t *testing.T) {
	Each(t, func(t *testing.T, f Flavor) {
		s := Test(t, f)
		must(t, s.Exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT)"))
		for _, addr := range []string{s.Addr(), s.Socket()} {
			c, err := client.Connect(addr, s.User(), s.Password(), "")
			must(t, err)
			for _, sql := range []string{"SHOW BINARY LOGS", "SELECT * FROM d.t"} {
				if _, err := c.Execute(sql); err != nil {
					t.Errorf("%s: %v", sql, err)
				}
			}
			if _, err := c.Execute("INSERT INTO d.t VALUES (1)"); err == nil {
				t.Error("the account may write")
			}
			must(t, c.Close())
		}
		_, err := s.Binlog(t.Context(), "--read-from-remote-server", "--host=127.0.0.1",
			fmt.Sprintf("--port=%d", s.Port()), "--user="+s.User(), "--password="+s.Password(), "binlog.000001")
		must(t, err)
	})
}

func TestClient(t *testing.T) {
	Each(t, func(t *testing.T, f Flavor) {
		s := Test(t, f)
		cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", s.ClientCommand()+" -BN -e 'SELECT CURRENT_USER()'")
		out, err := cmd.CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != "root@localhost" {
			t.Errorf("%s: %v: %s", cmd, err, out)
		}
	})
}

func TestRestart(t *testing.T) {
	Each(t, func(t *testing.T, f Flavor) {
		s := Test(t, f, "--binlog-row-metadata=FULL")
		ctx := t.Context()
		must(t, s.Exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)", "INSERT INTO d.t VALUES (1)"))
		addr, pid := s.Addr(), s.PID()
		if pid == 0 {
			t.Error("no pid of a running server")
		}

		must(t, s.Restart(ctx, "--max-connections=77"))
		if s.Addr() != addr || s.PID() == pid {
			t.Errorf("after a restart: %s, pid %d; before: %s, pid %d", s.Addr(), s.PID(), addr, pid)
		}
		wantRows(t, s, "SELECT @@port, @@max_connections, @@binlog_row_metadata", fmt.Sprintf("%d,77,FULL", s.Port()))
		must(t, s.Exec("INSERT INTO d.t VALUES (2)"))

		must(t, s.Kill())
		if s.PID() != 0 {
			t.Errorf("pid %d after a kill", s.PID())
		}
		if err := s.Exec("SELECT 1"); err == nil {
			t.Error("a killed server answers")
		}
		must(t, s.Restart(ctx))
		must(t, s.Stop(ctx))
		must(t, s.Stop(ctx))
		must(t, s.Restart(ctx))
		wantRows(t, s, "SELECT * FROM d.t ORDER BY id", "1 2")
		wantRows(t, s, "SELECT @@max_connections = 77", "0")
		if files := binlogs(t, s); len(files) != 4 {
			t.Errorf("binlog files %v after three restarts", files)
		}
		if err := s.Restart(ctx, "--no-such-option"); err == nil || !strings.Contains(err.Error(), "no-such-option") || strings.Contains(err.Error(), "\n") {
			t.Errorf("restart with a bad option: %v", err)
		}
		must(t, s.Restart(ctx))
	})
}

func TestCloseLeavesNothing(t *testing.T) {
	Each(t, func(t *testing.T, f Flavor) {
		parent := t.TempDir()
		s, err := Start(t.Context(), Options{Flavor: f, Dir: parent})
		must(t, err)
		must(t, s.Close())
		must(t, s.Close())
		wantNothing(t, parent)
		if err := s.Restart(t.Context()); err == nil {
			t.Error("a closed server restarts")
		}
	})
}

// TestCancel ends the context at each step that Start reports.
func TestCancel(t *testing.T) {
	Each(t, func(t *testing.T, f Flavor) {
		for _, step := range []string{"copying", "starting"} {
			must(t, warm(t, f))
			parent := t.TempDir()
			ctx, cancel := context.WithCancel(t.Context())
			log := writerFunc(func(line []byte) {
				if bytes.HasPrefix(line, []byte(step)) {
					cancel()
				}
			})
			s, err := Start(ctx, Options{Flavor: f, Dir: parent, Log: log})
			cancel()
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", step, err)
			}
			if err == nil {
				must(t, s.Close())
			}
			wantNothing(t, parent)
		}
	})
}

// TestCancelLater ends the context at odd moments.
func TestCancelLater(t *testing.T) {
	Each(t, func(t *testing.T, f Flavor) {
		for _, after := range []time.Duration{20, 60, 150, 300} {
			parent := t.TempDir()
			ctx, cancel := context.WithTimeout(t.Context(), after*time.Millisecond)
			s, err := Start(ctx, Options{Flavor: f, Dir: parent})
			cancel()
			if err == nil {
				must(t, s.Close())
			} else if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("after %d ms: %v", after, err)
			}
			wantNothing(t, parent)
		}
	})
}

func TestMissing(t *testing.T) {
	t.Setenv("ROWCAST_MYSQL_DIR", filepath.Join(t.TempDir(), "none"))
	t.Setenv("PATH", t.TempDir())
	// /usr/sbin is always looked into: its mysqld may be MariaDB's, which must
	// not be taken for MySQL.
	err := Find(MySQL)
	if err == nil || !strings.Contains(err.Error(), "`make servers`") || strings.Contains(err.Error(), "\n") {
		t.Errorf("missing MySQL: %v", err)
	}
	if err := Find("oracle"); err == nil || !strings.Contains(err.Error(), `"mariadb"`) {
		t.Errorf("unknown flavor: %v", err)
	}
	if err := Find(""); err == nil || !strings.Contains(err.Error(), "`make servers`") {
		t.Errorf("nothing there: %v", err)
	}
}

func TestMissingParent(t *testing.T) {
	_, err := Start(t.Context(), Options{Dir: "/no/such/folder"})
	if err == nil || !strings.Contains(err.Error(), "/no/such/folder") || strings.Contains(err.Error(), "\n") {
		t.Errorf("missing parent folder: %v", err)
	}
}

func TestPortTaken(t *testing.T) {
	Each(t, func(t *testing.T, f Flavor) {
		s := Test(t, f)
		must(t, s.Stop(t.Context()))
		l, err := net.Listen("tcp4", s.Addr())
		must(t, err)
		defer l.Close()
		if err := s.Restart(t.Context()); !errors.Is(err, errPortTaken) {
			t.Errorf("restart while another holds the port: %v", err)
		}
	})
}

// TestKillFreesWaiters kills a server in the middle of a statement.
func TestKillFreesWaiters(t *testing.T) {
	Each(t, func(t *testing.T, f Flavor) {
		s := Test(t, f)
		c, err := s.Conn()
		must(t, err)
		defer c.Close()
		ended := make(chan error, 1) // the goroutine must end though nobody listens
		go func() { ended <- s.Exec("SELECT SLEEP(600)") }()
		eventually(t, "a statement runs", func() string {
			r, err := c.Execute("SELECT 1 FROM information_schema.processlist WHERE info = 'SELECT SLEEP(600)'")
			must(t, err)
			if r.RowNumber() == 1 {
				return ""
			}
			return "not there"
		})
		must(t, s.Kill())
		if err := <-ended; err == nil {
			t.Error("the statement ended well")
		}
	})
}

func TestBadOption(t *testing.T) {
	Each(t, func(t *testing.T, f Flavor) {
		parent := t.TempDir()
		_, err := Start(t.Context(), Options{Flavor: f, Dir: parent, Args: []string{"--no-such-option"}})
		if err == nil || !strings.Contains(err.Error(), "no-such-option") || strings.Contains(err.Error(), "\n") {
			t.Errorf("start with a bad option: %v", err)
		}
		wantNothing(t, parent)
	})
}
