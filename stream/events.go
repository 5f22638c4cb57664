package stream

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"rowcast/stream/frame"
)

// request is what /events is asked for.
type request struct {
	sub  *frame.Subscription
	id   string // as given; "": from now on
	poll bool
	wait time.Duration // of a long poll
}

// heartbeatHeader tells a client how many milliseconds of silence are normal.
const heartbeatHeader = "Rowcast-Heartbeat"

// events serves a subscription.
func (s *Server) events(c echo.Context) error {
	req, err := s.parse(c)
	if err != nil {
		return err
	}
	if req.poll {
		return s.longPoll(c, req)
	}
	h := c.Response().Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set(heartbeatHeader, strconv.FormatInt(s.config.Heartbeat.Milliseconds(), 10))
	if c.Request().Method == http.MethodHead {
		return c.NoContent(http.StatusOK) // what GET would begin with; no stream begins
	}
	if err := s.clients.admit(); err != nil {
		if c.Request().ProtoMajor == 1 {
			h.Set("Connection", "close") // else it keeps a file, which others may be waiting for
		}
		_, werr := c.Response().Write(s.appendRetry(nil))
		return werr
	}
	response, taken := s.takeOver(c)
	switch {
	case response != nil:
		sub := &subscriber{server: s, wire: response, taken: response}
		sub.Sub = req.sub
		sub.serve(context.Background(), req.id)
	case !taken:
		defer s.clients.leave()
		// Not Response.Flush: it drops the write's error (and ResponseController
		// would stop at it), so a dead client would never be noticed.
		w := c.Response().Writer
		sub := &subscriber{server: s, wire: httpWire{w, http.NewResponseController(w)}}
		sub.Sub = req.sub
		c.Response().WriteHeader(http.StatusOK)
		sub.serve(c.Request().Context(), req.id)
	}
	return nil // whatever it was, there is nothing left to answer
}

// greeting is what a response begins with.
func (s *Server) greeting() []byte {
	b := append([]byte("retry: "), strconv.FormatInt(s.config.Retry.Milliseconds(), 10)...)
	b = append(b, '\n')
	if s.config.Padding > 0 {
		b = append(b, ':')
		b = append(b, bytes.Repeat([]byte{' '}, s.config.Padding)...)
		b = append(b, '\n')
	}
	return b
}

// reserved parameters are rowcast's own; all others bind a stream's predicate.
var reserved = map[string]bool{"table": true, "rows": true, "ticket": true, "lastEventId": true, "wait": true}

func (s *Server) parse(c echo.Context) (req request, err error) {
	r := c.Request()
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return req, detail(http.StatusBadRequest, "the query can't be read: %v", err)
	}
	names := query["table"]
	if c.Path() != "/events" {
		// Not c.Param: it is escaped or not, as the client wrote it.
		name := strings.TrimPrefix(r.URL.Path, "/events/")
		if names != nil {
			return req, detail(http.StatusBadRequest, "table belongs to /events?table=a&table=b; /events/%s serves one stream", name)
		}
		names = []string{name}
	}
	if len(names) == 0 {
		return req, detail(http.StatusBadRequest, "name a stream: /events/{name}, or /events?table=a&table=b; /streams lists them")
	}
	params, err := bindValues(query)
	if err != nil {
		return req, err
	}
	catalog, _ := s.history.Live().Current()
	if req.sub, err = catalog.SubscribeRows(slices.Clone(names), params, s.askedRows(query)); err != nil {
		return req, refusal(err)
	}
	if req.id = r.Header.Get("Last-Event-ID"); req.id == "" {
		req.id = query.Get("lastEventId")
	}
	req.poll, req.wait, err = pollOptions(r, query)
	return req, err
}

// askedRows is which rows the client wants first; "" is as configured.
func (s *Server) askedRows(query url.Values) string {
	if s.rows == nil && !query.Has("rows") {
		return "0"
	}
	return query.Get("rows")
}

// refusal is the answer to a request that is not a subscription.
func refusal(err error) error {
	status, hint := http.StatusBadRequest, ""
	if r, ok := errors.AsType[*frame.RequestError](err); ok {
		switch r.Kind {
		case frame.NoStream:
			status, hint = http.StatusNotFound, "; GET /streams lists all"
		case frame.NoSuchParam:
			hint = " (table, rows, lastEventId and wait are rowcast's own)"
		}
	}
	return detail(status, "%v%s", err, hint)
}

func bindValues(query url.Values) (map[string]string, error) {
	params := map[string]string{}
	for name, values := range query {
		if len(values) > 1 && name != "table" {
			return nil, detail(http.StatusBadRequest, "%q is given %d times; pass it once", name, len(values))
		}
		if !reserved[name] {
			params[name] = values[0]
		}
	}
	return params, nil
}

// acceptsJSON tells whether the client asks for JSON rather than an event stream.
func acceptsJSON(r *http.Request) bool {
	accept := strings.ToLower(strings.Join(r.Header.Values("Accept"), ","))
	return strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/event-stream")
}
