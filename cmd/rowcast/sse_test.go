package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// sseEvent is a block as a browser's EventSource understands it. Blocks with an
// id alone are checkpoints.
type sseEvent struct{ id, event, data string }

func (e sseEvent) checkpoint() bool { return e.event == "" && e.data == "" }

// row is the change that the event carries.
func (e sseEvent) row(t testing.TB) (c struct {
	Op, Table string
	Key, Row  map[string]any
	TS        int64
}) {
	t.Helper()
	if err := json.Unmarshal([]byte(e.data), &c); err != nil {
		t.Fatalf("%q: %v", e.data, err)
	}
	return c
}

// sseClient reads one response in the background.
type sseClient struct {
	status int
	header http.Header
	body   string // of a response that is not an event stream

	mu     sync.Mutex
	events []sseEvent
	last   string // what the next request has as Last-Event-ID
	retry  string
	ended  bool
	err    error // nil where the response ended in order
	news   chan struct{}
	close  func() // ends the connection as a closed tab does
}

// subscribe opens a stream; it has got an answer when it returns.
func subscribe(t testing.TB, url, lastID string) *sseClient {
	t.Helper()
	c, err := openClient(url, lastID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

// openClient is subscribe for other goroutines; the caller must close the client.
func openClient(url, lastID string) (*sseClient, error) {
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		cancel()
		return nil, err
	}
	c := &sseClient{status: resp.StatusCode, header: resp.Header, news: make(chan struct{}), last: lastID}
	c.close = cancel
	if resp.Header.Get("Content-Type") != "text/event-stream" {
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		cancel()
		c.body, c.ended = string(text), true
		return c, nil
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.read(resp.Body)
	}()
	c.close = func() { cancel(); <-done }
	return c, nil
}

func (c *sseClient) read(body io.ReadCloser) {
	defer body.Close()
	lines := bufio.NewReader(body)
	var e sseEvent
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			c.mu.Lock()
			if c.ended = true; err != io.EOF {
				c.err = err
			}
			close(c.news)
			c.mu.Unlock()
			return
		}
		line = strings.TrimSuffix(line, "\n")
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if e != (sseEvent{}) {
				c.take(e)
			}
			e = sseEvent{}
		case name == "id":
			e.id = value
		case name == "event":
			e.event = value
		case name == "data" && e.data == "":
			e.data = value
		case name == "data":
			e.data += "\n" + value
		case name == "retry":
			c.mu.Lock()
			c.retry = value
			c.mu.Unlock()
		}
	}
}

func (c *sseClient) take(e sseEvent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.id != "" {
		c.last = e.id
	}
	c.events = append(c.events, e)
	close(c.news)
	c.news = make(chan struct{})
}

const testPatience = 60 * time.Second

// until waits for a condition on what has come.
func (c *sseClient) until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	limit := time.NewTimer(testPatience)
	defer limit.Stop()
	for {
		c.mu.Lock()
		done, ended, news := ok(), c.ended, c.news
		c.mu.Unlock()
		if done {
			return
		}
		if ended {
			t.Fatalf("the response (status %d, %s) ended before %s; it had %v, error %v", c.status, c.body, what, c.all(), c.err)
		}
		select {
		case <-news:
		case <-limit.C:
			t.Fatalf("waited %s for %s; there is %v", testPatience, what, c.all())
		}
	}
}

func (c *sseClient) all() []sseEvent {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]sseEvent(nil), c.events...)
}

// data is what came, without checkpoints.
func (c *sseClient) data() (list []sseEvent) {
	for _, e := range c.all() {
		if !e.checkpoint() {
			list = append(list, e)
		}
	}
	return list
}

// wait waits for n events and returns them.
func (c *sseClient) wait(t testing.TB, n int) []sseEvent {
	t.Helper()
	c.until(t, "enough events", func() bool {
		got := 0
		for _, e := range c.events {
			if !e.checkpoint() {
				got++
			}
		}
		return got >= n
	})
	return c.data()
}

// begun waits for the checkpoint with which each stream begins.
func (c *sseClient) begun(t testing.TB) *sseClient {
	t.Helper()
	c.until(t, "the first checkpoint", func() bool { return c.last != "" && len(c.events) > 0 })
	return c
}

func (c *sseClient) lastID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}
