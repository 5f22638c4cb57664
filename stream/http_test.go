package stream

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rowcast/cdc"
)

var bothTables = fakeRenderer{tables: []string{"picks", "teams", "drafts?"}}

func TestRefusals(t *testing.T) {
	s := serve(t, Config{Listen: "127.0.0.1:8080", Hosts: []string{"rowcast.example"}}, newFake(), bothTables).started(t)
	for _, c := range []struct {
		path   string
		header []string
		status int
		detail string
	}{
		{"/events/pick", nil, 404, `did you mean "picks"?`},
		{"/events?table=nothing", nil, 404, "there is no stream"},
		{"/events", nil, 400, "name a stream"},
		{"/events?table=picks&table=picks", nil, 400, "named twice"},
		{"/events/picks?table=teams", nil, 400, "table belongs to"},
		{"/events/picks?tema=1", nil, 400, `no parameter "tema"; it takes none`},
		{"/events/drafts?team=a&tema=1", nil, 400, `it takes team, min`},
		{"/events/drafts", nil, 400, "team is required"},
		{"/events/drafts?team=a&team=b", nil, 400, "given 2 times"},
		{"/events/picks?wait=2h", nil, 400, "0s to 60s"},
		{"/events/picks?a=%zz", nil, 400, "query"},
		{"/nowhere", nil, 404, "/streams lists them"},
		{"/events/picks", []string{"Host", "evil.example"}, 403, "[http] hosts"},
		{"/events/picks", []string{"Host", "127.0.0.1.evil.example:8080"}, 403, "[http] hosts"},
	} {
		resp, body := s.get(t, c.path, c.header...)
		var p struct {
			Status int
			Detail string
		}
		if err := json.Unmarshal([]byte(body), &p); err != nil || resp.StatusCode != c.status || p.Status != c.status ||
			!strings.Contains(p.Detail, c.detail) || resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %s %s", c.path, resp.Status, body)
		}
	}
	for _, host := range []string{"localhost", "LOCALHOST:99", "app.localhost", "[::1]:8080", "127.9.9.9", "rowcast.example:443", "Rowcast.Example."} {
		if resp, body := s.get(t, "/healthz", "Host", host); resp.StatusCode != 200 {
			t.Errorf("Host %s: %s", host, body)
		}
	}
	s.config.AdminListen = "127.0.0.1:9090"
	for host, status := range map[string]int{"localhost:9090": 200, "rowcast.example": 200, "evil.example": 403} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/metrics", nil)
		r.Host = host
		if s.adminRoutes().ServeHTTP(w, r); w.Code != status {
			t.Errorf("admin, Host %s: %d", host, w.Code)
		}
	}
	s.config.AdminListen = ":9090" // as in the image
	for _, c := range []struct {
		path, from, host string
		status           int
	}{
		{"/metrics", "192.0.2.1:1234", "rowcast.internal:9090", 200},
		{"/metrics", "127.0.0.1:1234", "localhost:9090", 200},
		{"/debug/pprof/cmdline", "192.0.2.1:1234", "rowcast.internal:9090", 403},
		{"/debug/pprof/cmdline", "192.0.2.1:1234", "localhost:9090", 403},
		{"/debug/pprof/", "[2001:db8::1]:1234", "localhost:9090", 403},
		{"/debug/pprof/cmdline", "127.0.0.1:1234", "localhost:9090", 200},
		{"/debug/pprof/cmdline", "[::1]:1234", "[::1]:9090", 200},
		{"/debug/pprof/cmdline", "127.0.0.1:1234", "evil.example:9090", 403},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", c.path, nil)
		r.RemoteAddr, r.Host = c.from, c.host
		if s.adminRoutes().ServeHTTP(w, r); w.Code != c.status {
			t.Errorf("%s for %s, Host %s: %d", c.path, c.from, c.host, w.Code)
		}
	}
	for path, status := range map[string]int{"/healthz": 200, "/readyz": 200, "/streams": 200, "/": 200, "/nothing": 404, "/events/picks": 200, "/events?table=picks": 200, "/events/nope": 404, "/events": 400} {
		req, _ := http.NewRequest("HEAD", s.url+path, nil)
		if resp, body := do(t, req); resp.StatusCode != status || body != "" {
			t.Errorf("HEAD %s: %s, %q", path, resp.Status, body)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		req, _ := http.NewRequest(method, s.url+"/events/picks", nil)
		if resp, _ := do(t, req); resp.StatusCode != 405 || !strings.Contains(resp.Header.Get("Allow"), "GET") {
			t.Errorf("%s: %s, Allow %q", method, resp.Status, resp.Header.Get("Allow"))
		}
	}
}

