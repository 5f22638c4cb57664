package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"rowcast/cdc"
	"rowcast/internal/renderer"
	"rowcast/stream"
	"rowcast/stream/frame"
)

// tailHeartbeat is how often a checkpoint may show that --until is reached.
const tailHeartbeat = 200 * time.Millisecond

// rows prints the rows of the streams, and then what changes. Unlike changes, rows need
// what a server does: it is run without a listener, and this is its client.
func (t *tailing) rows(ctx context.Context, names []string, params map[string]string, id string) error {
	if id == "" && !slices.ContainsFunc(t.o.sub.Parts, func(p frame.Part) bool { return t.o.set.Rows(p.Stream).Any() }) {
		return usageError{fmt.Errorf("--rows: %s has no rows; set rows in its [[table]]", strings.Join(names, ", "))}
	}
	conf := t.o.conf.stream()
	conf.Heartbeat, conf.Ping, conf.Padding = tailHeartbeat, "", 0
	server, err := stream.NewServer(conf, t.o.src, renderer.Of(t.o.set), t.o.log)
	if err != nil {
		return fmt.Errorf("%s: %w", t.o.conf.file, err)
	}
	ctx, stop := context.WithCancelCause(ctx)
	running := make(chan error, 1) // so that its end never waits
	go func() {
		err := server.Run(ctx)
		stop(err)
		running <- err
	}()
	query := url.Values{"table": names}
	for name, value := range params {
		query.Set(name, value)
	}
	client := &tailClient{tailing: t, url: "http://127.0.0.1/events?" + query.Encode(), asked: id, id: id}
	err = client.follow(ctx, server.Handler())
	stop(nil)
	return cmp.Or(err, <-running)
}

// tailClient is an EventSource that prints.
type tailClient struct {
	*tailing
	url       string
	asked, id string // what it came with, and what it holds

	header http.Header
	status int
	buf    []byte // the beginning of a block, or of a problem
	err    error  // why it wants no more
}

// follow comes back whenever the server ends a response.
func (c *tailClient) follow(ctx context.Context, server http.Handler) error {
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
		if err != nil {
			return err
		}
		if c.id != "" {
			req.Header.Set("Last-Event-ID", c.id)
		}
		c.header, c.status, c.buf = http.Header{}, 0, nil
		if c.o.src.Status().Connected {
			server.ServeHTTP(c, req)
		}
		switch {
		case c.err != nil:
			return c.err
		case c.status != 0 && c.status != http.StatusOK:
			var problem struct{ Detail string }
			_ = json.Unmarshal(c.buf, &problem)
			return usageError{errors.New(problem.Detail)}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(tailHeartbeat):
		}
	}
}

// Header implements http.ResponseWriter, as do the next two.
func (c *tailClient) Header() http.Header { return c.header }

func (c *tailClient) WriteHeader(status int) { c.status = status }

func (c *tailClient) Write(p []byte) (int, error) {
	c.status = cmp.Or(c.status, http.StatusOK)
	c.buf = append(c.buf, p...)
	for c.status == http.StatusOK && c.err == nil {
		block, rest, whole := bytes.Cut(c.buf, []byte("\n\n"))
		if !whole {
			break
		}
		c.err = c.take(block)
		c.buf = rest
	}
	if c.err == nil {
		c.err = c.out.Flush()
	}
	return len(p), c.err
}

// Flush implements http.Flusher: Write has done it.
func (c *tailClient) Flush() {}

// take prints a block, unless it is nothing but a checkpoint.
func (c *tailClient) take(block []byte) error {
	var event []byte
	for line := range bytes.Lines(block) {
		if !bytes.HasPrefix(line, []byte("retry:")) && !bytes.HasPrefix(line, []byte(":")) {
			event = append(event, line...)
		}
	}
	m, fires := frame.Parse(event)
	var at cdc.ID
	if m.ID != "" {
		var err error
		if at, err = cdc.ParseID(m.ID); err != nil {
			return err
		}
		c.id = m.ID
	}
	ended := m.ID != "" && at.Rows.Pending == 0 && c.past(at.Position)
	if fires {
		if ended && m.Event != "ready" && m.Event != "reset" {
			return errDone
		}
		if err := c.print(append(event, "\n\n"...)); err != nil {
			return err
		}
		var reset struct{ LastEventID, Message string }
		if m.Event == "reset" && json.Unmarshal([]byte(m.Data), &reset) == nil && reset.LastEventID == c.asked && c.asked != "" {
			return fmt.Errorf("%s: %s; tail without --after, with --rows", c.asked, strings.TrimSuffix(reset.Message, "."))
		}
	}
	if ended {
		return errDone
	}
	return nil
}
