package stream

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"
)

// routes are what the public listener serves.
func (s *Server) routes() http.Handler {
	e := echo.New()
	e.HTTPErrorHandler = s.problem
	e.Pre(s.guard)
	lookAt(e, "/events/:name", s.events)
	lookAt(e, "/events", s.events)
	lookAt(e, "/rows/:name", s.currentRows)
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
		text = "not found; streams are at /events/{name}, and /streams lists them"
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
