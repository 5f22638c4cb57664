package stream

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

//go:embed web
var web embed.FS

// pages serves the embedded files under their own names, and the folders'
// index.html under the folders'.
func (s *Server) pages(e *echo.Echo) {
	files, err := fs.Sub(web, "web")
	if err != nil {
		panic(err) // the name is the one embedded above
	}
	err = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		dir, base := path.Split(name)
		if base == "index.html" {
			name = dir
			if dir != "" {
				lookAt(e, "/"+strings.TrimSuffix(dir, "/"), folder(path.Base(dir)+"/"))
			}
		}
		lookAt(e, "/"+name, page(base, b))
		return nil
	})
	if err != nil {
		panic(err) // the files are part of the program
	}
}

// folder leads to the same address with a slash after it, as seen from there:
// a proxy may serve it below a path that is not known here.
func folder(name string) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set("Cache-Control", "no-cache")
		return c.Redirect(http.StatusPermanentRedirect, name)
	}
}

// contentTypes of the embedded files.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".ts":   "text/plain; charset=utf-8",
}

// page serves a file. Browsers ask each time whether it has changed, since it
// does so with the program, and mostly hear that it has not.
func page(name string, b []byte) echo.HandlerFunc {
	contentType, policy := contentTypes[path.Ext(name)], Policy(b)
	sum := sha256.Sum256(b)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("ETag", tag)
		h.Set("Content-Type", contentType)
		h.Set("Cache-Control", "no-cache")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "no-referrer")
		http.ServeContent(c.Response(), c.Request(), name, time.Time{}, bytes.NewReader(b))
		return nil
	}
}

var inline = regexp.MustCompile(`(?s)<(script|style)\b[^>]*>(.*?)</(?:script|style)>`)

// Policy is the Content-Security-Policy of a page: its own files and the inline
// scripts and styles that it was made with, its own server, nothing else. What
// somebody smuggles into it runs nowhere.
func Policy(html []byte) string {
	hashes := map[string]string{}
	for _, m := range inline.FindAllSubmatch(html, -1) {
		if kind, text := string(m[1]), m[2]; len(bytes.TrimSpace(text)) > 0 {
			sum := sha256.Sum256(text)
			hashes[kind] += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
		}
	}
	return strings.Join([]string{
		"default-src 'none'",
		"script-src 'self'" + hashes["script"],
		"style-src 'self'" + hashes["style"],
		"connect-src 'self'", "img-src 'self' data:",
		"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
	}, "; ")
}
