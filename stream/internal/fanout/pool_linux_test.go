package fanout

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rowcast/cdc"
	"rowcast/stream/frame"
	"rowcast/stream/internal/history"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// publisher is a Renderer with one stream for each table, and a Source that reads what
// is committed to it.
type publisher struct {
	tables []string
	groups chan transaction
}

// transaction is a transaction of one change of each table.
type transaction struct {
	tables []string
	value  string
}

func position(text string) cdc.Position {
	p, err := cdc.ParsePosition(text)
	if err != nil {
		panic(err)
	}
	return p
}

func (p *publisher) Streams() (infos []frame.Info) {
	for _, t := range p.tables {
		infos = append(infos, frame.Info{Name: t})
	}
	return infos
}
func (p *publisher) Wants(_, _ []byte) bool                             { return true }
func (p *publisher) Affected(_, _ string) []int                         { return nil }
func (p *publisher) Overlap(_, _ int) bool                              { return false }
func (p *publisher) Bind(int, map[string]string) (frame.Binding, error) { return nil, nil }
func (p *publisher) Now(context.Context) (cdc.Position, error) {
	return cdc.Position{}, errors.New("none")
}
func (p *publisher) Status() cdc.Status                                      { return cdc.Status{Connected: true, CaughtUp: true} }
func (p *publisher) Replay(context.Context, cdc.Position, cdc.Handler) error { return cdc.ErrPurged }

func (p *publisher) Render(c *cdc.Change, emit frame.Emit) {
	for i, t := range p.tables {
		if t == c.Table.Schema {
			emit(i, c.Op, "", []byte(c.Table.Name), nil, nil, nil)
		}
	}
}

func (p *publisher) Read(ctx context.Context, _ cdc.Position, h cdc.Handler) error {
	at := 4
	if err := h.Checkpoint(position("binlog.000001/4~00000001"), time.Time{}); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case g := <-p.groups:
			errs := []error{h.Begin(position(fmt.Sprintf("binlog.000001/%d~00000001", at)))}
			for i, table := range g.tables {
				errs = append(errs, h.Change(&cdc.Change{Pos: position(fmt.Sprintf("binlog.000001/%d/0.%d~00000001", at, i)), Op: cdc.Insert,
					Table: &cdc.Table{Schema: table, Name: g.value}}))
			}
			at += 100
			errs = append(errs, h.Checkpoint(position(fmt.Sprintf("binlog.000001/%d~00000001", at)), time.Time{}))
			if err := errors.Join(errs...); err != nil {
				return err
			}
		}
	}
}

// serving is a Pool that follows a publisher, and a listener for its clients.
type serving struct {
	*Pool
	*publisher
	store  *history.Store
	listen net.Listener
	open   atomic.Int64 // connections
	slow   atomic.Int64 // clients that were expelled
	small  bool         // a client that does not read is soon full
}

func serve(t *testing.T, heartbeat time.Duration, tables ...string) *serving {
	t.Helper()
	return serveLog(t, 64<<20, heartbeat, func(int) {}, tables...)
}

func serveLog(t *testing.T, bytes int64, heartbeat time.Duration, sent func(int), tables ...string) *serving {
	t.Helper()
	s := &serving{publisher: &publisher{tables: tables, groups: make(chan transaction)}}
	s.store = history.New(s, frame.NewCatalog(s, nil), history.Options{History: bytes, MaxReplays: 1, Logger: slog.New(slog.DiscardHandler),
		Pace: func(ctx context.Context) error { return s.Pace(ctx) }})
	s.Pool = New(s.store.Live(), Options{
		Heartbeat: heartbeat, Patience: time.Minute,
		Ping:   func(b []byte) []byte { return append(b, ":ping\n"...) },
		Closed: func() { s.open.Add(-1) },
		Sent:   sent,
		Slow: func(r *Response, at history.Place, sub *frame.Subscription, sent cdc.Position, rest []byte) {
			s.slow.Add(1)
			if c := s.store.At(at, sub, sent); r.Rest(rest) == nil {
				s.follow(t, r, &c)
				return
			}
			s.Release(r)
		},
	})
	var err error
	if s.listen, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.store.Run(ctx) })
	wg.Go(func() { s.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		s.listen.Close()
		if n := s.open.Load(); n != 0 {
			t.Errorf("%d connections are open", n)
		}
	})
	eventually(t, "the live feed", func() bool { _, head := s.store.Live().Current(); return !head.IsZero() })
	return s
}

