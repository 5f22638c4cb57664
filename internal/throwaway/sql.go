package throwaway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"
)

const connectTimeout = 10 * time.Second

// Conn opens a connection as root over the socket; the caller closes it.
func (s *Server) Conn() (*client.Conn, error) {
	c, err := client.ConnectWithTimeout(s.Socket(), "root", "", "", connectTimeout, func(c *client.Conn) error {
		return c.SetCollation("utf8mb4_general_ci") // else MariaDB takes what is sent for its own default, latin1
	})
	if err != nil {
		return nil, fmt.Errorf("connect to %s at %s: %w", s.bin.flavor, s.Socket(), err)
	}
	return c, nil
}

// Exec runs statements as root, one after the other, on one connection that
// all callers share and that is made again after a restart. It stops at the
// first error; a statement is never run twice.
func (s *Server) Exec(sql ...string) error {
	for _, stmt := range sql {
		if _, err := s.execute(stmt); err != nil {
			return err
		}
	}
	return nil
}

// Query runs one statement as Exec does and returns its rows in the server's
// own text form, NULL as "NULL".
func (s *Server) Query(sql string) ([][]string, error) {
	r, err := s.execute(sql)
	if err != nil {
		return nil, err
	}
	if r.Resultset == nil {
		return nil, nil
	}
	rows := make([][]string, 0, len(r.RowDatas))
	for _, data := range r.RowDatas {
		var row []string
		for len(data) > 0 {
			v, null, n, err := mysql.LengthEncodedString(data)
			if err != nil {
				return nil, fmt.Errorf("read the result of %s: %w", shorten(sql), err)
			}
			if null {
				v = []byte("NULL")
			}
			row, data = append(row, string(v)), data[n:]
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// ResetBinlog begins the binlog anew, with its first file, and forgets all GTIDs.
func (s *Server) ResetBinlog() error {
	if s.bin.flavor == MySQL {
		return s.Exec("RESET BINARY LOGS AND GTIDS")
	}
	return s.Exec("RESET MASTER")
}

func (s *Server) execute(sql string) (*mysql.Result, error) {
	s.sqlMu.Lock()
	defer s.sqlMu.Unlock()
	if err := s.connectLocked(); err != nil {
		return nil, err
	}
	r, err := s.conn.Execute(sql)
	if err == nil {
		return r, nil
	}
	if said := new(mysql.MyError); !errors.As(err, &said) {
		s.dropConnLocked()
	}
	return nil, fmt.Errorf("%s: %w", shorten(sql), err)
}

func (s *Server) connect() error {
	s.sqlMu.Lock()
	defer s.sqlMu.Unlock()
	return s.connectLocked()
}

func (s *Server) connectLocked() error {
	if s.conn != nil {
		return nil
	}
	c, err := s.Conn()
	if err != nil {
		return err
	}
	s.conn = c
	return nil
}

// dropConn forgets the shared connection. It is called when the server is gone
// already: only then does a statement that runs, or waits for a lock, end.
func (s *Server) dropConn() {
	s.sqlMu.Lock()
	defer s.sqlMu.Unlock()
	s.dropConnLocked()
}

func (s *Server) dropConnLocked() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}

// prepare makes rowcast's account, outside the binlog.
func (s *Server) prepare() error {
	grants := "SELECT, REPLICATION SLAVE, REPLICATION CLIENT"
	if s.bin.flavor == MariaDB && s.hasBinlogMonitor() {
		grants = "SELECT, REPLICATION SLAVE, BINLOG MONITOR"
	}
	sql := []string{"SET sql_log_bin = 0"}
	for _, host := range []string{"%", "localhost"} {
		account := fmt.Sprintf("'%s'@'%s'", accountUser, host)
		sql = append(sql,
			fmt.Sprintf("CREATE USER %s IDENTIFIED BY '%s'", account, accountPassword),
			fmt.Sprintf("GRANT %s ON *.* TO %s", grants, account))
	}
	if err := s.Exec(append(sql, "SET sql_log_bin = 1")...); err != nil {
		return fmt.Errorf("make the account %s: %w", accountUser, err)
	}
	rows, err := s.Query("SELECT VERSION()")
	if err != nil {
		return err
	}
	s.version = rows[0][0]
	return nil
}

// hasBinlogMonitor: MariaDB split REPLICATION CLIENT up in 10.5.
func (s *Server) hasBinlogMonitor() bool {
	var major, minor int
	if _, err := fmt.Sscanf(s.bin.version, "%d.%d", &major, &minor); err != nil {
		return true
	}
	return major > 10 || major == 10 && minor >= 5
}

// Client is the command line of the server's own SQL client, as root over the
// socket, ready for more arguments.
func (s *Server) Client() []string {
	argv := append([]string{}, s.bin.client...)
	argv = append(argv, "--no-defaults")
	if s.bin.share != "" {
		argv = append(argv, "--character-sets-dir="+filepath.Join(s.bin.share, "charsets"))
	}
	return append(argv, "--default-character-set=utf8mb4", "--socket="+s.Socket(), "--user=root")
}

// ClientCommand is Client quoted for a shell.
func (s *Server) ClientCommand() string {
	words := s.Client()
	for i, word := range words {
		if strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=./:,+@%") != "" {
			words[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

// Binlog runs the flavor's mysqlbinlog in DataDir, where "binlog.000001" names
// a file, and returns what it prints. The server need not run.
func (s *Server) Binlog(ctx context.Context, args ...string) ([]byte, error) {
	argv := append([]string{}, s.bin.binlog...)
	argv = append(argv, "--no-defaults")
	if s.bin.share != "" {
		argv = append(argv, "--character-sets-dir="+filepath.Join(s.bin.share, "charsets"))
	}
	argv = append(argv, args...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = s.DataDir()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("%s %s: %w: %s", filepath.Base(s.bin.binlog[len(s.bin.binlog)-1]),
			strings.Join(args, " "), err, shorten(strings.TrimSpace(stderr.String())))
	}
	return out, nil
}

// shorten keeps errors on one line.
func shorten(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 300 {
		return text[:300] + "…"
	}
	return text
}
