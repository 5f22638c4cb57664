package fanout

import (
	"errors"
	"net"
	"os"
	"slices"
	"time"
)

// Stall ends a client that takes nothing at all for so long; it comes back with its
// id. Without it a reader that stopped hangs for 15 minutes.
const Stall = 60 * time.Second

// Response is the way to a client while a goroutine serves it: chunks of HTTP/1.1.
type Response struct {
	sock *socket
	head []byte // goes out before all else; nil: it has
	gone <-chan struct{}
}

// Gone is closed when the client has left, or its connection was cut.
func (r *Response) Gone() <-chan struct{} { return r.gone }

// Send writes parts, whole blocks that it does not change, as one chunk. It takes as
// long as it needs, while the client takes something.
func (r *Response) Send(parts ...[]byte) error {
	n := 0
	for _, b := range parts {
		n += len(b)
	}
	if n == 0 {
		return nil
	}
	return r.write(slices.Concat([][]byte{appendChunkHead(nil, n)}, parts, [][]byte{[]byte("\r\n")})...)
}

// End is Send, and ends the response.
func (r *Response) End(b []byte) error {
	if len(b) == 0 {
		return r.write([]byte(lastChunk))
	}
	return r.write(appendChunkHead(nil, len(b)), b, []byte("\r\n"+lastChunk))
}

// Rest writes what is missing of chunks that the pool has begun to write.
func (r *Response) Rest(b []byte) error { return r.write(b) }

func (r *Response) write(parts ...[]byte) error {
	bufs := net.Buffers(parts)
	if r.head != nil {
		bufs = append(net.Buffers{r.head}, bufs...)
		r.head = nil
	}
	conn := r.sock.conn
	for {
		if err := conn.SetWriteDeadline(time.Now().Add(Stall)); err != nil {
			return err
		}
		n, err := bufs.WriteTo(conn) // what was written leaves bufs
		if n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
	}
}
