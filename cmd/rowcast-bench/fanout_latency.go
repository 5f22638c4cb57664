//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"golang.org/x/sys/unix"
)

// latency: a thousand clients, and one beside mysqlbinlog. A commit happens
// between the sending of its INSERT and the server's OK: both are shown.
func (f fanout) latency() error {
	list := f.contenders()
	g := grid{head: []string{"20 rows/s, ms until the client has them", "from before publishing: p50", "p99", "from its OK: p50", "p99"}}
	for _, n := range []int{f.scaled(1000), 1} {
		title := fmt.Sprintf("%d clients", n)
		if n == 1 {
			title = "1 client"
		}
		with := list
		seen := &binlogWatch{}
		if n == 1 {
			with = append([]contender{{"rowcast", func() (*target, error) { return f.watched(seen) }}}, list[1:]...)
		}
		all, err := f.rounds(title, with, load{clients: n, rate: 20, duration: f.Duration, settle: time.Second})
		if err != nil {
			return err
		}
		for i, c := range with {
			g.add(append([]string{title + ": " + c.name}, all[i].delays()...)...)
		}
		if n == 1 {
			g.add("the same rows: mysqlbinlog --raw --stop-never", figure(median(seen.p50)), figure(median(seen.p99)), "", "")
			g.add("the same rows: the INSERT itself, to its OK", figure(median(seen.insertP50)), figure(median(seen.insertP99)), "", "")
		}
	}
	g.print(f.out)
	return nil
}

// delays are the cells of a row of latencies: from before publishing, and from
// the OK that the publisher got.
func (r results) delays() []string {
	acked := func(of func(result) float64) string { return fmt.Sprintf("%.2f", r.median(of)) }
	return []string{figure(r.median(p50)), figure(r.median(p99)),
		acked(func(r result) float64 { return r.acked50 }), acked(func(r result) float64 { return r.acked99 })}
}

// binlogWatch is what `mysqlbinlog --raw --stop-never` sees of the rows that a
// target publishes, and how long their INSERTs take: milliseconds, a value for
// each round.
type binlogWatch struct{ p50, p99, insertP50, insertP99 []float64 }

// watched is plain with mysqlbinlog beside it, on a binlog file of its own.
func (f fanout) watched(w *binlogWatch) (*target, error) {
	if err := f.s.Exec("FLUSH BINARY LOGS"); err != nil {
		return nil, err
	}
	logs, err := f.s.Query("SHOW BINARY LOGS")
	if err != nil {
		return nil, err
	}
	file := logs[len(logs)-1][0]
	var inserts hist
	t, err := f.rowcast(f.s, feedTables, at("/events/feed"), func(c *client.Conn, n int64) error {
		start := time.Now()
		defer func() { inserts.add(int64(time.Since(start))) }()
		return insertFeed(c, n)
	})
	if err != nil {
		return nil, err
	}
	delays, end, err := f.stopNever(file)
	if err != nil {
		return nil, errors.Join(err, t.stop())
	}
	stop := t.stop
	t.stop = func() error {
		err := errors.Join(stop(), end())
		if err == nil && delays.n < inserts.n {
			err = fmt.Errorf("mysqlbinlog saw %d of %d rows", delays.n, inserts.n)
		}
		w.p50, w.p99 = append(w.p50, delays.quantile(0.5)), append(w.p99, delays.quantile(0.99))
		w.insertP50, w.insertP99 = append(w.insertP50, inserts.quantile(0.5)), append(w.insertP99, inserts.quantile(0.99))
		return err
	}
	return t, nil
}

// stopNever has mysqlbinlog copy a binlog file as it grows. delays are valid once
// end has returned.
func (f fanout) stopNever(file string) (delays *hist, end func() error, err error) {
	dir, err := os.MkdirTemp(f.dir, "raw-")
	if err != nil {
		return nil, nil, err
	}
	notify, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, nil, err
	}
	if _, err := unix.InotifyAddWatch(notify, dir, unix.IN_MODIFY); err != nil {
		unix.Close(notify)
		return nil, nil, err
	}
	changes := os.NewFile(uintptr(notify), "inotify")
	ctx, cancel := context.WithCancel(f.ctx)
	ended, followed := make(chan error, 1), make(chan error, 1) // each takes the one result, whenever it is asked for
	go func() {
		_, err := f.s.Binlog(ctx, "--raw", "--stop-never", "--read-from-remote-server", "--host=127.0.0.1", "--port="+strconv.Itoa(f.s.Port()),
			"--user="+f.s.User(), "--password="+f.s.Password(), "--result-file="+dir+string(filepath.Separator), file)
		ended <- err
	}()
	path := filepath.Join(dir, file)
	delays = &hist{}
	go func() { followed <- follow(changes, path, delays) }()
	end = func() error {
		cancel()
		err := <-ended
		if ctx.Err() != nil {
			err = nil // that was us
		}
		return errors.Join(err, changes.Close(), <-followed)
	}
	present := func() bool {
		info, err := os.Stat(path)
		return err == nil && info.Size() > 0
	}
	if !waitFor(f.ctx, startTimeout, present) {
		return nil, nil, errors.Join(errors.New("mysqlbinlog --stop-never writes nothing"), end())
	}
	return delays, end, nil
}

// follow reads a growing file whenever it has changed, until changes is closed.
func follow(changes *os.File, path string, delays *hist) error {
	event, buf := make([]byte, 4096), make([]byte, 64<<10)
	var tail []byte
	var file *os.File
	last := int64(0)
	for {
		if _, err := changes.Read(event); err != nil {
			if file != nil {
				file.Close()
			}
			return nil // closed
		}
		if file == nil {
			var err error
			if file, err = os.Open(path); err != nil {
				continue // another file of that folder
			}
		}
		n, err := file.Read(buf)
		if err != nil && err != io.EOF {
			return errors.Join(err, file.Close())
		}
		now := time.Now().UnixNano()
		tail = marks(append(tail, buf[:n]...), func(t, n int64) {
			if n > last { // MariaDB logs the statement's text as well
				last = n
				delays.add(now - t)
			}
		})
	}
}

// marks calls f for each mark in b and returns what may be the start of another.
func marks(b []byte, f func(t, n int64)) []byte {
	for {
		i := bytes.IndexByte(b, markStart[0])
		if i < 0 {
			return nil
		}
		if b = b[i:]; len(b) < markSize {
			return b
		}
		if t, n, ok := parseMark(b[:markSize]); ok {
			f(t, n)
		}
		b = b[1:]
	}
}
