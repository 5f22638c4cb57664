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
	t      *testing.T
	ctx    context.Context
	plan   *planner
	s      *throwaway.Server
	faults *faults
	load   *load
	subs   []*subscriber
	report *report

	baseGoroutines, baseFiles []int
}

// TestExactUnderFire: writers, subscribers and faults at random, then the truth.
func TestExactUnderFire(t *testing.T) {
	p := plan(t)
	all := &reports{}
	t.Cleanup(func() { t.Logf("seed %d\n%s", p.seed, all) })
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		f := &fire{t: t, ctx: t.Context(), plan: p, report: &report{name: string(flavor)}}
		all.add(f.report)
		f.build(flavor)
		f.storm()
		f.calm()
		f.leaks()
		f.judge()
	})
}

// serverArgs are part of the plan.
func serverArgs(rng *rand.Rand, flavor throwaway.Flavor) []string {
	args := []string{"--binlog-row-metadata=FULL",
		fmt.Sprintf("--max-binlog-size=%d", 16384<<rng.IntN(either(4, 7))),
		fmt.Sprintf("--binlog-row-event-max-size=%d", 256<<rng.IntN(6))}
	if flavor == throwaway.MariaDB && rng.IntN(2) == 0 {
		args = append(args, "--log-bin-compress", "--log-bin-compress-min-len=10")
	}
	return args
}

// build starts the server, two instances of rowcast, and proxies on both sides.
func (f *fire) build(flavor throwaway.Flavor) {
	t := f.t
	program(t)
	args := serverArgs(f.plan.rng("server", 0), flavor)
	t.Log(strings.Join(args, " "))
	f.s = throwaway.Test(t, flavor, args...)
	if err := f.s.Exec(schemaSQL()...); err != nil {
		t.Fatal(err)
	}
	f.faults = &faults{t: t, s: f.s, counts: map[string]int{}}
	for n := range 2 {
		db := newProxy(t, f.s.Addr(), nil)
		config := func(extra bool) string { return f.config(n, db.addr()) + streamsConfig(extra) }
		i := newInstance(t, fmt.Sprintf("%s-%d", flavor, n), config(false))
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

// subscribe makes the subscribers; the first keeps a copy of the tables.
func (f *fire) subscribe() {
	for n := range either(8, 14) {
		rng := f.plan.rng("subscriber", n)
		s := &subscriber{name: fmt.Sprintf("subscriber %d", n), rng: rng, fail: f.t.Errorf,
			lineage: map[uint32]uint32{}, points: map[[2]uint32]bool{}, kinds: map[string]int{}, g: int32(rng.IntN(6)), retry: 100 * time.Millisecond}
		if n == 0 {
			s.mirror, s.streams = newMirror(), []int{0, 1, 2, 3}
		} else {
			s.streams = rng.Perm(len(tables))[:1+rng.IntN(len(tables))]
		}
		f.subs = append(f.subs, s)
	}
}

// storm has load, subscribers and faults; the subscribers go on behind it.
func (f *fire) storm() {
	f.subscribe()
	length := orElse(*duration, either(25*time.Second, 15*time.Minute))
	storm, over := context.WithTimeout(f.ctx, length)
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
	// The copy is of the whole tables, so it begins before the first row.
	eventually(f.t, time.Minute, "the first subscribers", func() string {
		if f.subs[0].reached.Load() == 0 {
			return "no checkpoint yet"
		}
		return ""
	})
	f.report.stop = func() { stop(); subs.Wait() }
	f.load = &load{s: f.s, target: int64(orElse(*changes, either(15_000, 1_000_000))), pace: length, begun: time.Now()}
	for n := range 4 {
		w := &writer{load: f.load, n: n, rng: f.plan.rng("writer", n)}
		work.Go(func() { w.run(storm) })
	}
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
	f.faults.start(storm, &work, f.plan)
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
	if err := f.s.Exec("INSERT INTO soak.a (id, g) VALUES (999999, 0)"); err != nil {
		f.t.Fatal(err)
	}
	for _, i := range f.faults.instances {
		if hinders := i.ready(f.ctx, 90*time.Second); hinders != "" {
			f.t.Fatalf("%s, after the faults: %s", i.name, hinders)
		}
	}
	file, pos, err := binlogEnd(f.s)
	if err != nil {
		f.t.Fatal(err)
	}
	number := atoi(file[strings.LastIndexByte(file, '.')+1:])
	end := uint64(number)<<32 | uint64(pos)
	begun := time.Now()
	hinders := within(f.ctx, either(90*time.Second, 5*time.Minute), func() string {
		for _, s := range f.subs {
			if r := s.reached.Load(); r < end {
				return fmt.Sprintf("%s (streams %v) is at %d/%d, the binlog ends at %s/%d", s.name, s.streams, r>>32, uint32(r), file, pos)
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
