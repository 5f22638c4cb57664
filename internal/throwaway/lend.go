package throwaway

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// lender keeps servers that tests have left as they found them, for tests to come: to
// start and end one takes longer than most tests.
type lender struct {
	mu   sync.Mutex
	on   bool
	idle []*Server // the oldest first
}

// maxIdle bounds the servers that wait for a test.
const maxIdle = 4

var lent lender

// Lending runs tests whose servers, those of Test, are used again. A test can't tell,
// but for the second in which the binlog begins: a server that was stopped or killed, or
// that is not as it was, is not lent again.
type Lending struct{ M interface{ Run() int } }

// Run runs the tests, and closes what was lent.
func (l Lending) Run() int {
	lent.set(true)
	code := l.M.Run()
	if err := lent.set(false); err != nil {
		fmt.Println("close a server that was lent:", err)
		return max(code, 1)
	}
	return code
}

func (l *lender) set(on bool) (err error) {
	l.mu.Lock()
	idle := l.idle
	l.on, l.idle = on, nil
	l.mu.Unlock()
	for _, s := range idle {
		err = errors.Join(err, s.Close())
	}
	return err
}

// take is an idle server that was started like this; nil: there is none.
func (l *lender) take(f Flavor, args []string) *Server {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, s := range l.idle {
		if s.opts.Flavor == f && slices.Equal(s.opts.Args, args) {
			l.idle = slices.Delete(l.idle, i, i+1)
			return s
		}
	}
	return nil
}

// giveBack keeps the server for another test, or closes it.
func (l *lender) giveBack(s *Server, failed bool) error {
	l.mu.Lock()
	on := l.on
	l.mu.Unlock()
	if !on || failed || s.renew() != nil {
		return s.Close()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.idle = append(l.idle, s)
	if len(l.idle) <= maxIdle {
		return nil
	}
	oldest := l.idle[0]
	l.idle = slices.Delete(l.idle, 0, 1)
	return oldest.Close()
}

// errNotAsItWas: the server has to be closed.
var errNotAsItWas = errors.New("the server is not as it was")

// renew makes the server what it was when it was new, or says why not.
func (s *Server) renew() error {
	s.life.Lock()
	touched := s.touched
	s.life.Unlock()
	if touched {
		return errNotAsItWas
	}
	if err := s.hangUp(); err != nil {
		return err
	}
	rows, err := s.Query("XA RECOVER")
	if err != nil || len(rows) > 0 {
		return errors.Join(errNotAsItWas, err)
	}
	if rows, err = s.Query("SHOW DATABASES"); err != nil {
		return err
	}
	for _, r := range rows {
		if !slices.Contains([]string{"information_schema", "performance_schema", "mysql", "sys"}, r[0]) {
			if err := s.Exec("DROP DATABASE `" + strings.ReplaceAll(r[0], "`", "``") + "`"); err != nil {
				return err
			}
		}
	}
	if err := s.ResetBinlog(); err != nil {
		return err
	}
	state, err := s.state()
	if err == nil && state != s.fresh {
		err = errNotAsItWas
	}
	return err
}

// hangUp ends all connections, ours too, and waits until they are gone.
func (s *Server) hangUp() error {
	s.dropConn()
	for end := time.Now().Add(3 * time.Second); ; {
		rows, err := s.Query("SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND user NOT IN ('system user', 'event_scheduler')")
		if err != nil || len(rows) == 0 {
			return err
		}
		if time.Now().After(end) {
			return errNotAsItWas
		}
		for _, r := range rows {
			_ = s.Exec("KILL " + r[0]) // it may be gone by now
		}
	}
}

// positions are variables that RESET sets anew.
var positions = []string{"gtid_executed", "gtid_purged", "gtid_binlog_pos", "gtid_binlog_state", "gtid_current_pos"}

// state is what a test may have changed for the next one: global variables, accounts,
// functions, plugins.
func (s *Server) state() (string, error) {
	var b strings.Builder
	rows, err := s.Query("SHOW GLOBAL VARIABLES")
	if err != nil {
		return "", err
	}
	for _, r := range rows {
		if !slices.Contains(positions, r[0]) {
			fmt.Fprintln(&b, r)
		}
	}
	tables := "mysql.user, mysql.global_grants, mysql.role_edges, mysql.default_roles, mysql.component"
	if s.bin.flavor == MariaDB {
		tables = "mysql.global_priv, mysql.roles_mapping, mysql.event, mysql.gtid_slave_pos"
	}
	rows, err = s.Query("CHECKSUM TABLE mysql.db, mysql.tables_priv, mysql.columns_priv, mysql.procs_priv, mysql.proxies_priv, mysql.func, mysql.plugin, mysql.servers, mysql.time_zone_name, " + tables)
	for _, r := range rows {
		fmt.Fprintln(&b, r)
	}
	return b.String(), err
}
