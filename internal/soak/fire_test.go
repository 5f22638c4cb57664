package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"rowcast/internal/throwaway"
)

// fire is one server under fire.
type fire struct {
	*schema
	t       *testing.T
	ctx     context.Context
	plan    *planner
	flavor  throwaway.Flavor
	s       *throwaway.Server
	faults  *faults
	load    *load
	known   *statements
	quiet   *quiet
	subs    []*subscriber
	mirrors int // of the subscribers, how many keep copies
	length  time.Duration
	report  *report
	final   map[int][]row // of the last snapshot

	baseGoroutines, baseFiles []int
}

// TestExactUnderFire: writers, subscribers and faults at random, then the truth.
func TestExactUnderFire(t *testing.T) {
	underFire(t, func(f *fire) {
		f.schema = fireTables()
		f.length = orElse(*duration, either(25*time.Second, 15*time.Minute))
		f.load = &load{maxID: 3000, xaOf: []int{0, 1, 3, 4}, target: int64(orElse(*changes, either(15_000, 1_000_000)))}
		f.build(serverArgs(f.plan.rng("server", 0), f.flavor))
		f.storm(f.faults.start)
	})
}

// underFire runs a storm on each server, and judges what came of it.
func underFire(t *testing.T, storm func(f *fire)) {
	p := plan(t)
	all := &reports{}
	t.Cleanup(func() { t.Logf("seed %d\n%s", p.seed, all) })
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		f := &fire{t: t, ctx: t.Context(), plan: p, flavor: flavor, known: &statements{}, mirrors: 3, report: &report{name: string(flavor)}}
		all.add(f.report)
		storm(f)
		f.calm()
		f.leaks()
		f.judge()
	})
}

// serverArgs are part of the plan.
func serverArgs(rng *rand.Rand, flavor throwaway.Flavor) []string {
	args := []string{"--binlog-row-metadata=" + metadata(flavor, rng.IntN(2) == 0),
		fmt.Sprintf("--max-binlog-size=%d", 16384<<rng.IntN(either(4, 7))),
		fmt.Sprintf("--binlog-row-event-max-size=%d", 256<<rng.IntN(6))}
	if flavor == throwaway.MariaDB && rng.IntN(2) == 0 {
		args = append(args, "--log-bin-compress", "--log-bin-compress-min-len=10")
	}
	return args
}

// metadata is how much table maps say: everything, or what servers say by default.
func metadata(flavor throwaway.Flavor, full bool) string {
	switch {
	case full:
		return "FULL"
	case flavor == throwaway.MariaDB:
		return "NO_LOG"
	}
	return "MINIMAL"
}

// build starts the server, two instances of rowcast, and proxies on both sides.
func (f *fire) build(args []string) {
	t := f.t
	program(t)
	t.Log(strings.Join(args, " "))
	f.s = throwaway.Test(t, f.flavor, args...)
	if err := f.s.Exec(f.schema.sql()...); err != nil {
		t.Fatal(err)
	}
	f.quiet = newQuiet(f)
	f.load.schema, f.load.s, f.load.quiet = f.schema, f.s, f.quiet
	f.faults = &faults{t: t, s: f.s, counts: map[string]int{}}
	for n := range 2 {
		db := newProxy(t, f.s.Addr(), nil)
		config := func(extra bool) string { return f.config(n, db.addr()) + f.schema.config(extra) }
		i := newInstance(t, fmt.Sprintf("%s-%d", f.flavor, n), config(false))
		f.faults.instances = append(f.faults.instances, i)
		f.faults.databases = append(f.faults.databases, db)
		f.faults.fronts = append(f.faults.fronts, newProxy(t, i.http, nil))
		f.faults.configs = append(f.faults.configs, config)
		if err := i.start(); err != nil {
			t.Fatal(err)
		}
	}
	for _, i := range f.faults.instances {
		if hinders := i.ready(f.ctx, time.Minute); hinders != "" {
			t.Fatalf("%s: %s", i.name, hinders)
		}
		goroutines, files, err := i.footprint(f.ctx)
		if err != nil {
			t.Fatal(err)
		}
		f.baseGoroutines, f.baseFiles = append(f.baseGoroutines, goroutines), append(f.baseFiles, files)
	}
}

// config of the nth instance: a small history, so that replays are the rule.
func (f *fire) config(n int, addr string) string {
	text := fmt.Sprintf("[source]\naddr = %q\nuser = %q\npassword = %q\n", addr, f.s.User(), f.s.Password())
	if n == 0 {
		text += fmt.Sprintf("tls = \"off\"\nserver_id = %d\n", thiefID)
	}
	return text + fmt.Sprintf("[stream]\nheartbeat = \"500ms\"\nretry = \"100ms\"\nhistory = \"%dKiB\"\nmax_replays = %d\n", 128<<(2*n), 2+2*n)
}