// TestNamesInPaths: a public name may hold what is escaped in a URL, and is
// unescaped once.
func TestNamesInPaths(t *testing.T) {
	names := []string{"50%", "a%41", "a+b&c", "ünïq", "100%25"}
	src := newFake()
	s := serve(t, Config{}, src, fakeRenderer{tables: names}).started(t)
	for _, name := range names {
		for _, path := range []string{"/events/" + url.PathEscape(name), "/events/" + escapeAll(name), "/events?table=" + url.QueryEscape(name)} {
			c := s.open(t, h1(), path, "")
			c.must()
			id := src.commit(row{name, name})[0]
			if b := c.event(); b.id != id || b.data != name {
				t.Errorf("%s: %+v", path, b)
			}
			c.body.Close()
		}
	}
	for _, path := range []string{"/events/a%41", "/events/100%25", "/events/50%2525"} {
		if resp, _ := s.get(t, path); resp.StatusCode != 404 {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
}

// escapeAll escapes each byte.
func escapeAll(name string) string {
	var b strings.Builder
	for i := range len(name) {
		fmt.Fprintf(&b, "%%%02X", name[i])
	}
	return b.String()
}

func TestCORS(t *testing.T) {
	exact := serve(t, Config{CORSOrigins: []string{"https://app.example"}}, newFake(), bothTables)
	open := serve(t, Config{CORSOrigins: []string{"*"}}, newFake(), bothTables)
	none := serve(t, Config{}, newFake(), bothTables)
	for _, c := range []struct {
		s                  *running
		origin, allow, crd string
	}{
		{exact, "https://app.example", "https://app.example", "true"},
		{exact, "https://evil.example", "", ""},
		{exact, "null", "", ""},
		{exact, "https://app.example.evil", "", ""},
		{open, "https://evil.example", "*", ""},
		{none, "https://app.example", "", ""},
	} {
		for _, method := range []string{"GET", "OPTIONS"} {
			req, _ := http.NewRequest(method, c.s.url+"/streams", nil)
			req.Header.Set("Origin", c.origin)
			resp, _ := do(t, req)
			h := resp.Header
			if h.Get("Access-Control-Allow-Origin") != c.allow || h.Get("Access-Control-Allow-Credentials") != c.crd {
				t.Errorf("%s from %s: %v", method, c.origin, h)
			}
			if exposes := h.Get("Access-Control-Expose-Headers"); (exposes == "Rowcast-Heartbeat") != (c.allow != "") {
				t.Errorf("%s from %s exposes %q", method, c.origin, exposes)
			}
			if c.s == exact && h.Get("Vary") != "Origin" {
				t.Errorf("Vary: %v", h)
			}
			if lists := h.Get("Access-Control-Allow-Headers"); method == "OPTIONS" && (lists != "") != (c.allow != "") {
				t.Errorf("preflight from %s: %v", c.origin, h)
			}
		}
	}
	for _, origins := range [][]string{{"null"}, {"*", "https://a.example"}, {"https://a.example/"}, {"app.example"}} {
		if _, err := NewServer(Config{CORSOrigins: origins}, newFake(), bothTables, nil); err == nil {
			t.Errorf("%v was accepted", origins)
		}
	}
}

func TestLongPoll(t *testing.T) {
	src := newFake()
	s := serve(t, Config{}, src, bothTables).started(t)
	poll := func(query string) (a pollAnswer) {
		t.Helper()
		resp, body := s.get(t, "/events/picks"+query, "Accept", "application/json")
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/json" {
			t.Fatalf("%s: %s", resp.Status, body)
		}
		if err := json.Unmarshal([]byte(body), &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	first := poll("?wait=0s")
	if first.LastID != "binlog.000001/4~67a1f3b2" || first.Events == nil || len(first.Events) != 0 {
		t.Fatalf("%+v", first)
	}
	ids := src.commit(row{"picks", "a"}, row{"other", "x"}, row{"picks", "pick|two\nlines"})
	a := poll("?lastEventId=" + first.LastID)
	want := []pollEvent{{ids[0], "message", "a"}, {ids[2], "pick", "two\nlines"}}
	if len(a.Events) != 2 || a.Events[0] != want[0] || a.Events[1] != want[1] || a.LastID != ids[2] {
		t.Fatalf("%+v", a)
	}
	src.commit(row{"other", "x"})
	eventually(t, "the live feed", func() bool { _, h := s.history.Live().Current(); return h.Compare(src.end()) == 0 })
	if a = poll("?wait=1ms&lastEventId=" + a.LastID); len(a.Events) != 0 || a.LastID != src.end().String() {
		t.Fatalf("the checkpoint has not moved: %+v", a)
	}
	before := a.LastID
	var many []row
	for i := range 2000 {
		many = append(many, row{"picks", fmt.Sprintf("%d %0200d", i, i)})
	}
	src.commit(many...)
	eventually(t, "the live feed", func() bool { _, h := s.history.Live().Current(); return h.Compare(src.end()) == 0 })
	if a = poll("?lastEventId=" + before); len(a.Events) != len(many) {
		t.Errorf("%d of %d events that were at hand came with the first answer", len(a.Events), len(many))
	}
	if a = poll("?lastEventId=nonsense"); len(a.Events) != 1 || a.Events[0].Event != "reset" || a.Events[0].ID != a.LastID {
		t.Fatalf("%+v", a)
	}
}

func TestSentAway(t *testing.T) {
	away := newFake()
	away.away = true
	full := newFake()
	for name, s := range map[string]*running{
		"database away": serve(t, Config{}, away, bothTables),
		"max_clients":   serve(t, Config{MaxClients: 1}, full, bothTables).started(t),
	} {
		t.Run(name, func(t *testing.T) {
			if name == "max_clients" {
				s.open(t, h1(), "/events/picks", "").must()
			}
			for _, client := range []*http.Client{h1(), h2()} {
				_, retry := s.open(t, client, "/events/picks", "").end()
				if retry == "" {
					t.Error("no retry before the end")
				}
			}
			retries := map[string]bool{}
			for range 5 {
				_, body := s.get(t, "/events/picks")
				if !regexp.MustCompile(`^retry: \d+\n\n$`).MatchString(body) {
					t.Errorf("sent away with %q", body)
				}
				retries[body] = true
			}
			if len(retries) == 1 {
				t.Error("everybody is asked to come back at the same time")
			}
			if _, body := s.get(t, "/events/picks", "Accept", "application/json"); !regexp.MustCompile(`"retry":\d+\b`).MatchString(body) {
				t.Errorf("long poll: %s", body)
			}
		})
	}
}

func TestLanesFull(t *testing.T) {
	src := newFake()
	for range 400 {
		src.commit(row{"picks", strings.Repeat("x", 400)})
	}
	src.limit = 1
	s := serve(t, Config{History: minHistory, MaxReplays: 1}, src, bothTables).started(t)
	src.mu.Lock()
	src.limit, src.slow = 0, 0
	close(src.changed)
	src.changed = make(chan struct{})
	src.mu.Unlock()
	eventually(t, "the live feed", func() bool { _, h := s.history.Live().Current(); return h.Compare(src.end()) == 0 })
	src.mu.Lock()
	src.slow = 50 * time.Millisecond
	src.mu.Unlock()
	first := s.open(t, h1(), "/events/picks", at(1, 4+110*50, fakeLineage).String())
	first.event()
	// Older than what the one lane comes past: no lane is free.
	if _, retry := s.open(t, h1(), "/events/picks", at(1, 4+110*10, fakeLineage).String()).end(); retry == "" {
		t.Error("no retry before the end")
	}
	// Ahead of it: picked up on the way.
	second := s.open(t, h1(), "/events/picks", at(1, 4+110*60, fakeLineage).String())
	if b, want := second.event(), change(at(1, 4+110*60, fakeLineage), 0, 0).String(); b.id != want {
		t.Errorf("got %+v, want %s", b, want)
	}
	src.mu.Lock()
	src.slow = 0
	src.mu.Unlock()
	if src.replays != 1 {
		t.Errorf("%d replays", src.replays)
	}
}

func TestDrain(t *testing.T) {
	eachWay(t, func(t *testing.T, client func() *http.Client) {
		s := serve(t, Config{}, newFake(), bothTables).started(t)
		var clients []*sse
		for range 20 {
			c := s.open(t, client(), "/events/picks", "")
			c.must()
			clients = append(clients, c)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		drained := make(chan error, 1) // Drain's answer
		go func() { drained <- s.Drain(ctx) }()
		retries := map[string]bool{}
		for _, c := range clients {
			_, retry := c.end() // a response that does not end with its last chunk is an error
			retries[retry] = true
		}
		if err := <-drained; err != nil || len(retries) < 10 || retries[""] {
			t.Errorf("Drain: %v; retries %v", err, retries)
		}
		if _, retry := s.open(t, client(), "/events/picks", "").end(); retry == "" {
			t.Error("a late client was not told to come back")
		}
		if resp, body := s.get(t, "/readyz"); resp.StatusCode != 503 || !strings.Contains(body, "shutting down") {
			t.Errorf("readyz: %s", body)
		}
	})
}

// TestDrainCutsStalled: a client that takes nothing does not hold up the end.
func TestDrainCutsStalled(t *testing.T) {
	src := newFake()
	s := serve(t, Config{}, src, bothTables).started(t)
	conn := s.dial(t, "GET /events/picks HTTP/1.1\r\nHost: localhost\r\n\r\n")
	eventually(t, "the client", func() bool { return s.pool.Len() == 1 })
	for range 400 {
		src.commit(row{"picks", strings.Repeat("x", 50_000)})
	}
	eventually(t, "the client to stall", func() bool { return s.pool.Len() == 0 })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Drain(ctx); err == nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Drain: %v", err)
	}
	eventually(t, "the client to be cut", func() bool { return s.clients.count.Load() == 0 })
	conn.Close()
}

// dial sends bytes as they are.
func (r *running) dial(t testing.TB, request string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestSmuggling: bytes after a request are never read as another.
func TestSmuggling(t *testing.T) {
	src := newFake()
	s := serve(t, Config{}, src, bothTables).started(t)
	for name, request := range map[string]string{
		"pipelined":     "GET /events/picks HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"body":          "GET /events/picks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhelloGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"short body":    "GET /events/picks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"chunked body":  "GET /events/picks HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"http10":        "GET /events/picks HTTP/1.0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"sent much too": "GET /events/picks HTTP/1.1\r\nHost: localhost\r\n\r\n" + strings.Repeat("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 100),
	} {
		t.Run(name, func(t *testing.T) {
			conn := s.dial(t, request)
			r := bufio.NewReader(conn)
			resp, err := http.ReadResponse(r, nil)
			if err != nil || resp.StatusCode != 200 {
				t.Fatal(err, resp)
			}
			c := &sse{t: t, r: bufio.NewReader(resp.Body)}
			c.must()
			id := src.commit(row{"picks", "x"})[0]
			if b := c.event(); b.id != id {
				t.Errorf("got %+v", b)
			}
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			rest, _ := io.ReadAll(r) // an error is as good: the connection ended
			if strings.Contains(string(rest), "HTTP/1") || strings.Contains(string(rest), `"ok"`) {
				t.Errorf("a second response: %q", rest)
			}
		})
	}
	eventually(t, "the clients to be let go", func() bool { return s.clients.count.Load() == 0 })
}

// sent is how many bytes of event streams were written.
func (r *running) sent(t *testing.T) (n float64) {
	t.Helper()
	rec := &recorder{header: http.Header{}}
	req, _ := http.NewRequest("GET", "/metrics", nil)
	r.Admin().ServeHTTP(rec, req)
	_, rest, _ := strings.Cut(rec.body.String(), "\nrowcast_sent_bytes_total ")
	if _, err := fmt.Sscan(rest, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestFarewellToWhoSends: bytes that a client sent and nobody read do not take the
// end of its response away. The client is slow, so that most of its response is in
// the kernel when the connection is closed.
func TestFarewellToWhoSends(t *testing.T) {
	for name, tail := range map[string]string{"pipelined": strings.Repeat("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 1000), "nothing": ""} {
		t.Run(name, func(t *testing.T) {
			src := newFake()
			s := serve(t, Config{Retry: time.Minute}, src, bothTables).started(t)
			conn := s.dial(t, "GET /events/picks HTTP/1.1\r\nHost: localhost\r\n\r\n")
			r := bufio.NewReaderSize(conn, 16)
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, tail); err != nil {
				t.Fatal(err)
			}
			last := ""
			for i := range 20 {
				last = src.commit(row{"picks", fmt.Sprint(i) + strings.Repeat("x", 5000)})[0]
			}
			eventually(t, "all to be written", func() bool { return s.sent(t) > 20*5000 })
			drained := make(chan error, 1) // Drain's one answer
			go func() { drained <- s.Drain(t.Context()) }()
			if len(tail) == 0 {
				if err := <-drained; err != nil {
					t.Fatal(err)
				}
			} else {
				eventually(t, "the response to have ended", func() bool { return s.pool.Len() == 0 })
			}
			text, err := io.ReadAll(resp.Body)
			if err != nil || !strings.Contains(string(text), last) || !regexp.MustCompile(`\nretry: \d+\n\n$`).Match(text) {
				t.Errorf("%v; the end is %q", err, text[max(0, len(text)-100):])
			}
			conn.Close()
			if len(tail) > 0 {
				if err := <-drained; err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestLeftClientsAreNoticed without any event to write.
func TestLeftClientsAreNoticed(t *testing.T) {
	s := serve(t, Config{}, newFake(), bothTables).started(t)
	for range 50 {
		conn := s.dial(t, "GET /events/picks HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	eventually(t, "the clients to be let go", func() bool { return s.clients.count.Load() == 0 && s.pool.Len() == 0 })
}

// TestStalledReaderHarmsNobody: one client stops reading, the others get
// everything; it then gets all that it missed, from history and the binlog.
func TestStalledReaderHarmsNobody(t *testing.T) {
	src := newFake()
	s := serve(t, Config{History: 1 << 20}, src, bothTables).started(t)
	stalled := s.open(t, h1(), "/events/picks", "")
	stalled.must()
	var others []*sse
	for i := range 10 {
		c := s.open(t, []func() *http.Client{h1, h2}[i%2](), "/events/picks", "")
		c.must()
		others = append(others, c)
	}
	var ids []string
	const events = 250
	value := strings.Repeat("x", 50_000)
	var slowest atomic.Int64
	done := make(chan struct{}, len(others)) // one for each
	for _, c := range others {
		go func() {
			for range events {
				if b, err := c.next(); err != nil || b.event != "" {
					t.Errorf("%v %s", err, b.data)
					break
				}
				slowest.Add(1)
			}
			done <- struct{}{}
		}()
	}
	for i := range events {
		ids = append(ids, src.commit(row{"picks", value})[0])
		eventually(t, "the others", func() bool { return slowest.Load() >= int64((i-20)*len(others)) })
	}
	for range others {
		<-done
	}
	same(t, "the stalled reader", stalled.collect(ids[events-1]), ids)
}

func TestSwap(t *testing.T) {
	eachWay(t, func(t *testing.T, client func() *http.Client) {
		src := newFake()
		s := serve(t, Config{}, src, fakeRenderer{tables: []string{"teams", "picks", "drafts?"}}).started(t)
		picks := s.open(t, client(), "/events/picks", "")
		teams := s.open(t, client(), "/events/teams", "")
		drafts := s.open(t, client(), "/events/drafts?team=a", "")
		for _, c := range []*sse{picks, teams, drafts} {
			c.must()
		}
		old := src.commit(row{"picks", "1"}, row{"drafts", "a:1"}, row{"drafts", "b:1"})
		if a, b := picks.event(), drafts.event(); a.data != "1" || b.data != "a:1" {
			t.Fatal(a, b)
		}
		s.Swap(fakeRenderer{tables: []string{"picks", "new", "drafts?"}, prefix: "v2 "})
		events, _ := teams.end()
		if len(events) != 1 || events[0].event != "reset" || !strings.Contains(events[0].data, `"schema"`) {
			t.Errorf("the stream that is gone: %+v", events)
		}
		added := s.open(t, client(), "/events/new", "")
		added.must()
		src.commit(row{"picks", "2"}, row{"new", "n"}, row{"drafts", "b:2"}, row{"drafts", "a:2"})
		if a, b, c := picks.event(), drafts.event(), added.event(); a.data != "v2 2" || b.data != "v2 a:2" || c.data != "v2 n" {
			t.Error(a, b, c)
		}
		// Who resumes below the swap gets what the config of now says.
		again := s.open(t, client(), "/events/picks", at(1, 4, fakeLineage).String())
		if b := again.event(); b.id != old[0] || b.data != "v2 1" {
			t.Errorf("got %+v", b)
		}
		if b := again.event(); b.data != "v2 2" {
			t.Errorf("got %+v", b)
		}
	})
}

func TestSchemaResets(t *testing.T) {
	eachWay(t, func(t *testing.T, client func() *http.Client) {
		src := newFake()
		s := serve(t, Config{}, src, fakeRenderer{tables: []string{"picks", "teams", "drafts?"}}).started(t)
		all := s.open(t, client(), "/events?table=picks&table=teams&table=drafts&team=a", "")
		all.must()
		ids := src.commit(row{"picks", "a"}, row{"picks", "!"}, row{"picks", "!"}, row{"teams", "t"})
		want := []string{ids[0] + " a", ids[3] + " t"}
		for _, w := range want {
			if b := all.event(); b.id+" "+b.data != w {
				t.Errorf("got %+v, want %s", b, w)
			}
		}
		b := all.event()
		if b.event != "reset" || b.id != src.end().String() || !strings.Contains(b.data, "secret") || !strings.Contains(b.data, `"lastEventId":"binlog.000001/4~`) {
			t.Errorf("got %+v", b)
		}
		src.notice(cdc.Notice{Schema: "db", Table: "", Message: "TRUNCATE\r\nid: evil"})
		if b = all.event(); b.event != "reset" || b.id != src.end().String() || !strings.Contains(b.data, `TRUNCATE\r\nid: evil`) {
			t.Errorf("got %+v", b)
		}
		id := src.commit(row{"picks", "b"})[0]
		if b = all.event(); b.id != id { // one reset for all streams of the connection
			t.Errorf("got %+v", b)
		}
	})
}

func TestParameters(t *testing.T) {
	eachWay(t, func(t *testing.T, client func() *http.Client) {
		src := newFake()
		s := serve(t, Config{}, src, bothTables).started(t)
		var clients []*sse
		for i := range 20 {
			c := s.open(t, client(), fmt.Sprintf("/events/drafts?team=%d&min=%d", i/2, i%2*5), "")
			c.must()
			clients = append(clients, c)
		}
		for i := range 10 {
			src.commit(row{"drafts", fmt.Sprintf("%d:1", i)}, row{"drafts", fmt.Sprintf("%d:9", i)})
		}
		for i, c := range clients {
			if b, want := c.event(), fmt.Sprintf("%d:%d", i/2, 1+i%2*8); b.data != want {
				t.Errorf("client %d got %s, want %s", i, b.data, want)
			}
		}
	})
}

func TestHealthAndMetrics(t *testing.T) {
	src := newFake()
	s := serve(t, Config{}, src, bothTables).started(t)
	c := s.open(t, h1(), "/events/picks", "")
	c.must()
	src.commit(row{"picks", "a"})
	c.event()
	eventually(t, "a writer to have the client", func() bool { return s.pool.Len() == 1 })
	s.SetConfigError(errors.New("config.toml:3: no such key"))
	if resp, body := s.get(t, "/readyz"); resp.StatusCode != 200 || !strings.Contains(body, "config.toml:3") {
		t.Errorf("readyz: %s %s", resp.Status, body)
	}
	src.mu.Lock()
	src.broken = errors.New("away")
	src.mu.Unlock()
	if resp, body := s.get(t, "/readyz"); resp.StatusCode != 503 || !strings.Contains(body, "not connected: fake") {
		t.Errorf("readyz: %s %s", resp.Status, body)
	}
	if resp, body := s.get(t, "/streams"); resp.StatusCode != 200 || !strings.Contains(body, `{"name":"drafts","table":"db.drafts?"`) {
		t.Errorf("streams: %s", body)
	}
	for _, path := range []string{"/", "/rowcast.js", "/examples"} { // the last by way of /examples/
		if resp, _ := s.get(t, path); resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	rec := &recorder{header: http.Header{}}
	req, _ := http.NewRequest("GET", "/metrics", nil)
	s.Admin().ServeHTTP(rec, req)
	for _, line := range []string{
		`rowcast_events_total{op="insert",stream="picks"} 1`, `rowcast_resumes_total{reason="",source="now"} 1`,
		`rowcast_clients{way="writer"} 1`, `rowcast_config_error 1`, `rowcast_position_info{file="binlog.000001",server="",version=""} 1`, `rowcast_lanes 0`,
	} {
		if !strings.Contains(rec.body.String(), line+"\n") {
			t.Errorf("metrics lack %s", line)
		}
	}
}

type recorder struct {
	header http.Header
	body   strings.Builder
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(int)             {}
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }
