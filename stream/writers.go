package stream

import (
	"context"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"rowcast/stream/internal/history"
)

// writers is the fast way to many clients: a few goroutines write to all sockets
// that were taken over from net/http.
type writers struct {
	server *Server
	list   []*writer
	few    int           // fewSends, or less in a test
	busy   atomic.Bool   // the log wakes all writers, not the first alone
	next   atomic.Uint32 // spreads clients over list
	watch  watcher
	wg     sync.WaitGroup // goroutines of clients that catch up
}

func newWriters(s *Server) *writers {
	ws := &writers{server: s, few: fewSends}
	for range runtime.GOMAXPROCS(0) {
		ws.list = append(ws.list, &writer{all: ws, log: s.history.Live(), base: time.Now(), kick: make(chan struct{}, 1)})
	}
	return ws
}

// run works until ctx ends, then waits for the goroutines of single clients.
func (ws *writers) run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, w := range ws.list {
		wg.Go(func() { w.serve(ctx) })
	}
	wg.Go(func() { ws.tidy(ctx) })
	wg.Wait()
	ws.cut()
	ws.wg.Wait()
	ws.watch.close()
}

// adopt begins the care for a connection; release ends it.
func (ws *writers) adopt(conn net.Conn) (*socket, error) {
	k := &socket{conn: conn, writer: ws.list[int(ws.next.Add(1))%len(ws.list)], gone: make(chan struct{})}
	if err := k.prepare(); err != nil {
		return nil, err
	}
	return k, ws.watch.add(k, ws.left)
}

// subscriber makes a goroutine's subscriber of a socket; under the writer's lock,
// or before anybody else knows the socket.
func (ws *writers) subscriber(k *socket) *subscriber {
	if k.gone == nil {
		k.gone = make(chan struct{})
	}
	return &subscriber{server: ws.server, wire: chunkWire{conn: k.conn}, sock: k, gone: k.gone, last: time.Now()}
}

// left is called by the watcher when a client has closed its side.
func (ws *writers) left(k *socket) {
	w := k.writer
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case k.closed:
	case k.group != nil:
		w.remove(k)
		ws.close(k)
	default:
		ws.interrupt(k)
	}
}

// interrupt makes the goroutine that serves the socket end; under the lock.
func (ws *writers) interrupt(k *socket) {
	select {
	case <-k.gone:
	default:
		close(k.gone)
		k.conn.Close() // it may be waiting in a write
	}
}

// close ends a connection, once; under the writer's lock.
func (ws *writers) close(k *socket) {
	if k.closed {
		return
	}
	k.closed = true
	ws.watch.forget(k)
	k.conn.Close()
	ws.server.release()
}

// release is close for a goroutine that has ended the response, or failed to.
func (ws *writers) release(k *socket) {
	if k.hasUnread() {
		linger(k.conn)
	}
	k.writer.mu.Lock()
	defer k.writer.mu.Unlock()
	ws.close(k)
}

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

// catchUp serves a client that could not take what its writer gave it.
func (s *subscriber) catchUp(rest []byte) {
	err := error(nil)
	if len(rest) > 0 {
		err = s.wire.(rawWire).write(rest)
	}
	if err == nil {
		err = s.run(context.Background())
	}
	if err != errTaken { // a plain value, never wrapped
		s.server.writers.release(s.sock)
	}
}

// join hands the client to its writer. Both must stand at the same frame: the
// writer is brought forward to the client, then the client to the writer with
// one write that does not wait; if that is not enough, the client goes on alone.
func (s *subscriber) join() (joined bool, err error) {
	w := s.sock.writer
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.server.draining.Load() || s.sock.closed {
		return false, nil
	}
	select {
	case <-s.gone:
		return false, errLeft
	default:
	}
	if len(w.members) == 0 {
		w.catalog, w.index = s.Sub.Catalog(), newIndex(s.Sub.Catalog())
		w.seq, w.losses, w.pos, w.end = s.Seq, s.Losses, s.Pos, history.View{}
	}
	for len(w.members) > 0 && w.seq < s.Seq {
		if more, _ := w.step(); !more && w.seq < s.Seq {
			return false, nil
		}
	}
	if len(w.members) > 0 && s.Seq < w.seq {
		if ok, err := s.reach(w); !ok || err != nil {
			return false, err
		}
	}
	if len(w.members) == 0 && w.seq != s.Seq || s.Sub.Catalog() != w.catalog || s.Pos.Compare(w.pos) > 0 {
		return false, nil
	}
	w.add(s.sock, s.Sub)
	s.sock.gone = nil
	s.sock.last, s.sock.version = w.clock()-int64(time.Since(s.last)), 0
	if v, ok := w.log.Read(w.seq); ok && s.Sent.Compare(v.Head) == 0 {
		s.sock.version = v.Version
	}
	w.look()
	return true, nil
}

// reach writes what the client lacks up to the writer's place; under the lock.
// false: it goes on alone, with nothing lost.
func (s *subscriber) reach(w *writer) (bool, error) {
	before := s.Cursor
	buf, _, err := s.Next(make([]byte, room, 4<<10), stepBytes, w.seq)
	if err != nil || s.Seq != w.seq || s.Big != nil {
		s.Cursor = before // nothing was sent: the goroutine does it again
		return false, nil
	}
	if len(buf) == room {
		return true, nil
	}
	chunk := chunked(buf)
	n, full, err := s.sock.write(chunk)
	if err != nil {
		return false, err
	}
	s.last = time.Now()
	if !full {
		return true, nil
	}
	w.mu.Unlock() // waiting for one client must not hold up the others
	err = s.wire.(rawWire).write(chunk[n:])
	w.mu.Lock()
	return false, err
}

// drain sends every member away; those that can't take the bytes get a goroutine.
func (ws *writers) drain() {
	for _, w := range ws.list {
		w.mu.Lock()
		w.each(w.farewell)
		w.mu.Unlock()
	}
}

// farewell ends a member's response; under the lock.
func (w *writer) farewell(k *socket) {
	b := append(chunked(w.all.server.appendLater(make([]byte, room, 64))), lastChunk...)
	n, full, err := k.write(b)
	w.remove(k)
	if err != nil || !full && !k.hasUnread() {
		w.all.close(k)
		return
	}
	s := w.all.subscriber(k)
	w.all.wg.Go(func() {
		_ = s.wire.(rawWire).write(b[n:]) // the client is released in either case
		w.all.release(k)
	})
}

// cut closes every connection.
func (ws *writers) cut() {
	for _, k := range ws.watch.all() {
		ws.left(k)
	}
}

// count is how many clients writers serve, for metrics.
func (ws *writers) count() (n int) {
	for _, w := range ws.list {
		w.mu.Lock()
		n += len(w.members)
		w.mu.Unlock()
	}
	return n
}