// follow brings a client to the log's end, and lets it join.
func (s *serving) follow(t *testing.T, r *Response, c *history.Cursor) {
	for {
		buf, v, err := c.Next(nil, 1<<20, history.ToEnd)
		if err == nil && len(buf) > 0 {
			err = r.Send(buf)
		}
		if err == nil && c.Big != nil {
			err = r.Send(c.Big)
			c.Big = nil
		}
		joined := false
		if err == nil && len(v.Frames) == 0 {
			joined, err = s.Join(r, c, time.Now())
		}
		if joined {
			return
		}
		if err != nil {
			s.Release(r)
			return
		}
	}
}

// client is a connection whose other end is a member, or about to be.
type client struct {
	net.Conn
	in *bufio.Reader
}

func (s *serving) client(t *testing.T, streams ...string) *client {
	t.Helper()
	k, r, c := s.arrive(t, streams...)
	s.follow(t, r, c)
	return k
}

// arrive is a client that has still to join.
func (s *serving) arrive(t *testing.T, streams ...string) (*client, *Response, *history.Cursor) {
	t.Helper()
	conn, err := net.Dial("tcp", s.listen.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	other, err := s.listen.Accept()
	if err != nil {
		t.Fatal(err)
	}
	s.open.Add(1)
	if s.small {
		_ = other.(*net.TCPConn).SetWriteBuffer(4 << 10)
	}
	r, err := s.Adopt(other, []byte("head\n"))
	if err != nil {
		t.Fatal(err)
	}
	catalog, head := s.store.Live().Current()
	sub, err := catalog.Subscribe(streams, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Send([]byte(":begin\n")); err != nil {
		t.Fatal(err)
	}
	c := s.store.At(history.Place{Seq: s.store.Live().End(), Pos: head}, sub, head)
	k := &client{conn, bufio.NewReader(conn)}
	if head, err := k.in.ReadString('\n'); err != nil || head != "head\n" {
		t.Fatal(head, err)
	}
	return k, r, &c
}

// lines reads the chunks up to the line last, and returns what follows a prefix.
func (c *client) lines(t *testing.T, prefix, last string) (got []string) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			t.Fatalf("after %d lines: %v", len(got), err)
		}
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, prefix); ok {
			got = append(got, rest)
		}
		if line == last {
			return got
		}
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("timed out waiting for %s", what)
		case <-tick.C:
		}
	}
}

// TestSendersShareARound: whoever writes, each member gets every frame once, whole and
// in order, also where others are full or gone.
func TestSendersShareARound(t *testing.T) {
	s := serve(t, time.Hour, "all", "few", "rare")
	s.small = true
	s.mu.Lock()
	s.few = 0
	s.senders = make([]sender, 4)
	s.mu.Unlock()
	var clients, stalled []*client
	for range 3 * shareSends {
		clients = append(clients, s.client(t, "all"))
	}
	for i := range shareSends {
		clients = append(clients, s.client(t, "all", []string{"few", "rare"}[i%2]))
	}
	for range 20 {
		stalled = append(stalled, s.client(t, "all", "rare"))
		s.client(t, "all").Close()
	}
	const n = 20
	var want []string
	for i := range n {
		value := fmt.Sprint(i, strings.Repeat("x", i%4*(4<<10)))
		want = append(want, value)
		s.groups <- transaction{[]string{"few", "all", "rare"}, value}
	}
	s.groups <- transaction{[]string{"all"}, "end"}
	for i, c := range append(clients, stalled...) {
		got := c.lines(t, "data: ", "data: end")
		k := 0
		for _, line := range got[:len(got)-1] {
			if line == want[k] {
				continue // of another stream
			}
			if k++; k == n || line != want[k] {
				t.Fatalf("client %d, event %d: %.10q, want %.10q", i, k, line, want[min(k, n-1)])
			}
		}
		if per := len(got) / n; k != n-1 || len(got) != per*n+1 || per < 1 || i >= 3*shareSends && per != 2 {
			t.Fatalf("client %d got %d events", i, len(got))
		}
	}
	eventually(t, "those that have left to be noticed", func() bool { return s.Len() == len(clients)+len(stalled) })
}

