package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Who does not finish the head of a request is let go without an answer: a
// browser that gets 400 never comes back. Others are not touched.
func TestHeadLimit(t *testing.T) {
	const head = 300 * time.Millisecond
	l, err := listen("listen in [http]", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	begun := make(chan struct{}, 2) // one for each stream
	var ended atomic.Int32
	s := newHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stream" {
			_ = http.NewResponseController(w).Flush()
			begun <- struct{}{}
			<-r.Context().Done()
			ended.Add(1)
		}
	}), slog.New(slog.DiscardHandler), head)
	served := make(chan error, 1) // Serve's one answer
	go func() { served <- s.Serve(l) }()
	defer func() { s.Close(); <-served }()

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for _, h2 := range []bool{false, true} {
		p := new(http.Protocols)
		p.SetHTTP1(!h2)
		p.SetUnencryptedHTTP2(h2)
		tr := &http.Transport{Protocols: p}
		defer tr.CloseIdleConnections()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.Addr().String()+"/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		<-begun
	}
	kept := dial(t, l)
	ask := func() {
		fmt.Fprint(kept, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(kept), nil)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%v, %v", resp, err)
		}
	}
	ask()

	for _, part := range []string{"", "GET /events/picks", "GET /events/picks HTTP/1.1\r\nHost: a\r\nLast-Ev"} {
		since := time.Now() // the limit begins when the connection does
		c := dial(t, l)
		fmt.Fprint(c, part)
		answer, err := io.ReadAll(c)
		if after := time.Since(since); after < head || len(answer) > 0 || err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%q was answered with %q, %v, after %v", part, answer, err, after)
		}
	}
	ask() // three limits later
	if n := ended.Load(); n != 0 {
		t.Errorf("%d streams were ended", n)
	}
}

func dial(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	return c
}
