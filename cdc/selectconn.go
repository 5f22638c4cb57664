package cdc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"

	"rowcast/cdc/internal/wire"
)

const (
	// resultTimeout is how long a query may say nothing: a large table that has to be
	// sorted first takes its time.
	resultTimeout = 5 * time.Minute
	resultBuffer  = 64 << 10
	// keepSession is how long a connection waits for the next Select.
	keepSession = 5 * time.Second
)

// selectConn is a connection on which tables are read. Statements are sent together and
// their results are read one after the other: servers answer in order, and each result
// begins its packets' numbers again.
type selectConn struct {
	packets
	conn   *client.Conn
	flavor Flavor
	close  context.CancelFunc // ends the connection at once
	broken bool               // what comes next on it is not known
	kept   bool               // it was used before
	unread int                // results to come
	values [][]byte
	out    []byte

	statusOf string // the statement that says where the binlog ends
	ordered  bool   // MariaDB: binlog_optimize_thread_scheduling
	idle     *time.Timer
}

// settings is what Shape.Pack and Image.AppendLiteral need, and what makes a SELECT exact
// whatever the server's own defaults are.
var settings = []string{
	"SET NAMES utf8mb4",
	"SET SESSION sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00', character_set_results = NULL, autocommit = 1, sql_select_limit = 18446744073709551615",
	// What WHERE makes of dates and divisions, and after how many bytes ORDER BY takes texts
	// for equal: MySQL sorts by more only with a buffer for several such texts.
	"SET SESSION default_week_format = 0, lc_time_names = 'en_US', div_precision_increment = 4, sql_auto_is_null = 0, max_sort_length = 65536, sort_buffer_size = 2097152",
	"SET SESSION innodb_lock_wait_timeout = 1, lock_wait_timeout = 5", // in seconds
	"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
}

// openSelect connects. ctx bounds the connecting alone.
func (s *Source) openSelect(ctx context.Context) (*selectConn, error) {
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	defer stop()
	c, err := s.connect(life)
	if err != nil {
		cancel()
		return nil, err
	}
	ss := &selectConn{conn: c, flavor: s.identify(c), close: cancel}
	if err = ss.prepare(); err != nil {
		quit(c)
		cancel()
		return nil, fmt.Errorf("prepare to read tables: %w", explain(err))
	}
	ss.patience = resultTimeout
	ss.open(c.Conn.Conn, resultBuffer)
	return ss, nil
}

func (ss *selectConn) prepare() error {
	for _, q := range settings {
		if _, err := ss.conn.Execute(q); err != nil {
			return err
		}
	}
	ss.statusOf = "SHOW BINARY LOG STATUS"
	if ss.flavor == MariaDB {
		ss.statusOf = formerly[ss.statusOf]
		rows, err := textRows(ss.conn, "SELECT @@global.binlog_optimize_thread_scheduling")
		if err != nil {
			return err
		}
		ss.ordered = rows[0][0] == "1"
		return nil
	}
	_, err := ss.conn.Execute(ss.statusOf)
	if my, ok := errors.AsType[*mysql.MyError](err); ok && my.Code == mysql.ER_PARSE_ERROR {
		ss.statusOf, err = formerly[ss.statusOf], nil
	}
	return err
}

// send sends statements in one go.
func (ss *selectConn) send(statements ...string) error {
	ss.out = ss.out[:0]
	for _, q := range statements {
		n := 1 + len(q)
		if n >= maxPacket {
			return fmt.Errorf("a statement of %d bytes", len(q))
		}
		ss.out = append(ss.out, byte(n), byte(n>>8), byte(n>>16), 0, mysql.COM_QUERY)
		ss.out = append(ss.out, q...)
	}
	err := ss.raw.SetWriteDeadline(time.Now().Add(queryTimeout))
	if err == nil {
		_, err = ss.raw.Write(ss.out)
	}
	ss.unread += len(statements)
	ss.broken = ss.broken || err != nil
	return err
}

