package cdc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rowcast/cdc/internal/ddl"
	"rowcast/internal/throwaway"
)

// TestScans compares what scans knows with a list of all that there is, while
// searches are given up half-way and readers add what they pass.
func TestScans(t *testing.T) {
	place := func(n int) Position { return at(t, fmt.Sprintf("binlog.%06d/%d", 1+n/20, 100+n%20)) }
	const places = 60
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		s := newScans[int](1+rng.IntN(40), nil)
		holds := make([]bool, places)
		for i := range holds {
			holds[i] = rng.IntN(3) == 0
		}
		in := func(from, to int) (list []found[int]) {
			for i := from; i < to; i++ {
				if holds[i] {
					list = append(list, found[int]{place(i), i})
				}
			}
			return list
		}
		number := map[Position]int{}
		for i := range places {
			number[place(i)] = i
		}
		reads := 0
		for range 40 {
			from := rng.IntN(places - 1)
			to := from + rng.IntN(places-from)
			if rng.IntN(3) == 0 {
				s.note(place(from), place(to), in(from, to)...)
				continue
			}
			gaveUp := false
			list, err := s.between(t.Context(), place(from), place(to), rng.IntN(2) == 0, func(_ context.Context, from, to Position) ([]found[int], Position, error) {
				a, b := number[from], number[to]
				reads++
				if rng.IntN(4) == 0 {
					gaveUp = true
					b = a + rng.IntN(b-a+1)
					return in(a, b), place(b), errors.New("given up")
				}
				return in(a, b), to, nil
			})
			if (err != nil) != gaveUp {
				t.Fatal(err)
			}
			if gaveUp {
				continue
			}
			var got []int
			for _, f := range list {
				if f.at.Compare(place(to)) < 0 && !slices.Contains(got, f.what) { // at an edge it may come twice, and what is at to may be known
					got = append(got, f.what)
				}
			}
			var want []int
			for _, f := range in(from, to) {
				want = append(want, f.what)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d: between %d and %d: %v instead of %v (%+v)", seed, from, to, got, want, s.stretches)
			}
			for i := range s.stretches {
				if st := &s.stretches[i]; st.from.Compare(st.to) > 0 || i > 0 && s.stretches[i-1].to.Compare(st.from) >= 0 {
					t.Fatalf("seed %d: stretches %+v", seed, s.stretches)
				}
			}
			if s.size > s.max {
				t.Fatalf("seed %d: %d of at most %d", seed, s.size, s.max)
			}
		}
		whole := newScans[int](places+2, nil)
		read := func(_ context.Context, from, to Position) ([]found[int], Position, error) {
			a, b := number[from], number[to]
			stop := min(a+7, b)
			if stop < b {
				return in(a, stop), place(stop), errors.New("given up")
			}
			return in(a, b), to, nil
		}
		tries := 1
		for ; ; tries++ {
			if _, err := whole.between(t.Context(), place(0), place(places-1), false, read); err == nil {
				break
			}
		}
		if tries != (places-1+6)/7 {
			t.Fatalf("a search that is given up after each 7 places came through at try %d", tries)
		}
	}
}

