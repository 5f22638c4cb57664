package stream

import (
	"encoding/json"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"rowcast/stream/internal/history"
)

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func (s *Server) json(c echo.Context, status int, v any) error {
	h := c.Response().Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	c.Response().WriteHeader(status)
	return writeJSON(c.Response(), v)
}

// healthz: the process is up.
func (s *Server) healthz(c echo.Context) error {
	return s.json(c, http.StatusOK, map[string]string{"status": "ok"})
}

// readiness is the answer of /readyz.
type readiness struct {
	Ready    bool   `json:"ready"`
	Detail   string `json:"detail,omitempty"` // what is wrong; also while ready, if a config file was refused
	Position string `json:"position,omitempty"`
}

// readyz: the binlog is connected and caught up.
func (s *Server) readyz(c echo.Context) error {
	st := s.source.Status()
	_, head := s.history.Live().Current()
	r := readiness{Ready: true, Position: history.ID(head)}
	switch {
	case s.clients.closing.Load():
		r = readiness{Detail: "shutting down", Position: r.Position}
	case !st.Connected:
		r.Ready, r.Detail = false, "the database's binlog is not connected"
		if st.LastError != "" {
			r.Detail += ": " + st.LastError
		}
	case !st.CaughtUp || head.IsZero():
		r.Ready, r.Detail = false, "catching up with the database's binlog"
	}
	if err := s.configError(); err != nil {
		if r.Detail != "" {
			r.Detail += "; "
		}
		r.Detail += "the config file was refused, the one before is in force: " + err.Error()
	}
	status := http.StatusOK
	if !r.Ready {
		status = http.StatusServiceUnavailable
	}
	return s.json(c, status, r)
}

// streams lists what can be subscribed to.
func (s *Server) streams(c echo.Context) error {
	catalog, _ := s.history.Live().Current()
	return s.json(c, http.StatusOK, map[string]any{"streams": catalog.Streams()}) // not the catalog's own list: columns are known once the tables were looked at
}
