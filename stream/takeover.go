package stream

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"rowcast/cdc"
	"rowcast/stream/frame"
	"rowcast/stream/internal/fanout"
	"rowcast/stream/internal/history"
)

// takeOver hijacks a plain HTTP/1.1 connection, if this is one. taken: it is no longer
// net/http's; without a response it is closed already.
func (s *Server) takeOver(c echo.Context) (response *fanout.Response, taken bool) {
	r := c.Request()
	if r.ProtoMajor != 1 || r.ProtoMinor != 1 || r.TLS != nil || !fanout.Supported {
		return nil, false
	}
	conn, _, err := http.NewResponseController(c.Response().Writer).Hijack()
	if err != nil {
		return nil, false // a writer that can't: net/http's way works as well
	}
	// What the client sent after its request is dropped, never read as another
	// request: the response says close, and nobody reads from here on.
	_ = conn.SetDeadline(time.Time{}) // net/http's; a connection that is closed shows at the first write
	response, err = s.pool.Adopt(conn, responseHead(c.Response().Header()))
	if err != nil {
		s.logger.Warn("a connection can't be taken over", "cause", err)
		conn.Close()
		s.clients.leave()
		return nil, true
	}
	return response, true
}

// Tune prepares a connection that was accepted for a slow client, or one that is
// gone: how much the kernel keeps for it, and for how long.
func Tune(conn net.Conn) { fanout.Tune(conn) }

// catchUp serves a client that could not take what the pool gave it.
func (s *Server) catchUp(r *fanout.Response, at history.Place, sub *frame.Subscription, sent cdc.Position, rest []byte) {
	if r.Rest(rest) != nil {
		s.pool.Release(r)
		return
	}
	c := &subscriber{Cursor: s.history.At(at, sub, sent), server: s, wire: r, taken: r, last: time.Now()}
	c.release(c.run(context.Background()))
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