// TestSearchWaits: replays search one after the other, and whoever waits can leave.
func TestSearchWaits(t *testing.T) {
	s := newScans[int](10, nil)
	from, to := at(t, "binlog.000001/4"), at(t, "binlog.000001/100")
	searching, finish := make(chan struct{}), make(chan struct{})
	read := func(context.Context, Position, Position) ([]found[int], Position, error) {
		close(searching)
		<-finish
		return []found[int]{{from, 7}}, to, nil
	}
	done := make(chan error, 1) // one result
	go func() {
		_, err := s.between(t.Context(), from, to, false, read)
		done <- err
	}()
	<-searching
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.between(ctx, from, to, false, read); !errors.Is(err, context.Canceled) {
		t.Errorf("whoever waits for the search of another gets %v when it leaves", err)
	}
	list, err := s.between(t.Context(), from, to, true, func(context.Context, Position, Position) ([]found[int], Position, error) {
		return []found[int]{{from, 7}}, to, nil
	})
	if err != nil || len(list) != 1 {
		t.Errorf("the live reading got %v, %v", list, err)
	}
	close(finish)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// slowLink forwards connections to a server, each at so many bytes a second downwards.
type slowLink struct {
	l  net.Listener
	wg sync.WaitGroup
}

func newSlowLink(t *testing.T, target string, rate int) *slowLink {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &slowLink{l: l}
	p.wg.Go(func() {
		for {
			down, err := l.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("tcp4", target)
			if err != nil {
				down.Close()
				continue
			}
			closeBoth := func() { down.Close(); up.Close() }
			stop := context.AfterFunc(ctx, closeBoth)
			p.wg.Go(func() { defer closeBoth(); _, _ = io.Copy(up, down) })
			p.wg.Go(func() { defer stop(); defer closeBoth(); throttle(ctx, down, up, rate) })
		}
	})
	t.Cleanup(func() { cancel(); l.Close(); p.wg.Wait() })
	return p
}

func throttle(ctx context.Context, dst io.Writer, src io.Reader, rate int) {
	const pieces = 50 // a second
	buf := make([]byte, rate/pieces)
	tick := time.NewTicker(time.Second / pieces)
	defer tick.Stop()
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if _, err := dst.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// TestOldClientOverSlowLink: a client with an old id needs the binlog between then
// and now looked through for what altered its tables. Over a slow link that takes
// long: the live reading goes on meanwhile, also where it has a definition to ask
// for, and the client gets through, even if no try of it lasts as long as the search.
func TestOldClientOverSlowLink(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		const rate, size = 4 << 20, 24 << 20
		s := throwaway.Test(t, flavor)
		draft(t, s)
		exec(t, s, "CREATE TABLE draft.fresh (id INT PRIMARY KEY)")
		old, err := source(t, s).Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		exec(t, s, "INSERT INTO draft.picks (player) VALUES ('old')", "ALTER TABLE draft.unwatched MODIFY id BIGINT, ADD COLUMN filler LONGBLOB")
		for i := range size >> 20 {
			exec(t, s, "INSERT INTO draft.unwatched VALUES (1, REPEAT('x', 1 << 20))")
			if i%8 == 7 {
				exec(t, s, "FLUSH BINARY LOGS")
			}
		}
		link := newSlowLink(t, s.Addr(), rate)
		src, err := New(Config{Addr: link.l.Addr().String(), User: s.User(), Password: s.Password(), TLS: "off"})
		if err != nil {
			t.Fatal(err)
		}
		live := read(t, src, Position{}, newRecorder())
		rec := newRecorder()
		ctx, cancel := context.WithCancel(t.Context())
		var tries atomic.Int32
		done := make(chan struct{})
		go func() { // as a client comes back whose lane was ended: it has got nothing, and has the same id
			defer close(done)
			for ctx.Err() == nil && len(rec.texts()) == 0 {
				tries.Add(1)
				try, end := context.WithTimeout(ctx, size/rate*time.Second*2/5)
				_ = src.Replay(try, old, rec)
				end()
			}
		}()
		t.Cleanup(func() { cancel(); <-done })
		searching := func() bool { return len(src.catalog.altered.turn) > 0 }
		poll(t, "the search to begin", searching)
		var worst time.Duration
		for i, sql := range []string{
			"INSERT INTO draft.picks (player) VALUES ('live')",
			"FLUSH BINARY LOGS; INSERT INTO draft.picks (player) VALUES ('in a new file')",
			"INSERT INTO draft.fresh VALUES (1)",
			"ALTER TABLE draft.picks ADD COLUMN n INT; INSERT INTO draft.picks (player) VALUES ('altered')",
		} {
			begun := time.Now()
			exec(t, s, strings.Split(sql, "; ")...)
			live.wait(t, func() bool { return len(live.list) > i })
			worst = max(worst, time.Since(begun))
		}
		if len(rec.texts()) > 0 || tries.Load() > 1 {
			t.Fatal("the search was over before the live rows came: this shows nothing")
		}
		same(t, "live", live.texts(), []string{`insert picks 2,"live"`, `insert picks 3,"in a new file"`, "insert fresh 1", `insert picks 4,"altered",null`})
		if limit := size / rate * time.Second / 4; worst > limit {
			t.Errorf("a live row took %v while the binlog was searched; %v is a quarter of what the search takes", worst, limit)
		}
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Fatalf("after %d tries the old client has nothing", tries.Load())
		}
		if got := rec.texts()[0]; got != `notice draft.picks` && got != `insert picks 1,"old"` {
			t.Errorf("the old client got %q", got)
		}
		t.Logf("live rows took up to %v; the old client got through at try %d", worst, tries.Load())
	})
}

// TestAlterationsAreFound: a search finds what a reader would have passed, however
// the server logs it.
func TestAlterationsAreFound(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		args := []string{"--binlog-transaction-compression=ON"}
		if flavor == throwaway.MariaDB {
			args = []string{"--log-bin-compress=1", "--log-bin-compress-min-len=10"}
		}
		s := throwaway.Test(t, flavor, args...)
		draft(t, s)
		src := source(t, s)
		from, err := src.Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		exec(t, s, "INSERT INTO draft.teams VALUES (1, REPEAT('x', 200))", "CREATE TABLE draft.filled AS SELECT * FROM draft.teams",
			"FLUSH BINARY LOGS", "ALTER TABLE draft.teams ADD COLUMN n INT", "CREATE INDEX i ON draft.picks (player)", "INSERT INTO draft.unwatched VALUES (1)")
		to, err := src.Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		list, reached, err := src.searchAlterations(t.Context(), from, to)
		if err != nil || reached != to {
			t.Fatalf("reached %s instead of %s: %v", reached, to, err)
		}
		for table, want := range map[string]bool{"filled": true, "teams": true, "picks": true, "unwatched": false} {
			if got := touching(list, ddl.Name{Schema: "draft", Table: table}) != nil; got != want {
				t.Errorf("a statement on %s: %v (%d found)", table, got, len(list))
			}
		}
	})
}
