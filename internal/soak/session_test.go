package soak

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// errBroken marks what rowcast may never do; other errors are the faults' work.
var errBroken = errors.New("broken promise")

func broken(err error) error { return fmt.Errorf("%w: %w", errBroken, err) }

// silence is how long a subscriber listens to nothing, heartbeats included,
// before it takes the connection for dead.
const silence = 15 * time.Second

// session is one connection's life, of a random kind; calm: a plain one that
// lasts until ctx ends.
func (s *subscriber) session(ctx context.Context, addr string, calm bool) error {
	kind := "plain"
	if !calm {
		kind = []string{"plain", "plain", "cut", "cut", "stall", "slow", "poll", "h2"}[s.rng.IntN(8)]
		if s.lastID == "" {
			kind = "plain" // a long poll's answer need not say where the sequence begins
		}
		limit := between(s.rng, 50*time.Millisecond, either(6*time.Second, 40*time.Second))
		if kind == "stall" {
			limit *= 2
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	s.kinds[kind]++
	s.connects++
	if kind == "poll" {
		return s.poll(ctx, addr)
	}
	resp, err := s.open(ctx, addr, kind, "text/event-stream", "")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := judgeResponse(resp, "text/event-stream"); err != nil {
		return err
	}
	body := io.Reader(resp.Body)
	switch kind {
	case "cut":
		body = io.MultiReader(io.LimitReader(body, s.rng.Int64N(1<<s.rng.IntN(18)+1)), failing{})
	case "slow":
		body = &throttled{ctx: ctx, r: body, perSecond: 2000 << s.rng.IntN(7)}
	case "stall":
		body = &stalling{ctx: ctx, r: body, after: s.rng.IntN(64 << 10), pause: between(s.rng, 0, either(4*time.Second, 2*time.Minute))}
	}
	return s.read(body)
}

func judgeResponse(resp *http.Response, mime string) error {
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return broken(fmt.Errorf("status %d: %s", resp.StatusCode, text))
	}
	if got := resp.Header.Get("Content-Type"); !strings.HasPrefix(got, mime) {
		return broken(fmt.Errorf("content type %q", got))
	}
	return nil
}

// read takes blocks until the response ends.
func (s *subscriber) read(body io.Reader) error {
	in := newSSE(body)
	var b block
	for first := true; ; first = false {
		err := in.next(&b)
		switch {
		case errors.Is(err, errForm), errors.Is(err, errTorn):
			return broken(err)
		case errors.Is(err, io.EOF):
			s.sentAway++
			return err
		case err != nil:
			return err
		}
		if first && b.retry == "" {
			return broken(errors.New("the response does not begin with retry"))
		}
		if err := s.take(&b); err != nil {
			return broken(err)
		}
	}
}

// poll is a few long polls.
func (s *subscriber) poll(ctx context.Context, addr string) error {
	for range 1 + s.rng.IntN(4) {
		resp, err := s.open(ctx, addr, "poll", "application/json", "1s")
		if err != nil {
			return err
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return err
		}
		resp.Body = io.NopCloser(bytes.NewReader(text))
		if err := judgeResponse(resp, "application/json"); err != nil {
			return err
		}
		var answer struct {
			Events      []struct{ ID, Event, Data string }
			LastEventID string
		}
		if err := json.Unmarshal(text, &answer); err != nil {
			return broken(fmt.Errorf("%w: %s", err, text))
		}
		for _, e := range answer.Events {
			if e.Event == "message" {
				e.Event = "" // as EventSource calls what has no event line
			}
			if err := s.take(&block{id: e.ID, event: e.Event, data: []byte(e.Data), hasData: true}); err != nil {
				return broken(err)
			}
		}
		if err := s.take(&block{id: answer.LastEventID}); err != nil {
			return broken(fmt.Errorf("lastEventId of a long poll: %w", err))
		}
	}
	return nil
}

// open sends a request on a connection of its own.
func (s *subscriber) open(ctx context.Context, addr, kind, accept, wait string) (*http.Response, error) {
	path := s.path()
	if wait != "" {
		path += "&wait=" + wait
	}
	header := http.Header{"Accept": {accept}}
	if s.lastID != "" {
		if s.rng.IntN(3) == 0 {
			path += "&lastEventId=" + url.QueryEscape(s.lastID)
		} else {
			header.Set("Last-Event-ID", s.lastID)
		}
	}
	if kind == "h2" {
		return openH2(ctx, "http://"+addr+path, header)
	}
	return openH1(ctx, addr, path, header, "", kind == "slow" || kind == "stall")
}

// openH1 speaks HTTP/1.1 over a connection that ends with ctx. small: a small
// receive buffer, so that what is not read stays on the server's side. from: the
// source address, or "".
func openH1(ctx context.Context, addr, path string, header http.Header, from string, small bool) (*http.Response, error) {
	d := net.Dialer{Timeout: 5 * time.Second}
	if from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	conn, err := d.DialContext(ctx, "tcp4", addr)
	if err != nil {
		return nil, err
	}
	if small {
		_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	var req bytes.Buffer
	fmt.Fprintf(&req, "GET %s HTTP/1.1\r\nHost: %s\r\n", path, addr)
	_ = header.Write(&req)
	req.WriteString("\r\n")
	if _, err := conn.Write(req.Bytes()); err != nil {
		stop()
		conn.Close()
		return nil, err
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(patient{conn}, 4<<10), nil)
	if err != nil {
		stop()
		conn.Close()
		return nil, err
	}
	resp.Body = &connBody{resp.Body, conn, stop}
	return resp, nil
}

// patient gives each read its own deadline.
type patient struct{ net.Conn }

func (p patient) Read(b []byte) (int, error) {
	_ = p.SetReadDeadline(time.Now().Add(silence))
	return p.Conn.Read(b)
}

type connBody struct {
	io.Reader
	conn net.Conn
	stop func() bool
}

func (b *connBody) Close() error {
	b.stop()
	return b.conn.Close()
}

func openH2(ctx context.Context, url string, header http.Header) (*http.Response, error) {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	tr := &http.Transport{Protocols: p}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header = header
	resp, err := tr.RoundTrip(req)
	if err != nil {
		tr.CloseIdleConnections()
		return nil, err
	}
	resp.Body = &h2Body{resp.Body, tr}
	return resp, nil
}

type h2Body struct {
	io.ReadCloser
	tr *http.Transport
}

func (b *h2Body) Close() error {
	err := b.ReadCloser.Close()
	b.tr.CloseIdleConnections()
	return err
}

// failing is a connection that breaks at that byte.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// throttled reads so many bytes a second.
type throttled struct {
	ctx       context.Context
	r         io.Reader
	perSecond int
}

func (t *throttled) Read(b []byte) (int, error) {
	n, err := t.r.Read(b[:min(len(b), max(1, t.perSecond/20))])
	if n > 0 && !pause(t.ctx, time.Duration(n)*time.Second/time.Duration(t.perSecond)) {
		return n, t.ctx.Err()
	}
	return n, err
}

// stalling stops reading once, for a while.
type stalling struct {
	ctx   context.Context
	r     io.Reader
	after int
	pause time.Duration
}

func (t *stalling) Read(b []byte) (int, error) {
	n, err := t.r.Read(b)
	if t.after -= n; t.after < 0 && t.pause > 0 {
		pause(t.ctx, t.pause)
		t.pause = 0
	}
	return n, err
}
