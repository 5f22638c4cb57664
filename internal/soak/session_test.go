package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	if s.rows != nil {
		s.rows.about(calm)
	}
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
	in.rows = s.rows != nil
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
	buffer := 0
	switch kind {
	case "slow", "stall":
		buffer = 4 << 10
	case "far": // more, since with so little even a fast reader gets 100 kB/s
		buffer = 64 << 10
	}
	return openH1(ctx, addr, path, header, "", buffer)
}
