package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// maxBody is how much of a request's body is read; no route needs more.
const maxBody = 64 << 10

// limitBody reads a request's body before h answers, and gives the client so
// long to send it. Otherwise net/http waits for the rest of a body that h did
// not read, without a limit of its own, before it sends h's answer: a client
// that announces a body and sends none would hold a file for as long as it likes.
func limitBody(h http.Handler, within time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 { // -1: chunked
			h.ServeHTTP(w, r)
			return
		}
		control := http.NewResponseController(w)
		_ = control.SetReadDeadline(time.Now().Add(within)) // net/http's connections have deadlines
		body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
		if err == nil && len(body) <= maxBody {
			_ = control.SetReadDeadline(time.Time{}) // it would end a stream
			r.Body = io.NopCloser(bytes.NewReader(body))
			h.ServeHTTP(w, r)
			return
		}
		_ = control.SetReadDeadline(time.Unix(1, 0)) // the rest is not waited for
		if r.ProtoMajor == 1 {
			w.Header().Set("Connection", "close")
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			http.Error(w, "the request's body did not come in time", http.StatusRequestTimeout)
		case err != nil:
			http.Error(w, "the request's body can't be read", http.StatusBadRequest)
		default:
			http.Error(w, "the request's body is too large; none is needed here", http.StatusRequestEntityTooLarge)
		}
	})
}
