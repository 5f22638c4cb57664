package stream

import (
	"errors"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"

	"rowcast/stream/internal/history"
)

const (
	// stallTimeout ends a client that takes nothing at all for so long; it comes
	// back with its id. Without it a reader that stopped hangs for 15 minutes.
	stallTimeout = 60 * time.Second
	// room is kept free in front of a batch, for a chunk's header.
	room = 10
	// bigBlock is what nobody copies for a single client: many that wait would else
	// hold as many copies of one big row.
	bigBlock = history.BigBlock
	// batchBytes is what a goroutine takes for its client at a time. A blocked
	// client holds that much, so it is small.
	batchBytes = 16 << 10
)

// wire is the way to one client.
type wire interface {
	// send writes whole blocks, b[room:], and sees to it that they leave now.
	// b[:room] and what is behind b's length are scratch space.
	send(b []byte) error
	// block is send for one block that others send as well: it is not changed.
	block(b []byte) error
	// end writes what is left to say, then ends the response cleanly.
	end(b []byte) error
}

// httpWire is the way through net/http: TLS, HTTP/2, HTTP/1.0. The response ends
// when the handler returns.
type httpWire struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

func (h httpWire) send(b []byte) error {
	if len(b) == room {
		return nil
	}
	return h.block(b[room:])
}

func (h httpWire) block(b []byte) error {
	for piece := range slices.Chunk(b, batchBytes) { // a slow client may take long for all of them
		// Not every writer has deadlines (tests' recorders); writing then still works.
		_ = h.rc.SetWriteDeadline(time.Now().Add(stallTimeout))
		if _, err := h.w.Write(piece); err != nil {
			return err
		}
		if err := h.rc.Flush(); err != nil {
			return err
		}
	}
	// HTTP/2 resets a stream when its deadline passes, also while nothing is written.
	_ = h.rc.SetWriteDeadline(time.Time{})
	return nil
}

func (h httpWire) end(b []byte) error { return h.send(b) }

// chunkWire is the way through a connection that was taken over from net/http.
type chunkWire struct{ conn net.Conn }

const lastChunk = "0\r\n\r\n"

func (c chunkWire) send(b []byte) error {
	if len(b) == room {
		return nil
	}
	return c.write(chunked(b))
}

func (c chunkWire) end(b []byte) error {
	out := []byte(lastChunk)
	if len(b) > room {
		out = append(chunked(b), lastChunk...)
	}
	return c.write(out)
}

func (c chunkWire) block(b []byte) error {
	head := append(strconv.AppendInt(nil, int64(len(b)), 16), "\r\n"...)
	for _, part := range [][]byte{head, b, []byte("\r\n")} {
		if err := c.write(part); err != nil {
			return err
		}
	}
	return nil
}

// write takes as long as it needs, while the client takes something.
func (c chunkWire) write(b []byte) error {
	for {
		if err := c.conn.SetWriteDeadline(time.Now().Add(stallTimeout)); err != nil {
			return err
		}
		n, err := c.conn.Write(b)
		if b = b[n:]; n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
	}
}

// chunked makes b[room:] one chunk of HTTP/1.1: the header goes into the room,
// the line end behind.
func chunked(b []byte) []byte {
	n := len(b) - room
	at := room - 2
	b[at], b[at+1] = '\r', '\n'
	for {
		at--
		b[at] = "0123456789abcdef"[n&15]
		if n >>= 4; n == 0 {
			break
		}
	}
	return append(b, '\r', '\n')[at:]
}

// headWire is a chunkWire whose first write carries the response's head.
type headWire struct {
	chunkWire
	head []byte
}

func (h *headWire) send(b []byte) error {
	if h.head == nil {
		return h.chunkWire.send(b)
	}
	return h.first(b, "")
}

func (h *headWire) end(b []byte) error {
	if h.head == nil {
		return h.chunkWire.end(b)
	}
	return h.first(b, lastChunk)
}

func (h *headWire) block(b []byte) error {
	if h.head != nil {
		if err := h.first(nil, ""); err != nil {
			return err
		}
	}
	return h.chunkWire.block(b)
}

func (h *headWire) first(b []byte, behind string) error {
	out := h.head
	if len(b) > room {
		out = append(out, chunked(b)...)
	}
	h.head = nil
	return h.write(append(out, behind...))
}

// rawWire writes bytes that are chunks already.
type rawWire interface{ write(b []byte) error }
