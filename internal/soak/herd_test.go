package soak

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rowcast/internal/throwaway"
)

// herd is many clients whose ids spread over the last minute, and a rowcast that
// has just begun, while one writer numbers its rows.
type herd struct {
	*lone
	written atomic.Int64 // the newest row committed
	slack   int64        // who is so close to it is live

	mu      sync.Mutex
	ids     []string // of row i+1
	live    int
	lastAt  time.Time // when the last one came to be live
	slow    int       // of those that read slowly
	wrong   []string
	aways   int
	clients int
}

const herdReplays = 4

// TestHerd: everybody comes back at once to a rowcast that remembers nothing.
func TestHerd(t *testing.T) { testHerd(t, false) }

// TestHerdHalfSlow: half of them read at 10 kB/s.
func TestHerdHalfSlow(t *testing.T) { testHerd(t, true) }

func testHerd(t *testing.T, slow bool) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		n := orElse(*herdSize, either(500, 10_000))
		if *full && flavor == throwaway.MariaDB {
			n = min(n, 2000) // once is enough for the herd; the machine carries both at a time
		}
		h := &herd{clients: n, lone: newLone(t, flavor, fmt.Sprintf("max_replays = %d\nretry = \"1s\"\n", herdReplays))}
		rate := either(100, 20) // each row goes to everybody, and this machine is everybody
		if slow {
			rate = either(25, 10) // 10 kB/s have to do for far more than what comes
		}
		h.slack = int64(rate)
		writing, enough := context.WithCancel(h.ctx)
		defer enough()
		var writer sync.WaitGroup
		writer.Go(func() { h.write(writing, rate) })
		h.record(either(5*time.Second, time.Minute))
		h.comeBack(slow)
		enough()
		writer.Wait()
	})
}

// write inserts rows 1, 2, 3 … at that rate, until ctx ends.
func (h *herd) write(ctx context.Context, perSecond int) {
	const perStatement = 5
	begun := time.Now()
	for n := int64(0); ; {
		ahead := time.Duration(n)*time.Second/time.Duration(perSecond) - time.Since(begun)
		if !pause(ctx, max(0, ahead)) {
			return
		}
		sql := "INSERT INTO soak.b (id, g, v) VALUES "
		for i := range perStatement {
			n++
			if i > 0 {
				sql += ", "
			}
			sql += fmt.Sprintf("(%d, 1, 'row %d of a herd that comes back')", n, n)
		}
		if err := h.s.Exec(sql); err != nil {
			h.t.Error(err)
			return
		}
		h.written.Store(n)
	}
}

// record collects the ids of that time.
func (h *herd) record(span time.Duration) {
	ctx, cancel := context.WithTimeout(h.ctx, span)
	defer cancel()
	resp, err := openH1(ctx, h.i.http, "/events/b", http.Header{}, "", 0)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	in := newSSE(resp.Body)
	var b block
	for {
		if err := in.next(&b); err != nil {
			break
		}
		if n := rowNumber(b.data); n > 0 {
			if len(h.ids) == 0 {
				h.ids = make([]string, n-1, 1<<14)
			}
			h.ids = append(h.ids, b.id)
		}
	}
	if len(h.ids) < 20 {
		h.t.Fatalf("%d ids in %s", len(h.ids), span)
	}
}

// rowNumber is the id of the row in an event's data; 0: none.
func rowNumber(data []byte) int64 {
	_, rest, ok := bytes.Cut(data, []byte(`"id":`))
	end := bytes.IndexAny(rest, ",}")
	if !ok || end < 0 {
		return 0
	}
	n, _ := strconv.ParseInt(string(rest[:end]), 10, 64)
	return n
}

// comeBack kills rowcast and lets everybody connect to the next one.
func (h *herd) comeBack(slow bool) {
	t := h.t
	h.i.kill()
	cpu, peak := h.i.cpu.Load(), h.i.peak.Swap(0)
	h.db.down.Store(0)
	h.db.dumps.Store(0)
	h.db.most.Store(0)
	rng := h.p.rng("herd", 0)
	ctx, stop := context.WithCancel(h.ctx)
	var all sync.WaitGroup
	defer func() { stop(); all.Wait() }()
	first := int64(1)
	for h.ids[first-1] == "" {
		first++
	}
	for c := range h.clients {
		n := first + rng.Int64N(int64(len(h.ids))-first+1)
		m := &member{herd: h, retry: time.Second, n: n, id: h.ids[n-1], rng: h.p.rng("member", c), slow: slow && c%2 == 1,
			from: fmt.Sprintf("127.0.0.%d", 2+c%100)}
		all.Go(func() { m.run(ctx) })
	}
	begun := time.Now()
	if err := h.i.start(); err != nil {
		t.Fatal(err)
	}
	looked := false
	patience := either(2*time.Minute, 10*time.Minute)
	hinders := within(h.ctx, patience, func() string {
		h.mu.Lock()
		defer h.mu.Unlock()
		if len(h.wrong) > 0 || h.live == h.clients {
			return ""
		}
		if !looked && time.Since(begun) > either(20*time.Second, 3*time.Minute) {
			looked = true
			t.Logf("%d of %d are live after %s:\n%s", h.live, h.clients, time.Since(begun), h.i.goroutines())
		}
		return fmt.Sprintf("%d of %d are live", h.live, h.clients)
	})
	if hinders != "" {
		t.Errorf("after %s %s", patience, hinders)
	}
	pause(h.ctx, 2*time.Second) // and they stay so
	down, dumps, most := h.db.down.Load(), h.db.dumps.Load(), h.db.most.Load()
	stop()
	all.Wait()
	h.i.term()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.wrong[:min(5, len(h.wrong))] {
		t.Error(w)
	}
	if most > herdReplays+1 {
		t.Errorf("%d dump connections at a time, with max_replays = %d", most, herdReplays)
	}
	t.Logf("herd of %d (slow: %v), ids over %d rows: last one live after %s (%d slow ones among them); %d dump connections, at most %d at a time; "+
		"%.1f MB read from the database; %d sent away; CPU %s; peak memory %d MiB (before: %d MiB)",
		h.clients, slow, int64(len(h.ids))-first, h.lastAt.Sub(begun).Round(10*time.Millisecond), h.slow, dumps, most,
		float64(down)/1e6, h.aways, time.Duration(h.i.cpu.Load()-cpu).Round(10*time.Millisecond), h.i.peak.Load()>>20, peak>>20)
	if span := h.binlogBytes(); down > 12*span && h.clients > 50 {
		t.Errorf("%d bytes were read from the database, whose binlog has %d", down, span)
	}
}

// binlogBytes is what all of the binlog holds.
func (h *herd) binlogBytes() (sum int64) {
	rows, err := h.s.Query("SHOW BINARY LOGS")
	if err != nil {
		h.t.Fatal(err)
	}
	for _, r := range rows {
		n, _ := strconv.ParseInt(r[1], 10, 64)
		sum += n
	}
	return sum
}