// TestPoolPacesFeed: a machine that is too busy to write has the feed wait, rather than
// every client fall out of the log.
func TestPoolPacesFeed(t *testing.T) {
	busy := time.NewTicker(5 * time.Millisecond)
	t.Cleanup(busy.Stop) // after the pool has ended
	s := serveLog(t, 1<<20, time.Hour, func(int) { <-busy.C }, "picks")
	c := s.client(t, "picks")
	const n = 100
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		for i := range n {
			s.groups <- transaction{[]string{"picks"}, fmt.Sprint(i, strings.Repeat("x", 60<<10))}
		}
		s.groups <- transaction{[]string{"picks"}, "end"}
	})
	if got := len(c.lines(t, "data: ", "data: end")); got != n+1 || s.slow.Load() > 0 {
		t.Errorf("the client got %d events, and fell out %d times", got, s.slow.Load())
	}
}

// TestPoolThatStandsStill: a pool that does not move is not waited for.
func TestPoolThatStandsStill(t *testing.T) {
	s := serveLog(t, 256<<10, time.Hour, func(int) {}, "picks")
	s.client(t, "picks")
	before := s.store.Live().End()
	s.Patience = time.Second / 2 // known to the feed with the first commit
	s.mu.Lock()
	defer s.mu.Unlock()
	begun := time.Now()
	const n = 50
	for range n {
		s.groups <- transaction{[]string{"picks"}, strings.Repeat("x", 10<<10)}
	}
	eventually(t, "the feed", func() bool { return s.store.Live().End() == before+n })
	if took := time.Since(begun); took < s.Patience || took > 20*s.Patience {
		t.Errorf("it took %s", took)
	}
}

// TestShares: each socket has its place in the shares once.
func TestShares(t *testing.T) {
	var groups []*group
	want := map[*socket]bool{}
	for _, n := range []int{1, 1, 127, 1, 128, 256, 1, 1000, 255, 300, 2} {
		g := &group{}
		for range n {
			k := &socket{}
			g.socks = append(g.socks, k)
			want[k] = true
		}
		groups = append(groups, g)
	}
	for _, part := range shares(groups) {
		n := 0
		for _, g := range part.groups {
			socks := g.socks
			if part.socks != nil {
				socks = part.socks
			}
			for _, k := range socks {
				if !want[k] {
					t.Fatal("a socket is in two shares")
				}
				delete(want, k)
				n++
			}
		}
		if n == 0 || n > 3*shareSends || part.socks != nil && len(part.groups) != 1 {
			t.Errorf("a share of %d sockets in %d groups", n, len(part.groups))
		}
	}
	if len(want) > 0 {
		t.Errorf("%d sockets are in no share", len(want))
	}
}

// TestHeartbeatsBesideTraffic: clients that get no events hear from the server all the
// same, also where events for others wait to be written at that moment.
func TestHeartbeatsBesideTraffic(t *testing.T) {
	s := serve(t, time.Hour, "picks", "teams")
	c := s.client(t, "picks")
	before := s.store.Live().End()
	s.mu.Lock()
	s.groups <- transaction{[]string{"teams"}, "waits"}
	eventually(t, "an event", func() bool { return s.store.Live().End() == before+1 })
	s.each(func(k *socket) { k.last -= int64(time.Hour) })
	s.beat()
	s.mu.Unlock()
	s.groups <- transaction{[]string{"picks"}, "next"}
	if got := c.lines(t, ":", "data: next"); strings.Join(got, " ") != "begin ping" {
		t.Errorf("after an hour of silence: %q", got)
	}
}

// TestJoinBesideQuietTraffic: where only the checkpoint moves, because nobody publishes
// what is written, clients join all the same.
func TestJoinBesideQuietTraffic(t *testing.T) {
	s := serve(t, time.Hour, "picks")
	s.client(t, "picks")
	_, before := s.store.Live().Current()
	s.groups <- transaction{}
	eventually(t, "the checkpoint", func() bool { _, head := s.store.Live().Current(); return head != before })
	_, r, c := s.arrive(t, "picks")
	if joined, err := s.Join(r, c, time.Now()); !joined || err != nil {
		t.Errorf("joined: %t, %v", joined, err)
		s.Release(r)
	}
}

