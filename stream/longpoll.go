package stream

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

const (
	defaultWait = 25 * time.Second
	maxWait     = 60 * time.Second
	pollBytes   = 1 << 20 // about how much one answer holds
	// pollReplay is how long a poll that needs a replay takes of it what comes: each
	// costs the database a connection, so that an event an answer would be dear.
	pollReplay = time.Second
	// pollBegins is how long it waits for the replay to get anywhere. Without, a
	// client that asks with ?wait=0s would ask for the same for ever.
	pollBegins = 10 * time.Second
)

func pollOptions(r *http.Request, query url.Values) (poll bool, wait time.Duration, _ error) {
	poll, wait = acceptsJSON(r), defaultWait
	text := query.Get("wait")
	if text == "" {
		return poll, wait, nil
	}
	wait, err := time.ParseDuration(text)
	if err != nil || wait < 0 || wait > maxWait {
		return poll, 0, detail(http.StatusBadRequest, "wait=%q is not a duration from 0s to 60s, like 25s", text)
	}
	return poll, wait, nil
}

// pollEvent is an event as EventSource would hand it to a page.
type pollEvent struct {
	ID    string `json:"id"`
	Event string `json:"event"`
	Data  string `json:"data"`
}

type pollAnswer struct {
	Events []pollEvent `json:"events"`
	LastID string      `json:"lastEventId"`
	Retry  int64       `json:"retry,omitempty"` // milliseconds; only where the client is to stay away so long
}

// errAnswered ends the run of a long poll that has something to say.
var errAnswered = errors.New("the long poll is answered")

// pollWire collects blocks: once it holds an event, what more is at hand.
type pollWire struct {
	begun  time.Time
	wait   time.Duration // as asked for
	from   cdc.Position  // where it began
	buf    []byte
	events bool // it holds one
	whole  bool // it holds rows that a client can't go on in the midst of

	replayed bool // it ended in the middle of a replay
}

// due is when a poll is answered whatever it holds.
func (s *subscriber) due() time.Time {
	wait := s.poll.wait
	switch {
	case !s.Replaying():
	case s.poll.events:
		wait = pollReplay
	case s.Pos == s.poll.from:
		wait = max(wait, pollBegins)
	default:
		wait = max(wait, pollReplay)
	}
	return s.poll.begun.Add(wait)
}

// answered tells whether a poll has what it was waiting for, or has waited long enough.
func (s *subscriber) answered(atEnd bool) bool {
	if s.poll == nil || !s.Replaying() && !atEnd { // what is at hand comes with it
		return false
	}
	return !s.Replaying() && s.poll.events || !time.Now().Before(s.due())
}

func (p *pollWire) Send(parts ...[]byte) error {
	from := len(p.buf)
	for _, b := range parts {
		p.buf = append(p.buf, b...)
	}
	b := p.buf[from:]
	p.events = p.events || bytes.HasPrefix(b, []byte("data: ")) || bytes.Contains(b, []byte("\ndata: "))
	if p.events && len(p.buf) >= pollBytes && !p.whole && bytes.HasSuffix(b, []byte("\n\n")) { // not between a block and its id
		return errAnswered
	}
	return nil
}

func (p *pollWire) End(b []byte) error {
	p.buf = append(p.buf, b...)
	return nil
}

// longPoll is a stream that ends with its first events: for clients without
// EventSource. It takes the same way as every other.
func (s *Server) longPoll(c echo.Context, req request) error {
	answer := pollAnswer{Events: []pollEvent{}, LastID: req.id}
	if c.Request().Method == http.MethodHead {
		pollHeaders(c)
		return c.NoContent(http.StatusOK)
	}
	if err := s.clients.admit(); err != nil {
		answer.Retry = s.retryMillis()
		return s.sendPoll(c, answer)
	}
	defer s.clients.leave()
	ctx, cancel := context.WithTimeout(c.Request().Context(), max(req.wait, pollBegins))
	defer cancel()
	wire := &pollWire{begun: time.Now(), wait: req.wait}
	sub := &subscriber{server: s, wire: wire, poll: wire}
	sub.Sub = req.sub
	err := sub.serve(ctx, req.id)
	if c.Request().Context().Err() != nil {
		return nil // the client has left
	}
	answer.read(wire.buf)
	if len(answer.Events) == 0 {
		// Nothing came: as with a heartbeat, the position may have moved all the same.
		if p, ok := sub.Checkpoint(); ok {
			answer.LastID = p.String()
		} else if wire.replayed {
			answer.Retry = s.retryMillis()
		}
	}
	if _, ok := errors.AsType[later](err); ok {
		answer.Retry = s.retryMillis()
	}
	return s.sendPoll(c, answer)
}

func (s *Server) sendPoll(c echo.Context, a pollAnswer) error {
	pollHeaders(c)
	return writeJSON(c.Response(), a)
}

func pollHeaders(c echo.Context) {
	h := c.Response().Header()
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Add("Vary", "Accept")
	h.Set("Content-Type", "application/json")
}

// read turns blocks into events.
func (a *pollAnswer) read(blocks []byte) {
	for block := range bytes.SplitSeq(blocks, []byte("\n\n")) {
		m, fires := frame.Parse(block)
		if m.ID != "" {
			a.LastID = m.ID
		}
		if fires {
			a.Events = append(a.Events, pollEvent{ID: a.LastID, Event: m.Event, Data: m.Data})
		}
	}
}
