//go:build linux

package main

import (
	"errors"
	"fmt"
	"time"

	"rowcast/internal/throwaway"
)

type fanoutCmd struct {
	Duration time.Duration `default:"10s" help:"How long events are published in each measurement."`
	Scale    float64       `default:"1" help:"Numbers of clients are multiplied by this: less for a quick look."`
	Alone    bool          `help:"Leave out the peers."`
	Only     string        `help:"Measure these alone: shared, saturated, idle, latency, many or beside."`
}

func (f *fanoutCmd) Run(b *bench) (err error) {
	s, err := b.database()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Exec("CREATE DATABASE bench CHARACTER SET utf8mb4",
		"CREATE TABLE bench.feed (id BIGINT PRIMARY KEY AUTO_INCREMENT, body VARCHAR(255) NOT NULL)"); err != nil {
		return err
	}
	fmt.Fprintf(b.out, "**Fan-out**: rows of %d bytes, each inserted by an INSERT of its own into %s %s; nothing missing, nothing twice.\n\n", eventSize, s.Flavor(), s.Version())
	r := fanout{bench: b, fanoutCmd: f, s: s}
	for _, part := range []struct {
		name string
		run  func() error
	}{
		{"shared", r.shared}, {"saturated", r.saturated}, {"latency", r.latency}, {"idle", r.idle}, {"many", r.many}, {"beside", r.beside},
	} {
		if f.Only != "" && f.Only != part.name {
			continue
		}
		if err := part.run(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// fanout is a run of the fan-out benchmarks on one database.
type fanout struct {
	*bench
	*fanoutCmd
	s *throwaway.Server
}

func (f fanout) scaled(n int) int { return max(1, int(float64(n)*f.Scale)) }

// shorter is d, or less for a quick look.
func (f fanout) shorter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * min(1, f.Scale))
}

// contender is a way to serve a load.
type contender struct {
	name  string
	start maker
}

func (f fanout) contenders() []contender {
	list := []contender{{"rowcast", f.plain}}
	if f.Alone {
		return list
	}
	list = append(list, contender{"bare loop of writes", f.bare})
	if findNginx() != "" {
		list = append(list, contender{"nchan", f.nchan})
	}
	return list
}

// plain is rowcast with one stream that all clients follow.
func (f fanout) plain() (*target, error) {
	return f.rowcast(f.s, feedTables, at("/events/feed"), insertFeed)
}

// rounds measures the contenders in turn.
func (f fanout) rounds(what string, list []contender, l load) ([]results, error) {
	all := make([]results, len(list))
	for round := range f.Rounds {
		for i, c := range list {
			r, err := f.measure(c.start, l)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			f.logf("%s, round %d: %-20s %6.2f CPU s/M, p50 %.2f ms, p99 %.2f ms, %.0f/s, %.2f kB/client", what, round+1, c.name,
				r.cpuPerMillion, r.p50, r.p99, r.perSecond, r.perClient)
			all[i] = append(all[i], r)
		}
	}
	return all, nil
}

// results of one contender's rounds.
type results []result

func (r results) median(of func(result) float64) float64 {
	var values []float64
	for _, one := range r {
		values = append(values, of(one))
	}
	return median(values)
}

func cpuPerMillion(r result) float64 { return r.cpuPerMillion }
func perSecond(r result) float64     { return r.perSecond }
func p50(r result) float64           { return r.p50 }
func p99(r result) float64           { return r.p99 }
func perClient(r result) float64     { return r.perClient }

// shared: many clients, a steady rate.
func (f fanout) shared() error {
	l := load{clients: f.scaled(5000), rate: 20, duration: f.Duration, settle: time.Second}
	title := fmt.Sprintf("%d clients × %.0f rows/s", l.clients, l.rate)
	list := f.contenders()
	all, err := f.rounds(title, list, l)
	if err != nil {
		return err
	}
	g := grid{head: []string{title, "CPU s per million deliveries", "rowcast is", "p50 ms", "p99 ms"}}
	for i, c := range list {
		g.add(c.name, figure(all[i].median(cpuPerMillion)), times(i, all[0].median(cpuPerMillion), all[i].median(cpuPerMillion)),
			figure(all[i].median(p50)), figure(all[i].median(p99)))
	}
	g.print(f.out)
	if worst := all[0].median(p50); worst > 1000/l.rate/2 {
		fmt.Fprintf(f.out, "Not to be quoted: half of rowcast's deliveries came %s ms late or more, so that it joined rows, and wrote less often than the loop. The machine was too busy.\n\n", figure(worst))
	}
	return nil
}

// times tells rowcast's figure as a multiple of contender i's.
func times(i int, ours, theirs float64) string {
	if i == 0 {
		return ""
	}
	return ratio(ours, theirs) + " ×"
}

// saturated: events as fast as they are taken.
func (f fanout) saturated() error {
	l := load{clients: f.scaled(1000), duration: f.Duration, settle: time.Second}
	title := fmt.Sprintf("%d clients, saturated (%d rows in flight)", l.clients, inFlight)
	list := f.contenders()
	all, err := f.rounds(title, list, l)
	if err != nil {
		return err
	}
	g := grid{head: []string{title, "CPU s per million deliveries", "rowcast is", "deliveries/s", "rowcast is"}}
	for i, c := range list {
		g.add(c.name, figure(all[i].median(cpuPerMillion)), times(i, all[0].median(cpuPerMillion), all[i].median(cpuPerMillion)),
			figure(all[i].median(perSecond)), times(i, all[0].median(perSecond), all[i].median(perSecond)))
	}
	g.print(f.out)
	return nil
}

// idle: memory of clients to whom nothing is sent.
func (f fanout) idle() error {
	list := f.contenders()
	g := grid{head: []string{"memory per idle connection, kB", "10,000 clients", "18,000 clients"}}
	rows := make([][]string, len(list))
	for _, n := range []int{10_000, 18_000} {
		all, err := f.rounds("idle", list, load{clients: f.scaled(n), rate: -1, settle: f.shorter(8 * time.Second)})
		if err != nil {
			return err
		}
		for i := range list {
			rows[i] = append(rows[i], figure(all[i].median(perClient)))
		}
	}
	for i, c := range list {
		g.add(append([]string{c.name}, rows[i]...)...)
	}
	g.print(f.out)
	return nil
}
