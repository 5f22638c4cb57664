//go:build linux

package main

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

const (
	warmUp    = 10               // events, or target.warmUp, before anything is counted
	inFlight  = 16               // of a saturated run: events that some client lacks yet
	stalledAt = 15 * time.Second // nothing arrived for so long: nothing more will
)

// load is what a target has to bear.
type load struct {
	clients  int
	rate     float64 // events a second; 0: as fast as they are taken; less: none
	duration time.Duration
	settle   time.Duration // between the last client's coming and the first event
	rest     time.Duration // after that: how long CPU at rest is counted
}

// result of one measurement. Times are milliseconds of each event's way from
// before it is published (for rowcast: before its INSERT is sent) to a client.
type result struct {
	deliveries, perSecond float64
	cpu, cpuPerMillion    float64 // seconds of the target's processes
	p50, p99              float64
	acked50, acked99      float64 // the same from the publisher's OK on; 0 for what came before it
	memory, perClient     float64 // kB with all clients idle
	restCPU               float64 // share of a core at rest
}

// measure starts a target, puts the load on it, and checks that every client got
// every event once and in order.
func (b *bench) measure(start maker, l load) (r result, err error) {
	t, err := start()
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, t.stop()) }()
	l.clients = cmp.Or(t.clients, l.clients)
	before, err := t.memory()
	if err != nil {
		return r, err
	}
	c, err := openClients(b.ctx, t.addr, l.clients, t.path)
	if err != nil {
		return r, err
	}
	closed := false
	defer func() {
		if !closed {
			err = errors.Join(err, c.close())
		}
	}()
	time.Sleep(l.settle)
	if r.memory, err = t.memory(); err != nil {
		return r, err
	}
	r.perClient = (r.memory - before) / float64(l.clients)
	if r.restCPU, err = t.atRest(l.rest); err != nil || l.rate < 0 {
		return r, err
	}
	run := running{b: b, t: t, c: c, l: l}
	if err := run.events(&r); err != nil {
		return r, err
	}
	closed = true
	if err := c.close(); err != nil {
		return r, err
	}
	r.p50, r.p99 = c.delays.quantile(0.5), c.delays.quantile(0.99)
	r.acked50, r.acked99 = c.ackDelays.quantile(0.5), c.ackDelays.quantile(0.99)
	return r, c.short(func(i int) int64 { return t.due(i, run.n) })
}

// running is a measurement while events are published.
type running struct {
	b   *bench
	t   *target
	c   *clients
	l   load
	n   int64 // events published
	due int64 // deliveries of them
}

func (r *running) events(to *result) error {
	for range max(warmUp, r.t.warmUp) {
		if err := r.publish(); err != nil {
			return err
		}
	}
	if err := r.arrived(); err != nil {
		return err
	}
	delivered := r.c.delivered.Load()
	cpu, err := r.t.cpu()
	if err != nil {
		return err
	}
	profiled := make(chan error, 1) // takes the one result, whenever it is asked for
	if r.t.profile != nil {
		go func() { profiled <- r.t.profile(max(1, int(r.l.duration.Seconds()))) }()
	} else {
		profiled <- nil
	}
	r.c.measuring.Store(true)
	start := time.Now()
	for i := 0; time.Since(start) < r.l.duration; i++ {
		if err := r.pace(start, i); err != nil {
			return err
		}
		if err := r.publish(); err != nil {
			return err
		}
	}
	if err := r.arrived(); err != nil {
		return err
	}
	took := time.Since(start)
	used, err := r.t.cpu()
	if err != nil {
		return err
	}
	to.cpu, to.deliveries = used-cpu, float64(r.c.delivered.Load()-delivered)
	to.cpuPerMillion, to.perSecond = to.cpu/to.deliveries*1e6, to.deliveries/took.Seconds()
	return <-profiled
}

func (r *running) publish() error {
	r.n++
	r.c.acked(r.n).Store(0)
	if err := r.t.send(r.n); err != nil {
		return fmt.Errorf("publish event %d: %w", r.n, err)
	}
	r.c.acked(r.n).Store(time.Now().UnixNano())
	if r.t.want == nil {
		r.due = r.n * int64(r.l.clients)
	} else {
		r.due = 0
		for i := range r.l.clients {
			r.due += r.t.want(i, r.n)
		}
	}
	return r.b.ctx.Err()
}

// pace waits until event i may go out.
func (r *running) pace(start time.Time, i int) error {
	if r.l.rate > 0 {
		time.Sleep(time.Until(start.Add(time.Duration(float64(i) / r.l.rate * 1e9))))
		return nil
	}
	return r.reach(r.due - inFlight*int64(r.l.clients))
}

func (r *running) arrived() error { return r.reach(r.due) }

// reach waits until so many events were delivered.
func (r *running) reach(want int64) error {
	last, since := int64(-1), time.Now()
	for {
		got := r.c.delivered.Load()
		if got >= want {
			return nil
		}
		if got != last {
			last, since = got, time.Now()
		}
		select {
		case <-r.c.done:
			return errors.New("a client failed")
		case <-r.b.ctx.Done():
			return r.b.ctx.Err()
		default:
		}
		if time.Since(since) > stalledAt {
			return fmt.Errorf("only %d of %d deliveries came, and none for %s", got, want, stalledAt)
		}
		time.Sleep(100 * time.Microsecond)
	}
}

func (t *target) due(i int, n int64) int64 {
	if t.want == nil {
		return n
	}
	return t.want(i, n)
}

func (t *target) memory() (float64, error) {
	pids, err := t.pids()
	if err != nil {
		return 0, err
	}
	return memoryOf(pids)
}

func (t *target) cpu() (float64, error) {
	pids, err := t.pids()
	if err != nil {
		return 0, err
	}
	return cpuOf(pids)
}

// atRest is the share of a core that the target uses during d.
func (t *target) atRest(d time.Duration) (share float64, err error) {
	if d == 0 {
		return 0, nil
	}
	before, err := t.cpu()
	if err != nil {
		return 0, err
	}
	time.Sleep(d)
	after, err := t.cpu()
	return (after - before) / d.Seconds(), err
}
