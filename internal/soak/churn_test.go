package soak

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"rowcast/internal/throwaway"
)

// churnPhases of equal length: the first fills history and buffers, the others
// must leave what it left.
const churnPhases = 4

// rest is what a rowcast holds while nobody is connected.
type rest struct {
	heap, rss         int64 // bytes; heap: what is live after a collection
	goroutines, files int
}

// TestChurn: clients come, read for a moment and go, all the time, and leave
// nothing open.
func TestChurn(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		h := &herd{clients: either(50, 150), lone: newLone(t, flavor, "history = \"1MiB\"\nretry = \"1s\"\n")}
		phase := orElse(*duration, either(12*time.Second, 8*time.Minute)) / churnPhases
		writing, enough := context.WithCancel(h.ctx)
		defer enough()
		var writer sync.WaitGroup
		defer writer.Wait()
		defer enough()
		writer.Go(func() { h.write(writing, 100) })
		h.record(2 * time.Second)
		var rests [churnPhases]rest
		for n := range rests {
			visits := h.churn(n, phase)
			rests[n] = h.atRest()
			t.Logf("phase %d: %d visits; heap %.1f MB, resident %.1f MB, %d goroutines, %d files", n+1, visits,
				float64(rests[n].heap)/1e6, float64(rests[n].rss)/1e6, rests[n].goroutines, rests[n].files)
		}
		for _, w := range h.wrong[:min(5, len(h.wrong))] {
			t.Error(w)
		}
		first, last := rests[0], rests[churnPhases-1]
		if last.heap > first.heap+first.heap/4+1<<20 || last.rss > first.rss+first.rss/4+8<<20 {
			t.Errorf("memory grew: heap %d, then %d bytes; resident %d, then %d bytes", first.heap, last.heap, first.rss, last.rss)
		}
		if last.goroutines > first.goroutines+3 || last.files > first.files+3 {
			t.Errorf("left open: %d goroutines, then %d; %d files, then %d", first.goroutines, last.goroutines, first.files, last.files)
		}
	})
}

// churn has clients come and go for that long.
func (h *herd) churn(phase int, span time.Duration) (visits int64) {
	ctx, cancel := context.WithTimeout(h.ctx, span)
	defer cancel()
	var all sync.WaitGroup
	var mu sync.Mutex
	for c := range h.clients {
		rng := h.p.rng("visitor", phase*h.clients+c)
		all.Go(func() {
			n := int64(len(h.ids))
			m := &member{herd: h, n: n, id: h.ids[n-1], rng: rng, live: true, slow: c%8 == 7, from: fmt.Sprintf("127.0.0.%d", 2+c%100)}
			for ctx.Err() == nil {
				visit, leave := context.WithTimeout(ctx, between(rng, 0, either(300*time.Millisecond, 2*time.Second)))
				var err error
				if c%4 == 2 { // with a parameter that nobody had before
					err = h.follow(visit, fmt.Sprintf("/events/p?g=%d", rng.Int32()), "", m.from, false, func(*block) error { return nil })
				} else {
					err = m.connect(visit)
				}
				leave()
				mu.Lock()
				visits++
				if errors.Is(err, errBroken) {
					h.wrong = append(h.wrong, err.Error())
					mu.Unlock()
					return
				}
				mu.Unlock()
				if rng.IntN(4) == 0 { // somebody else takes the place, who begins where history does not reach
					m.n, m.id = n, h.ids[n-1]
				}
				pause(ctx, between(rng, 0, 200*time.Millisecond))
			}
		})
	}
	all.Wait()
	return visits
}

var heapAlloc = regexp.MustCompile(`# HeapAlloc = (\d+)`)

// atRest waits until nobody is connected any more, and looks.
func (h *herd) atRest() (r rest) {
	hinders := within(h.ctx, time.Minute, func() string {
		_, text, err := httpGet(h.ctx, "http://"+h.i.admin+"/metrics")
		if err != nil {
			return err.Error()
		}
		for _, name := range []string{"rowcast_clients", "rowcast_lanes"} {
			if m := regexp.MustCompile(`(?m)^`+name+`(?:\{[^}]*\})? ([0-9.e+]+)$`).FindAllStringSubmatch(text, -1); len(m) == 0 {
				return "no metric " + name
			} else {
				for _, one := range m {
					if one[1] != "0" {
						return one[0]
					}
				}
			}
		}
		return ""
	})
	if hinders != "" {
		h.t.Errorf("somebody stays connected: %s", hinders)
	}
	var text string
	var err error
	for range 3 { // a sync.Pool survives one collection
		_, text, err = httpGet(h.ctx, "http://"+h.i.admin+"/debug/pprof/heap?gc=1&debug=1")
	}
	if m := heapAlloc.FindStringSubmatch(text); m != nil {
		r.heap, _ = strconv.ParseInt(m[1], 10, 64)
	}
	if err == nil {
		r.goroutines, r.files, err = h.i.footprint(h.ctx)
	}
	if r.rss = procStatus(h.i.pid(), "VmRSS") * 1024; err != nil || r.heap == 0 || r.rss == 0 {
		h.t.Errorf("no figures: %+v, %v", r, err)
	}
	return r
}
