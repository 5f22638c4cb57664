package stream

import (
	"embed"
	"net/http"

	"github.com/labstack/echo/v4"
)

//go:embed web/index.html web/page.js web/page.css web/rowcast.js
var web embed.FS

// policy lets the page load its own files and talk to its own server, nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// pages are the embedded files.
func (s *Server) pages(e *echo.Echo) {
	file := func(path, name, contentType string) {
		e.GET(path, func(c echo.Context) error {
			b, err := web.ReadFile("web/" + name)
			if err != nil {
				return err
			}
			h := c.Response().Header()
			h.Set("Cache-Control", "no-cache")
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("Content-Security-Policy", policy)
			h.Set("Referrer-Policy", "no-referrer")
			return c.Blob(http.StatusOK, contentType, b)
		})
	}
	file("/", "index.html", "text/html; charset=utf-8")
	file("/page.js", "page.js", "text/javascript; charset=utf-8")
	file("/page.css", "page.css", "text/css; charset=utf-8")
	file("/rowcast.js", "rowcast.js", "text/javascript; charset=utf-8")
}