// subscribe makes the subscribers; the first ones keep copies of their tables, and
// together they have every stream.
func (f *fire) subscribe() {
	list := f.streamed()
	for n := range either(10, 16) {
		rng := f.plan.rng("subscriber", n)
		var streams []int
		if n < f.mirrors {
			for k := n; k < len(list); k += f.mirrors {
				streams = append(streams, list[k])
			}
		} else {
			for _, k := range rng.Perm(len(list))[:1+rng.IntN(len(list))] {
				streams = append(streams, list[k])
			}
		}
		s := newSubscriber(f.schema, fmt.Sprintf("subscriber %d", n), rng, f.t.Errorf, streams...)
		s.bindAny()
		s.retry = 100 * time.Millisecond
		if n < f.mirrors {
			s.mirror = newMirror(s, f.quiet)
		}
		f.subs = append(f.subs, s)
	}
	for n := range either(4, 6) {
		s := newRowSubscriber(f.schema, fmt.Sprintf("rows %d", n), f.plan.rng("rows", n), f.t.Errorf)
		s.retry = 100 * time.Millisecond
		f.subs = append(f.subs, s)
	}
}

// storm has load, subscribers and faults; the subscribers go on after it.
func (f *fire) storm(faults func(ctx context.Context, wg *sync.WaitGroup, p *planner)) {
	f.subscribe()
	storm, over := context.WithTimeout(f.ctx, f.length)
	defer over()
	var addrs []string
	for _, p := range f.faults.fronts {
		addrs = append(addrs, p.addr())
	}
	subsCtx, stop := context.WithCancel(f.ctx)
	var subs, work sync.WaitGroup
	f.t.Cleanup(func() { stop(); subs.Wait() })
	for _, s := range f.subs {
		subs.Go(func() { s.run(subsCtx, storm, addrs) })
	}
	// The copies are of whole tables, so they begin before the first row.
	eventually(f.t, time.Minute, "the first subscribers", func() string {
		for _, s := range f.subs[:f.mirrors] {
			if s.reached.Load() == 0 {
				return s.name + " has no checkpoint yet"
			}
		}
		return ""
	})
	f.report.stop = func() { stop(); subs.Wait() }
	f.load.pace, f.load.begun = f.length, time.Now()
	for n := range 4 {
		w := &writer{load: f.load, n: n, rng: f.plan.rng("writer", n)}
		work.Go(func() { w.run(storm) })
	}
	work.Go(func() { f.quiet.run(storm, either(4*time.Second, 20*time.Second)) })
	watch, unwatch := context.WithCancel(f.ctx)
	var watching sync.WaitGroup
	for n, i := range f.faults.instances {
		watching.Go(func() { i.watch(watch) })
		for _, p := range []*proxy{f.faults.databases[n], f.faults.fronts[n]} {
			p.mu.Lock()
			p.rng = f.plan.rng("proxy "+p.target[:9], n)
			p.mu.Unlock()
		}
	}
	f.t.Cleanup(func() { unwatch(); watching.Wait() })
	faults(storm, &work, f.plan)
	work.Wait()
	f.t.Logf("storm over: %d changes written, %d statements failed", f.load.written.Load(), f.load.errors.Load())
}

// calm ends what is half done and waits until every subscriber has it all.
func (f *fire) calm() {
	for n := range f.faults.instances {
		f.faults.databases[n].calm()
		f.faults.fronts[n].calm()
	}
	f.endXA()
	f.quiet.final = true
	for range 2 { // the first is for copies that wait for one
		if err := f.quiet.take(); err != nil {
			f.t.Fatal(err)
		}
	}
	for _, i := range f.faults.instances {
		if hinders := i.ready(f.ctx, 90*time.Second); hinders != "" {
			f.t.Fatalf("%s, after the faults: %s", i.name, hinders)
		}
	}
	last := f.quiet.nth(f.quiet.count() - 1).at
	end := uint64(last.file)<<32 | uint64(last.pos)
	begun := time.Now()
	hinders := within(f.ctx, either(90*time.Second, 5*time.Minute), func() string {
		for _, s := range f.subs {
			if r := s.reached.Load(); r < end && !s.gaveUp.Load() {
				return fmt.Sprintf("%s (streams %v) is at %d/%d, the binlog ends at %d/%d", s.name, s.streams, r>>32, uint32(r), last.file, last.pos)
			}
			if s.rows != nil && !s.rows.settled.Load() && !s.gaveUp.Load() {
				return s.name + " has not all of its rows"
			}
		}
		return ""
	})
	if hinders != "" {
		f.t.Errorf("not everybody caught up within %s: %s", time.Since(begun), hinders)
		for _, i := range f.faults.instances {
			f.t.Logf("%s:\n%s", i.name, i.goroutines())
		}
	}
	f.report.caughtUp = time.Since(begun)
	f.report.stop()
}

// endXA ends transactions that writers left prepared.
func (f *fire) endXA() {
	rows, err := f.s.Query("XA RECOVER")
	if err != nil {
		f.t.Fatal(err)
	}
	for _, r := range rows {
		if err := f.s.Exec(fmt.Sprintf("XA ROLLBACK '%s'", r[3])); err != nil {
			f.t.Error(err)
		}
	}
}
