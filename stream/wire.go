package stream

import (
	"net/http"
	"slices"
	"time"

	"rowcast/stream/internal/fanout"
)

// batchBytes is what a goroutine takes for its client at a time. A blocked client
// holds that much, so it is small.
const batchBytes = 16 << 10

// wire is the way to one client: *fanout.Response where the connection was taken over
// from net/http, an httpWire, or a pollWire.
type wire interface {
	// Send writes whole blocks, which it does not change, and sees to it that they
	// leave now, by one call of the system where it can.
	Send(parts ...[]byte) error
	// End is Send, and ends the response in order.
	End(b []byte) error
}

// httpWire is the way through net/http: TLS, HTTP/2, HTTP/1.0. The response ends
// when the handler returns.
type httpWire struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

func (h httpWire) Send(parts ...[]byte) error {
	for _, b := range parts {
		for piece := range slices.Chunk(b, batchBytes) { // a slow client may take long for all of them
			// Not every writer has deadlines (tests' recorders); writing then still works.
			_ = h.rc.SetWriteDeadline(time.Now().Add(fanout.Stall))
			if _, err := h.w.Write(piece); err != nil {
				return err
			}
			if err := h.rc.Flush(); err != nil {
				return err
			}
		}
	}
	// HTTP/2 resets a stream when its deadline passes, also while nothing is written.
	_ = h.rc.SetWriteDeadline(time.Time{})
	return nil
}

func (h httpWire) End(b []byte) error { return h.Send(b) }
