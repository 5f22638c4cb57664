//go:build linux

package main

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// beside: rows for one client while others are connected and get nothing.
// Heartbeats are off for the rows, so that nothing else is counted, and on for
// the time at rest. That many sockets cost the machine something by themselves,
// in caches and timers: so there is a server with few clients beside another
// program that has the others, and does nothing.
func (f fanout) beside() error {
	const few = 100
	many := f.scaled(15_000)
	if err := f.s.Exec("CREATE TABLE IF NOT EXISTS bench.quiet (id BIGINT PRIMARY KEY AUTO_INCREMENT, body VARCHAR(255) NOT NULL)"); err != nil {
		return err
	}
	start := func(idle int, heartbeat string) maker {
		return func() (*target, error) { return f.quiet(idle, heartbeat) }
	}
	list := []contender{
		{fmt.Sprintf("%d idle", few), start(few, "10m")},
		{fmt.Sprintf("%d idle", many), start(many, "10m")},
		{fmt.Sprintf("%d idle, the rest of %d another program's", few, many), func() (*target, error) {
			return f.crowded(start(few, "10m"), max(1, many-few))
		}},
	}
	busy, err := f.rounds("beside", list, load{rate: 200, duration: f.Duration, settle: f.shorter(8 * time.Second)})
	if err != nil {
		return err
	}
	resting := []contender{{list[0].name, start(few, "15s")}, {list[1].name, start(many, "15s")}}
	idle, err := f.rounds("at rest", resting, load{rate: -1, settle: f.shorter(8 * time.Second), rest: f.shorter(16 * time.Second)})
	if err != nil {
		return err
	}
	g := grid{head: []string{"a row to 1 client, beside", "CPU ms per 1,000 rows", "times that beside the first", "p50 ms", "CPU at rest, heartbeats of 15 s"}}
	for i, c := range list {
		share := ""
		if i < len(idle) {
			share = fmt.Sprintf("%.1f %%", 100*idle[i].median(func(r result) float64 { return r.restCPU }))
		}
		v := busy[i].median(cpuPerMillion) // seconds per million are milliseconds per thousand
		g.add(c.name, figure(v), ratio(v, busy[0].median(cpuPerMillion)), figure(busy[i].median(p50)), share)
	}
	g.print(f.out)
	return nil
}

// quiet is rowcast with one client that gets rows, and idle ones that get none.
func (f fanout) quiet(idle int, heartbeat string) (*target, error) {
	path := func(i int) string {
		if i == 0 {
			return "/events/feed"
		}
		return "/events/quiet"
	}
	tables := feedTables + strings.ReplaceAll(feedTables, "feed", "quiet")
	t, err := f.rowcast(f.s, "[stream]\nheartbeat = \""+heartbeat+"\"\n"+tables, path, insertFeed)
	if err == nil {
		t.clients = idle + 1
		t.want = func(i int, n int64) int64 {
			if i == 0 {
				return n
			}
			return 0
		}
	}
	return t, err
}

// crowded is a target beside another program's n idle connections.
func (f fanout) crowded(start maker, n int) (*target, error) {
	other, err := f.bare()
	if err != nil {
		return nil, err
	}
	c, err := openClients(f.ctx, other.addr, n, other.path)
	if err != nil {
		return nil, errors.Join(err, other.stop())
	}
	t, err := start()
	if err != nil {
		return nil, errors.Join(err, c.close(), other.stop())
	}
	stop := t.stop
	t.stop = func() error { return errors.Join(stop(), c.close(), other.stop()) }
	return t, nil
}
