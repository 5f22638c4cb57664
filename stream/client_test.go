package stream

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rowcast/stream/frame"
	"rowcast/stream/internal/history"
)

// running is a Server on a real socket.
type running struct {
	*Server
	url  string
	addr string
	src  *fakeSource // nil: a database server
	gate *gate
}

func serve(t testing.TB, cfg Config, src *fakeSource, rend frame.Renderer) *running {
	t.Helper()
	return serveAt(t, nil, cfg, history.LaneOptions{}, src, rend)
}

func serveLanes(t testing.TB, cfg Config, lanes history.LaneOptions, src *fakeSource, rend frame.Renderer) *running {
	t.Helper()
	return serveAt(t, nil, cfg, lanes, src, rend)
}

// serveAt is serve by sockets that control has prepared.
func serveAt(t testing.TB, control func(network, address string, c syscall.RawConn) error, cfg Config, lanes history.LaneOptions, src *fakeSource, rend frame.Renderer) *running {
	t.Helper()
	s, err := newServer(cfg, lanes, src, rend, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{Control: control}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := runServer(t, s, l)
	r.src = src
	return r
}

func runServer(t testing.TB, s *Server, l net.Listener) *running {
	t.Helper()
	g := &gate{Counter: s.metrics.bytes}
	s.metrics.bytes = g
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	hs := &http.Server{Handler: s.Handler(), Protocols: p}
	served := make(chan error, 1) // Serve's one answer
	go func() { served <- hs.Serve(l) }()
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1) // Run's one answer
	go func() { ran <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Errorf("Run: %v", err)
		}
		hs.Close()
		<-served
		if n := s.clients.count.Load(); n != 0 {
			eventually(t, "all clients to be released", func() bool { return s.clients.count.Load() == 0 })
		}
	})
	return &running{Server: s, url: "http://" + l.Addr().String(), addr: l.Addr().String(), gate: g}
}

// gate counts bytes that were written, and keeps whoever has written them from going
// on while it is shut.
type gate struct {
	prometheus.Counter
	mu   sync.Mutex
	came atomic.Int64
}

func (g *gate) Add(n float64) {
	g.came.Add(1)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.Counter.Add(n)
}

// held has the pool do nothing while f does something, and lets it find all of it at
// once. The streams must include hold; f has the number of the frame that comes next.
func (r *running) held(t testing.TB, f func(next uint64)) {
	t.Helper()
	n := r.pool.Len()
	c := r.open(t, h1(), "/events/hold", "")
	c.must()
	eventually(t, "the client that holds the pool", func() bool { return r.pool.Len() == n+1 })
	r.gate.mu.Lock()
	open := sync.OnceFunc(r.gate.mu.Unlock)
	t.Cleanup(open)
	r.pool.Patience = 100 * time.Millisecond // known to the live feed with the next commit
	before := r.gate.came.Load()
	r.src.commit(row{"hold", "hold"})
	eventually(t, "the pool to stop", func() bool { return r.gate.came.Load() > before })
	f(r.history.Live().End())
	c.body.Close()
	open()
	eventually(t, "that client to leave", func() bool { return r.pool.Len() <= n })
}

// started waits until the live feed has its position.
func (r *running) started(t testing.TB) *running {
	t.Helper()
	eventually(t, "the live feed", func() bool { _, head := r.history.Live().Current(); return !head.IsZero() })
	return r
}

func eventually(t testing.TB, what string, ok func() bool) {
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

// block is one dispatched event, or an id-only block.
type block struct {
	id, event, data string
	retry           string
	comments        int
}

// sse is a client on the wire.
type sse struct {
	t    testing.TB
	body io.ReadCloser
	r    *bufio.Reader
	resp *http.Response
	last string
}

// transports are the ways to the server: taken over, and through net/http.
var h2 = func() *http.Client {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return &http.Client{Transport: &http.Transport{Protocols: p, DisableCompression: true}}
}

var h1 = func() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}
}

func (r *running) open(t testing.TB, client *http.Client, path, lastID string) *sse {
	t.Helper()
	req, err := http.NewRequest("GET", r.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	c := &sse{t: t, body: resp.Body, r: bufio.NewReader(resp.Body), resp: resp, last: lastID}
	t.Cleanup(func() { resp.Body.Close(); client.CloseIdleConnections() })
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%s: %s, %s", path, resp.Status, resp.Header.Get("Content-Type"))
	}
	return c
}

// next reads one block by the rules of the WHATWG; io.EOF at the clean end.
func (c *sse) next() (b block, err error) {
	seen := false
	var data []string
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return b, err
		}
		line = strings.TrimSuffix(line, "\n")
		if strings.Contains(line, "\r") {
			c.t.Errorf("a CR got through: %q", line)
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if !seen {
				continue
			}
			b.data = strings.Join(data, "\n")
			c.last = b.id
			if b.id == "" {
				c.last = ""
			}
			return b, nil
		case name == "":
			b.comments++
			continue
		case name == "id":
			b.id = value
		case name == "event":
			b.event = value
		case name == "data":
			data = append(data, value)
		case name == "retry":
			b.retry = value
		default:
			c.t.Errorf("unexpected field %q", line)
		}
		seen = true
	}
}

func (c *sse) must() block {
	c.t.Helper()
	b, err := c.next()
	if err != nil {
		c.t.Fatalf("reading a block: %v", err)
	}
	return b
}

// event skips blocks without data.
func (c *sse) event() block {
	c.t.Helper()
	for {
		if b := c.must(); b.data != "" {
			return b
		}
	}
}

// end reads to the clean end and returns the last retry.
func (c *sse) end() (events []block, retry string) {
	c.t.Helper()
	for {
		b, err := c.next()
		if errors.Is(err, io.EOF) {
			return events, retry
		}
		if err != nil {
			c.t.Fatalf("not a clean end: %v", err)
		}
		if b.retry != "" {
			retry = b.retry
		}
		if b.data != "" {
			events = append(events, b)
		}
	}
}

// get is a plain request.
func (r *running) get(t testing.TB, path string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest("GET", r.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if req.Header.Add(header[i], header[i+1]); header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	return do(t, req)
}

func do(t testing.TB, req *http.Request) (*http.Response, string) {
	t.Helper()
	client := h1()
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}
