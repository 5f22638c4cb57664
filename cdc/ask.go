package cdc

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"
)

// ask runs a query whose answer is small; NULL is "". what is for its error: "ask for …".
func ask(c *client.Conn, what, sql string, args ...any) ([][]string, error) {
	rows, err := textRows(c, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, explain(err))
	}
	return rows, nil
}

// formerly is how servers before MySQL 8.2 and 8.0.22, and all of MariaDB, spell a statement.
var formerly = map[string]string{
	"SHOW BINARY LOG STATUS": "SHOW MASTER STATUS",
	"SHOW REPLICAS":          "SHOW SLAVE HOSTS",
}

func textRows(c *client.Conn, sql string, args ...any) ([][]string, error) {
	r, err := c.Execute(sql, args...)
	if my, ok := errors.AsType[*mysql.MyError](err); ok && my.Code == mysql.ER_PARSE_ERROR && formerly[sql] != "" {
		r, err = c.Execute(formerly[sql])
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if r.Resultset == nil {
		return nil, nil
	}
	rows := make([][]string, r.RowNumber())
	for i := range rows {
		for j := range r.ColumnNumber() {
			if null, err := r.IsNull(i, j); err == nil && null {
				rows[i] = append(rows[i], "")
				continue
			}
			s, err := r.GetString(i, j)
			if err != nil {
				return nil, err
			}
			rows[i] = append(rows[i], strings.Clone(s))
		}
	}
	return rows, nil
}

// endOf asks where the binlog ends now: a checkpoint without lineage, by the
// server's word.
func endOf(c *client.Conn) (Position, error) {
	const what = "ask where the binlog ends"
	rows, err := ask(c, what, "SHOW BINARY LOG STATUS")
	if err != nil {
		return Position{}, err
	}
	if len(rows) == 0 {
		return Position{}, fmt.Errorf("%w: binary logging is off; set log_bin in the server's configuration and restart it", ErrNotReplicable)
	}
	file := rows[0][0]
	n, err := strconv.ParseUint(rows[0][1], 10, 64)
	if err != nil {
		return Position{}, fmt.Errorf("%s: %w", what, err)
	}
	return endAt(file, n)
}

// endAt is the checkpoint at the end of a file, as a server says it.
func endAt(file string, n uint64) (Position, error) {
	if n > maxOffset { // after a group of over 4 GiB; the server turns to a new file next
		return Position{}, fmt.Errorf("the binlog ends at %s/%d, where no dump can start; run FLUSH BINARY LOGS", file, n)
	}
	return Checkpoint(file, uint32(n), 0)
}

// clockOf is how far the server's clock is ahead of ours: ages of events are by its clock.
func clockOf(c *client.Conn) (time.Duration, error) {
	rows, err := ask(c, "ask for the server's time", "SELECT UNIX_TIMESTAMP(NOW(6))")
	if err != nil {
		return 0, err
	}
	seconds, err := strconv.ParseFloat(rows[0][0], 64)
	if err != nil {
		return 0, fmt.Errorf("ask for the server's time: %w", err)
	}
	return time.Duration(seconds*1e9 - float64(time.Now().UnixNano())).Round(time.Millisecond), nil
}

// foldsNames tells whether the server takes Picks and picks for one table. Statements
// are then logged as they were typed, and everything else in lower case.
func foldsNames(c *client.Conn) (bool, error) {
	rows, err := ask(c, "ask for lower_case_table_names", "SELECT @@global.lower_case_table_names")
	return err == nil && rows[0][0] != "0", err
}

type binlogFile struct {
	name string
	size uint64 // bytes
}

// filesOf lists the binlog files that the server holds, oldest first.
func filesOf(c *client.Conn) (files []binlogFile, err error) {
	rows, err := ask(c, "list the binlog files", "SHOW BINARY LOGS")
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		size, err := strconv.ParseUint(row[1], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("list the binlog files: %w", err)
		}
		files = append(files, binlogFile{row[0], size})
	}
	return files, nil
}

// freeServerID picks a server id that no replica uses: a second replica of the
// same id makes the server end the first one's dump.
func freeServerID(c *client.Conn) uint32 {
	rows, _ := textRows(c, "SHOW REPLICAS") // if a privilege is missing, the dump will ask for it and name it
	taken := map[string]bool{}
	for _, row := range rows {
		taken[row[0]] = true
	}
	for {
		// Small numbers are what people give their own servers.
		if id := 1<<20 + rand.Uint32N(1<<31); !taken[strconv.FormatUint(uint64(id), 10)] {
			return id
		}
	}
}

// lineage reads when a file was begun.
func (s *Source) lineage(ctx context.Context, at Position) (uint32, error) {
	p, err := s.placeOf(ctx, at)
	return p.lineage, err
}

// placeOf opens a dump at a checkpoint just to see its format description.
func (s *Source) placeOf(ctx context.Context, at Position) (place, error) {
	p := place{file: at.file, end: uint64(at.pos)}
	err := s.each(ctx, at, func(e *event) (bool, error) {
		if _, err := p.follow(e); err != nil {
			return true, err
		}
		return p.known, nil
	})
	return p, err
}

// Now is the checkpoint at the server's current end.
func (s *Source) Now(ctx context.Context) (Position, error) {
	c, err := s.connect(ctx)
	if err != nil {
		return Position{}, err
	}
	defer quit(c)
	st := s.Status() // first: the reading goes on while we ask
	at, err := endOf(c)
	if err != nil {
		return Position{}, err
	}
	// The file that the live reading is in has been identified already. (One that
	// was started again under its name since ends before that reading, or breaks it.)
	if st.Connected && st.Position.file == at.file && st.Position.checked && st.Position.pos <= at.pos {
		return Checkpoint(at.file, at.pos, st.Position.lineage)
	}
	p, err := s.placeOf(ctx, at)
	if err != nil {
		return Position{}, err
	}
	return Checkpoint(at.file, at.pos, p.lineage)
}