// TestJoinKeepsSilence: a client that was brought to the pool's place without a byte has
// its heartbeat when it is due.
func TestJoinKeepsSilence(t *testing.T) {
	s := serve(t, time.Hour, "picks", "teams")
	first := s.client(t, "teams")
	_, r, c := s.arrive(t, "picks")
	s.groups <- transaction{[]string{"teams"}, "passes"}
	first.lines(t, "data: ", "data: passes")
	if joined, err := s.Join(r, c, time.Now().Add(-time.Hour)); !joined || err != nil {
		t.Fatalf("joined: %t, %v", joined, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if silence := time.Duration(s.clock() - r.sock.last); silence < time.Hour {
		t.Errorf("it was silent for an hour, and passes for %s", silence)
	}
}

// TestQuietMembers: nobody is woken to no purpose: a member at rest is in the hands of
// no goroutine, and leaves nothing open.
func TestQuietMembers(t *testing.T) {
	s := serve(t, 100*time.Millisecond, "picks")
	for range 50 {
		s.client(t, "picks")
	}
	c := s.client(t, "picks")
	c.lines(t, ":", ":ping")
	c.Close()
	eventually(t, "the one to be noticed", func() bool { return s.Len() == 50 })
	s.Drain(func(b []byte) []byte { return append(b, "retry: 1\n\n"...) })
	eventually(t, "all to be let out", func() bool { return s.open.Load() == 0 })
	if joined, err := s.Join(&Response{sock: &socket{}}, &history.Cursor{}, time.Now()); joined || err != nil {
		t.Errorf("joined after the end: %t, %v", joined, err)
	}
}

// TestDrainFindsSocketFull: a client that can't take its farewell at once still gets it,
// and Run waits for that.
func TestDrainFindsSocketFull(t *testing.T) {
	s := serve(t, time.Hour, "picks")
	c := s.client(t, "picks")
	filler, refused := []byte(strings.Repeat("x", 64<<10)), 0
	eventually(t, "the kernel to take nothing more", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		n, full, err := s.members[0].write(filler)
		if refused++; n > 0 || !full || err != nil {
			refused = 0
		}
		return refused == 20 // its buffers grow for a while
	})
	s.Drain(func(b []byte) []byte { return append(b, "retry: 1\n\n"...) })
	if n := s.open.Load(); s.Len() != 0 || n != 1 {
		t.Errorf("%d members, %d connections", s.Len(), n)
	}
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	text, err := io.ReadAll(c.in)
	if err != nil || !strings.HasSuffix(string(text), "xxx"+"a\r\nretry: 1\n\n\r\n0\r\n\r\n") {
		t.Errorf("%v: the end is %q", err, text[max(0, len(text)-40):])
	}
}

// TestFailures: the operator's log has the cause of a reset, and the index does not keep
// a group, and with it a binding, that has no clients left.
func TestFailures(t *testing.T) {
	var log bytes.Buffer
	c := frame.NewCatalog(unjudging{&publisher{tables: []string{"drafts"}}}, slog.New(slog.NewTextHandler(&log, nil)))
	sub, err := c.Subscribe([]string{"drafts"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	x := newIndex(c)
	g := x.group(sub)
	if dirty := x.route(&frame.Frame{Pos: position("binlog.000001/4/0.0~00000001"), Tag: 1}, nil); len(dirty) != 1 || g.pending[0].Kind != frame.Reset {
		t.Fatalf("routed to %d groups", len(dirty))
	}
	if text := log.String(); !strings.Contains(text, "stream=drafts") || !strings.Contains(text, "a secret") {
		t.Errorf("logged: %s", text)
	}
	if x.remove(g); len(x.failures.told) != 0 {
		t.Error("the group is still known")
	}
}

// unjudging binds what can't be judged.
type unjudging struct{ *publisher }

func (unjudging) Bind(int, map[string]string) (frame.Binding, error) { return unjudging{}, nil }
func (unjudging) Key() string                                        { return "" }
func (unjudging) ID() string                                         { return "" }
func (unjudging) Match(any) (bool, error)                            { return false, errors.New("a secret") }
