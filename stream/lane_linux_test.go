package stream

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"rowcast/cdc"
	"rowcast/internal/throwaway"
	"rowcast/stream/frame"
	"rowcast/stream/internal/history"
)

// idRenderer publishes the first two columns of a server's table as text.
type idRenderer struct{ fakeRenderer }

func (r idRenderer) Render(c *cdc.Change, emit frame.Emit) {
	i := slices.Index(r.tables, c.Table.Name)
	if i < 0 {
		return
	}
	data, err := c.After.AppendText(nil, 0)
	if err == nil {
		data, err = c.After.AppendText(append(data, ' '), 1)
	}
	emit(i, c.Op, "", data, nil, nil, err)
}

// readBinlog serves the picks of a database server.
func readBinlog(t *testing.T, db *throwaway.Server, cfg Config, lanes history.LaneOptions) *running {
	t.Helper()
	src, err := cdc.New(cdc.Config{Addr: db.Addr(), User: db.User(), Password: db.Password()})
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(cfg, lanes, src, idRenderer{fakeRenderer{tables: []string{"picks"}}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{Control: smallBuffers}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return runServer(t, s, l).started(t)
}

// smallBuffers leaves a connection little room in the kernel, which on loopback
// takes megabytes: what a client has not read is then known to the server.
func smallBuffers(_, _ string, raw syscall.RawConn) error {
	return raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF, 32<<10)
		_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 32<<10)
	})
}

// throttle reads so many bytes a second until it is let go.
type throttle struct {
	io.ReadCloser
	ctx       context.Context
	perSecond int
	free      atomic.Bool
}

func (r *throttle) Read(b []byte) (int, error) {
	if r.free.Load() {
		return r.ReadCloser.Read(b)
	}
	n, err := r.ReadCloser.Read(b[:min(len(b), r.perSecond/50)])
	if perr := pause(r.ctx, time.Duration(n)*time.Second/time.Duration(r.perSecond)); perr != nil {
		return n, perr
	}
	return n, err
}

// throttled is open for a client that reads perSecond bytes a second.
func (r *running) throttled(t testing.TB, path, lastID string, perSecond int) (*sse, *throttle) {
	t.Helper()
	client := h1()
	client.Transport.(*http.Transport).ReadBufferSize = 4 << 10
	client.Transport.(*http.Transport).DialContext = (&net.Dialer{Control: smallBuffers}).DialContext
	c := r.open(t, client, path, lastID)
	slow := &throttle{ReadCloser: c.body, ctx: t.Context(), perSecond: perSecond}
	c.r = bufio.NewReaderSize(slow, 4<<10)
	return c, slow
}

// TestSlowClientOfEndedLane: a client on a thin line comes back from far below
// history. Its lane reads faster than it, meets the live log, and ends with frames
// that the client has still to take; it must get every one of them.
func TestSlowClientOfEndedLane(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		db := throwaway.Test(t, f)
		if err := db.Exec("CREATE DATABASE draft", "CREATE TABLE draft.picks (id INT PRIMARY KEY AUTO_INCREMENT, note TEXT)"); err != nil {
			t.Fatal(err)
		}
		s := readBinlog(t, db, Config{History: 1 << 20}, history.LaneOptions{Linger: 50 * time.Millisecond})
		begin := s.open(t, h1(), "/events/picks", "")
		id := begin.must().id
		begin.body.Close()

		const rows, each = 3000, 100
		for range rows / each {
			values := strings.Repeat("(REPEAT('x', 1000)),", each)
			if err := db.Exec("INSERT INTO draft.picks (note) VALUES " + strings.TrimSuffix(values, ",")); err != nil {
				t.Fatal(err)
			}
		}
		last := func() bool {
			_, head := s.history.Live().Current()
			now, err := s.source.Now(t.Context())
			return err == nil && head == now
		}
		eventually(t, "the live feed", last)

		c, slow := s.throttled(t, "/events/picks", id, 200_000)
		c.must()
		if s.history.Lanes() != 1 {
			t.Fatalf("%d lanes; the client was to need one", s.history.Lanes())
		}
		for n := 1; n <= rows; n++ {
			b := c.event()
			if want := fmt.Sprintf("%d %s", n, strings.Repeat("x", 1000)); b.event != "" || b.data != want {
				t.Fatalf("event %d: %q %.40q", n, b.event, b.data)
			}
			if s.history.Lanes() == 0 {
				slow.free.Store(true)
			}
		}
	})
}
