package fanout

import (
	"io"
	"net"
	"time"
)

// socket is a connection that was taken over from net/http. Pool.mu guards
// everything but conn and id.
type socket struct {
	fd      int    // valid until closed
	last    int64  // when something was sent, see Pool.clock
	version uint64 // View.Version of the checkpoint that the client holds; 0: it holds an event's id

	group *group // of a member
	index int32  // in group.socks
	place int32  // in Pool.members
	conn  net.Conn
	id    uint32 // in the watcher
	phase phase
	gone  chan struct{} // see Response.Gone; nil for members
}

// phase says who serves a socket.
type phase uint8

const (
	alone   phase = iota // a goroutine, by a Response
	leaving              // the same, and the client has left
	member               // the pool
	closed
)

// A client that sends what nobody asked for is read for so long, and so much of
// it, that it can see the end of its response.
const (
	lingerTime  = time.Second
	lingerBytes = 1 << 20
)

// linger waits until the client has seen the end of its response. Nobody reads
// what clients send after their request, and the kernel answers the close of a
// connection that has unread bytes with a reset, which takes what was written
// last with it.
func linger(conn net.Conn) {
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil || conn.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return // it is closed
	}
	_, _ = io.CopyN(io.Discard, conn, lingerBytes) // ends when the client closes, or fails to
}
