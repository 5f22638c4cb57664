package stream

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// guard checks Host, and answers what browsers ask before and about
// cross-origin requests.
func (s *Server) guard(next echo.HandlerFunc) echo.HandlerFunc {
	loopback := onLoopback(s.config.Listen)
	return func(c echo.Context) error {
		r := c.Request()
		if loopback && !s.knownHost(r.Host) {
			return detail(http.StatusForbidden, "%s", textHost(r.Host))
		}
		s.allowOrigin(c.Response().Header(), r)
		if r.Method == http.MethodOptions {
			return s.preflight(c)
		}
		return next(c)
	}
}

func textHost(host string) string {
	return fmt.Sprintf("Host %q is not a name of this machine's loopback address; list it in [http] hosts if a proxy sends it", host)
}

// knownHost keeps other sites' names from being pointed at 127.0.0.1 (DNS
// rebinding): a browser would then hand them what this server says.
func (s *Server) knownHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	if host == "" || loopbackHost(host) { // HTTP/1.0 needs no Host; browsers always send it
		return true
	}
	return slices.ContainsFunc(s.config.Hosts, func(h string) bool {
		if name, _, err := net.SplitHostPort(h); err == nil {
			h = name
		}
		return strings.EqualFold(strings.TrimSuffix(strings.Trim(h, "[]"), "."), strings.TrimSuffix(host, "."))
	})
}

// allowOrigin names the origin only where the config lists it, never because it
// was sent. "null" is anybody's and never listed.
func (s *Server) allowOrigin(h http.Header, r *http.Request) {
	allowed := s.config.CORSOrigins
	if len(allowed) == 0 {
		return
	}
	if allowed[0] == "*" {
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Expose-Headers", heartbeatHeader)
		return
	}
	h.Add("Vary", "Origin")
	if origin := r.Header.Get("Origin"); slices.Contains(allowed, origin) {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Set("Access-Control-Expose-Headers", heartbeatHeader)
	}
}

func (s *Server) preflight(c echo.Context) error {
	h := c.Response().Header()
	h.Set("Allow", "GET, HEAD, OPTIONS")
	if h.Get("Access-Control-Allow-Origin") != "" {
		h.Set("Access-Control-Allow-Methods", "GET")
		h.Set("Access-Control-Allow-Headers", "Last-Event-ID, Cache-Control")
		h.Set("Access-Control-Max-Age", "600")
	}
	return c.NoContent(http.StatusNoContent)
}