// result reads the next result and calls f, which may be nil, with each of its rows, in
// the text protocol; nil is NULL. The values are valid until f returns. An error of the
// server is a *mysql.MyError, and leaves the connection as good as it was; one of f's does not.
func (ss *selectConn) result(f func(values [][]byte) error) error {
	ss.unread--
	ss.seq = 1
	said, err := ss.rows(f)
	ss.broken = ss.broken || err != nil && !said
	return err
}

// rows reads a result; said tells whether the error is what the server answered.
func (ss *selectConn) rows(f func(values [][]byte) error) (said bool, err error) {
	head, said, err := ss.answer()
	if err != nil || head[0] == mysql.OK_HEADER {
		return said, err
	}
	c := wire.Cursor{B: head}
	columns := c.Lenenc()
	if c.Bad || c.Left() != 0 || columns > maxColumns {
		return false, fmt.Errorf("%w: a result that begins with byte %#x", ErrCorrupt, head[0])
	}
	for range columns + 1 { // their names, and an end
		if _, said, err := ss.answer(); err != nil {
			return said, err
		}
	}
	for {
		p, said, err := ss.answer()
		if err != nil {
			return said, err
		}
		if p[0] == mysql.EOF_HEADER && len(p) < 9 { // else a value of 16 MiB or more
			return false, nil
		}
		if f == nil {
			continue
		}
		if ss.values, err = rowValues(ss.values[:0], p, int(columns)); err != nil {
			return false, err
		}
		if err := f(ss.values); err != nil {
			return false, err
		}
	}
}

// answer is the next packet, or the error that it says.
func (ss *selectConn) answer() (p []byte, said bool, err error) {
	p, err = ss.packet()
	switch {
	case err == errSilent:
		return nil, false, fmt.Errorf("the database gave no answer for %v", ss.patience)
	case err != nil:
		return nil, false, err
	case len(p) == 0:
		return nil, false, fmt.Errorf("%w: an empty packet", ErrCorrupt)
	case p[0] == mysql.ERR_HEADER:
		return nil, true, plainError(ss.conn.HandleErrorPacket(bytes.Clone(p))) // the error's text is a view of it
	}
	return p, false, nil
}

// rowValues splits a row of the text protocol. The values are views of it.
func rowValues(to [][]byte, p []byte, columns int) ([][]byte, error) {
	const null = 0xfb
	c := wire.Cursor{B: p}
	for range columns {
		if c.At < len(p) && p[c.At] == null {
			c.At++
			to = append(to, nil)
			continue
		}
		to = append(to, c.Take(c.Length()))
	}
	if c.Bad || c.Left() != 0 {
		return to, fmt.Errorf("%w: a row that is cut short", ErrCorrupt)
	}
	return to, nil
}

// rest reads the results that nobody wants any more.
func (ss *selectConn) rest() {
	for ss.unread > 0 && !ss.broken {
		_ = ss.result(nil) // a broken connection is seen as such
	}
}

// pool keeps connections for the next Select, for a few seconds.
type pool struct {
	mu     sync.Mutex
	idle   []*selectConn // the last is the newest
	closed bool
}

// take is an idle connection, nil if there is none.
func (p *pool) take() *selectConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n := len(p.idle) - 1; n >= 0; n-- {
		ss := p.idle[n]
		p.idle = p.idle[:n]
		if ss.idle.Stop() {
			ss.kept = true
			return ss
		}
	}
	return nil
}

// give takes a connection back, or closes it if it is of no more use.
func (p *pool) give(ss *selectConn) {
	if ss.broken {
		ss.close()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		ss.end()
		return
	}
	ss.idle = time.AfterFunc(keepSession, func() {
		p.remove(ss)
		ss.end()
	})
	p.idle = append(p.idle, ss)
}

func (p *pool) remove(ss *selectConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.idle {
		if p.idle[i] == ss {
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			return
		}
	}
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, ss := range p.idle {
		if ss.idle.Stop() {
			ss.end()
		}
	}
	p.idle = nil
}

// end closes the connection in the protocol's order.
func (ss *selectConn) end() {
	quit(ss.conn)
	ss.close()
}
