package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"rowcast/stream/frame"
)

// routes are what the public listener serves.
func (s *Server) routes() http.Handler {
	e := echo.New()
	e.HTTPErrorHandler = s.problem
	e.Pre(s.guard)
	lookAt(e, "/events/:name", s.events)
	lookAt(e, "/events", s.events)
	lookAt(e, "/streams", s.streams)
	lookAt(e, "/healthz", s.healthz)
	lookAt(e, "/readyz", s.readyz)
	s.pages(e)
	return e
}

// lookAt answers GET, and HEAD as load balancers and wget --spider send it;
// net/http leaves the body out.
func lookAt(e *echo.Echo, path string, h echo.HandlerFunc) {
	e.GET(path, h)
	e.HEAD(path, h)
}

// detail is an error that a client gets as problem+json.
func detail(status int, format string, args ...any) error {
	return echo.NewHTTPError(status, fmt.Sprintf(format, args...))
}

// problem answers with RFC 9457's JSON; the detail says what to do.
func (s *Server) problem(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	status, text := http.StatusInternalServerError, "rowcast failed; its log says why"
	if he, ok := errors.AsType[*echo.HTTPError](err); ok {
		status, text = he.Code, fmt.Sprint(he.Message)
	} else {
		s.logger.Error("request failed", "path", c.Request().URL.Path, "cause", err)
	}
	switch {
	case status == http.StatusNotFound && errors.Is(err, echo.ErrNotFound):
		text = "there is nothing here; streams are at /events/{name}, and /streams lists them"
	case status == http.StatusMethodNotAllowed:
		text = "only GET and HEAD are answered here"
	}
	c.Response().Header().Set("Content-Type", "application/problem+json")
	c.Response().Header().Set("X-Content-Type-Options", "nosniff")
	c.Response().Header().Set("Cache-Control", "no-store")
	c.Response().WriteHeader(status)
	if c.Request().Method != http.MethodHead {
		_ = writeJSON(c.Response(), map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": text})
	}
}

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
	if err := s.admit(); err != nil {
		if c.Request().ProtoMajor == 1 {
			h.Set("Connection", "close") // else it keeps a file, which others may be waiting for
		}
		_, werr := c.Response().Write(s.appendLater(nil))
		return werr
	}
	if sub, taken, err := s.takeOver(c, req); taken {
		if err == nil {
			err = sub.serve(context.Background(), req.id)
			if err != errTaken { // a plain value, never wrapped
				s.writers.release(sub.sock)
			}
		}
		return nil // whatever it was, the connection is no longer echo's
	}
	defer s.release()
	// Not Response.Flush: it drops the write's error (and ResponseController
	// would stop at it), so a dead client would never be noticed.
	w := c.Response().Writer
	sub := &subscriber{server: s, wire: httpWire{w, http.NewResponseController(w)}}
	sub.Sub = req.sub
	c.Response().WriteHeader(http.StatusOK)
	_ = sub.serve(c.Request().Context(), req.id) // the client has left or was sent away: nothing to answer
	return nil
}

// serve is start and run.
func (s *subscriber) serve(ctx context.Context, id string) error {
	if err := s.start(ctx, id, s.server.greeting()); err != nil {
		s.Detach()
		return err
	}
	return s.run(ctx)
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

// takeOver hijacks a plain HTTP/1.1 connection. taken: it is no longer net/http's,
// and on an error closed already.
func (s *Server) takeOver(c echo.Context, req request) (sub *subscriber, taken bool, _ error) {
	r := c.Request()
	if r.ProtoMajor != 1 || r.ProtoMinor != 1 || r.TLS != nil || !hijackable {
		return nil, false, nil
	}
	conn, _, err := http.NewResponseController(c.Response().Writer).Hijack()
	if err != nil {
		return nil, false, nil // a writer that can't: net/http's way works as well
	}
	if !canTakeOver(conn) {
		conn.Close()
		s.release()
		return nil, true, errors.ErrUnsupported
	}
	// What the client sent behind its request is dropped, never read as another
	// request: the response says close, and nobody reads from here on.
	_ = conn.SetDeadline(time.Time{}) // net/http's; a connection that is closed shows at the first write
	k, err := s.writers.adopt(conn)
	if err != nil {
		s.logger.Warn("a connection can't be taken over", "cause", err)
		conn.Close()
		s.release()
		return nil, true, err
	}
	sub = s.writers.subscriber(k)
	sub.Sub = req.sub
	sub.wire = &headWire{chunkWire: chunkWire{conn}, head: responseHead(c.Response().Header())}
	return sub, true, nil
}

// responseHead is the status line and headers of a response that ends with the connection.
func responseHead(h http.Header) []byte {
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 200 OK\r\n")
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	h.Set("Connection", "close")
	h.Set("Transfer-Encoding", "chunked")
	_ = h.Write(&b) // a bytes.Buffer takes everything
	b.WriteString("\r\n")
	return b.Bytes()
}

// reserved parameters are rowcast's own; all others bind a stream's predicate.
var reserved = map[string]bool{"table": true, "lastEventId": true, "wait": true}

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
	if req.sub, err = catalog.Subscribe(slices.Clone(names), params); err != nil {
		return req, refusal(err)
	}
	if req.id = r.Header.Get("Last-Event-ID"); req.id == "" {
		req.id = query.Get("lastEventId")
	}
	req.poll, req.wait, err = pollOptions(r, query)
	return req, err
}

// refusal is the answer to a request that is not a subscription.
func refusal(err error) error {
	status, hint := http.StatusBadRequest, ""
	if r, ok := errors.AsType[*frame.RequestError](err); ok {
		switch r.Kind {
		case frame.NoStream:
			status, hint = http.StatusNotFound, "; GET /streams lists all"
		case frame.NoSuchParam:
			hint = " (table, lastEventId and wait are rowcast's own)"
		}
	}
	return detail(status, "%v%s", err, hint)
}

func bindValues(query url.Values) (map[string]string, error) {
	params := map[string]string{}
	for name, values := range query {
		if len(values) > 1 && name != "table" {
			return nil, detail(http.StatusBadRequest, "%q is given %d times; once is meant", name, len(values))
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
