//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-mysql-org/go-mysql/client"

	"rowcast/internal/throwaway"
)

type pollCmd struct {
	Duration time.Duration `default:"10s" help:"How long rows are inserted in each measurement."`
	Every    time.Duration `default:"2s" help:"How often a poller polls."`
	Clients  int           `default:"1000" help:"Clients beside the one."`
	Rest     time.Duration `default:"20s" help:"How long queries at rest are counted."`
}

func (p *pollCmd) Run(b *bench) (err error) {
	s, err := b.database()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Exec("CREATE DATABASE bench CHARACTER SET utf8mb4",
		"CREATE TABLE bench.feed (id BIGINT PRIMARY KEY AUTO_INCREMENT, body VARCHAR(255) NOT NULL)"); err != nil {
		return err
	}
	g := grid{head: []string{"20 rows/s, ms until the client has them", "from before the INSERT: p50", "p99", "from its OK: p50", "p99"}}
	f := fanout{bench: b, s: s}
	for _, n := range []int{1, p.Clients} {
		all, err := f.rounds(fmt.Sprintf("%d clients", n), []contender{{"rowcast", f.plain}},
			load{clients: n, rate: 20, duration: p.Duration, settle: time.Second})
		if err != nil {
			return err
		}
		g.add(append([]string{fmt.Sprintf("rowcast, %d clients", n)}, all[0].delays()...)...)
		delays, err := p.poll(b, s, n)
		if err != nil {
			return err
		}
		g.add(fmt.Sprintf("the table polled every %s, %d clients", p.Every, n), figure(delays.quantile(0.5)), figure(delays.quantile(0.99)), "", "")
	}
	g.print(b.out)
	return p.atRest(b, s, f)
}

// pollers share so many connections: with one each, the server's limit ends it.
const pollConnections = 50

// poll is n clients that ask for new rows by SQL.
func (p *pollCmd) poll(b *bench, s *throwaway.Server, n int) (*hist, error) {
	ctx, cancel := context.WithCancelCause(b.ctx)
	defer cancel(nil)
	pool := make(chan *client.Conn, pollConnections) // all of them fit
	for range pollConnections {
		c, err := s.Conn()
		if err != nil {
			return nil, err
		}
		defer c.Close()
		pool <- c
	}
	newest, err := s.Query("SELECT COALESCE(MAX(id), 0) FROM bench.feed")
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var delays hist
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if err := p.client(ctx, pool, newest[0][0], &mu, &delays); err != nil {
				cancel(err)
			}
		})
	}
	c := <-pool
	start := time.Now()
	for i := 0; time.Since(start) < max(p.Duration, 5*p.Every) && ctx.Err() == nil; i++ {
		time.Sleep(time.Until(start.Add(time.Duration(i) * time.Second / 20)))
		if err := insertFeed(c, int64(i+1)); err != nil {
			cancel(err)
		}
	}
	pool <- c
	cancel(nil)
	wg.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return nil, err
	}
	return &delays, nil
}

// client polls from a moment of its own on.
func (p *pollCmd) client(ctx context.Context, pool chan *client.Conn, last string, mu *sync.Mutex, delays *hist) error {
	wait := time.NewTimer(rand.N(p.Every))
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-wait.C:
		}
		wait.Reset(p.Every)
		c := <-pool
		r, err := c.Execute("SELECT id, body FROM bench.feed WHERE id > " + last + " ORDER BY id")
		now := time.Now().UnixNano()
		if err == nil {
			mu.Lock()
			for i := range r.RowNumber() {
				text, _ := r.GetString(i, 1) // a column that was asked for
				if t, _, ok := parseMark([]byte(text[:markSize])); ok {
					delays.add(now - t)
				}
				last, _ = r.GetString(i, 0)
				last = strings.Clone(last)
			}
			mu.Unlock()
			r.Close()
		}
		pool <- c
		if err != nil {
			return err
		}
	}
}

// atRest counts what rowcast asks the database while nothing happens, and what
// it holds of memory.
func (p *pollCmd) atRest(b *bench, s *throwaway.Server, f fanout) (err error) {
	const n = 200
	t, err := f.plain()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.stop()) }()
	time.Sleep(time.Second)
	alone, err := t.memory()
	if err != nil {
		return err
	}
	c, err := openClients(b.ctx, t.addr, n, t.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	time.Sleep(2 * time.Second)
	cpu, err := t.cpu()
	if err != nil {
		return err
	}
	before, err := questions(s)
	if err != nil {
		return err
	}
	time.Sleep(p.Rest)
	after, err := questions(s)
	if err != nil {
		return err
	}
	used, err := t.cpu()
	if err != nil {
		return err
	}
	memory, err := t.memory()
	if err != nil {
		return err
	}
	g := grid{head: []string{fmt.Sprintf("rowcast at rest for %s", p.Rest), ""}}
	g.add(fmt.Sprintf("queries per second with %d clients", n), fmt.Sprint(float64(after-before-1)/p.Rest.Seconds())) // one is ours
	g.add(fmt.Sprintf("CPU with %d clients", n), fmt.Sprintf("%.2f %%", 100*(used-cpu)/p.Rest.Seconds()))
	g.add("memory without clients", fmt.Sprintf("%.1f MB", alone/1024))
	g.add(fmt.Sprintf("memory with %d clients", n), fmt.Sprintf("%.1f MB", memory/1024))
	g.print(b.out)
	return nil
}

// questions is how many statements clients have sent to the server so far.
func questions(s *throwaway.Server) (int, error) {
	rows, err := s.Query("SHOW GLOBAL STATUS LIKE 'Questions'")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(rows[0][1])
}
