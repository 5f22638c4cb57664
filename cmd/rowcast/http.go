package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"rowcast/stream"
)

// listen opens an address of the config; key names it in the error.
func listen(key, addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is taken by another program; stop that one, or choose another port in %s", addr, key)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("this account may not listen on %s; choose a port over 1023 in %s", addr, key)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%s is not an address of this machine; choose one that is, or :port for all, in %s", addr, key)
	}
	return nil, fmt.Errorf("listen on %s: %w; change %s", addr, err, key)
}

const (
	headTimeout = 10 * time.Second // for the head of a request
	idleTimeout = 2 * time.Minute  // between two requests of a connection
)

// newHTTP is a server for streams: a response may last for days, so that only
// the request has a time limit here; stream sets its own around each write.
func newHTTP(h http.Handler, log *slog.Logger, head time.Duration) *http.Server {
	limit := headLimit{head: head, idle: idleTimeout, timers: map[net.Conn]*time.Timer{}}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true) // for proxies
	return &http.Server{
		Handler:        limitBody(h, head),
		Protocols:      protocols,
		ConnState:      limit.state,
		IdleTimeout:    idleTimeout,
		MaxHeaderBytes: 32 << 10,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// headLimit closes connections that do not come to the end of a request's head
// in time. http.Server.ReadHeaderTimeout would do, but for what it says to those
// of which it has read a part by then: 400, and a browser that gets one never
// comes back. On a machine that is too busy that part may be all that was sent.
type headLimit struct {
	head, idle time.Duration

	mu     sync.Mutex
	timers map[net.Conn]*time.Timer
}

// state is for http.Server.ConnState.
func (l *headLimit) state(c net.Conn, s http.ConnState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.timers[c]; t != nil {
		t.Stop()
		delete(l.timers, c)
	}
	switch s {
	case http.StateNew:
		stream.Tune(c)
		l.closeAfter(c, l.head)
	case http.StateIdle: // net/http ends it after idle if nothing comes
		l.closeAfter(c, l.idle+l.head)
	}
}

// closeAfter is called under mu. A timer that Stop came too late for must not
// close the connection either: its file may be another client's by then.
func (l *headLimit) closeAfter(c net.Conn, d time.Duration) {
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.timers[c] == t {
			c.Close()
		}
	})
	l.timers[c] = t
}

// shutdown ends a server: in order while ctx lasts, then at once.
func shutdown(ctx context.Context, s *http.Server) {
	if s.Shutdown(ctx) != nil {
		_ = s.Close()
	}
}
