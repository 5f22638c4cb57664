//go:build linux

package main

import (
	"fmt"
	"time"
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
