package fanout

import (
	"context"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"rowcast/cdc"
	"rowcast/stream/frame"
	"rowcast/stream/internal/history"
)

// Options of a Pool. None may be nil or zero.
type Options struct {
	Heartbeat time.Duration
	// Patience is how long Pace waits for a pool that does not move. On a machine that
	// is very busy a round takes long; nothing else holds the pool up.
	Patience time.Duration
	// Ping appends what a heartbeat carries beside a checkpoint, if anything.
	Ping func(b []byte) []byte
	// Slow serves a client that can't take what it is given: the rest of the
	// chunk first, then the frames that follow at. It has a goroutine of its own,
	// and ends in Join or Release.
	Slow func(r *Response, at history.Place, sub *frame.Subscription, sent cdc.Position, rest []byte)
	// Closed is called once for each connection, when it is closed.
	Closed func()
	// Sent is called with the bytes of blocks and heartbeats that were written.
	Sent func(bytes int)
}

// Pool writes to all clients that keep up with the live Log.
type Pool struct {
	Options
	log   *history.Log
	base  time.Time     // see clock
	kick  chan struct{} // see doc.go
	watch watcher
	wg    sync.WaitGroup // goroutines of single clients; see ended

	mu      sync.Mutex
	ended   bool      // nobody joins any more, so that wg grows no more
	members []*socket // of all groups, in no order
	catalog *frame.Catalog
	index   *index
	at      history.Place // where every member stands; in a round, after the frames that are noted
	prior   history.Place // where it stood before the frames at at.Pos
	end     history.View  // of the Log's end, while members have all before it
	dirty   []*group      // that have frames noted
	senders []sender
	few     int // fewSends, or less in a test

	place  atomic.Uint64 // at.Seq and 1; 0: there are no members
	moved  chan struct{} // see doc.go
	gaveUp bool          // see Pace, whose caller owns it
}

// New makes a Pool that follows log; nothing runs before Run, save for the watching
// of clients that were adopted.
func New(log *history.Log, o Options) *Pool {
	return &Pool{Options: o, log: log, base: time.Now(), kick: make(chan struct{}, 1), moved: make(chan struct{}, 1),
		senders: make([]sender, runtime.GOMAXPROCS(0)), few: fewSends}
}

// Run serves members until ctx ends. Then it closes every connection, and waits
// for the goroutines of single clients.
func (p *Pool) Run(ctx context.Context) {
	tick := time.NewTicker(max(p.Heartbeat/32, time.Millisecond))
	defer tick.Stop()
	for ctx.Err() == nil {
		wake := p.follow(ctx, tick.C)
		select {
		case <-ctx.Done():
		case <-wake:
		case <-p.kick:
		case <-tick.C:
			p.mu.Lock()
			p.beat()
			p.mu.Unlock()
		}
	}
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.Close()
	p.wg.Wait()
}

// follow writes up to the log's end.
func (p *Pool) follow(ctx context.Context, tick <-chan time.Time) (wake <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for more := true; more && ctx.Err() == nil; {
		more, wake = p.step()
		p.note()
		select {
		case <-tick:
			p.beat()
		default:
		}
		p.mu.Unlock() // for a moment: clients can join and leave
		p.mu.Lock()
	}
	return wake
}

// Adopt takes over a connection, whose response begins with head. Release or a
// Join must follow.
func (p *Pool) Adopt(conn net.Conn, head []byte) (*Response, error) {
	k := &socket{conn: conn}
	if err := k.prepare(); err != nil {
		return nil, err
	}
	r := k.response(head)
	return r, p.watch.add(k, p.left)
}

// response begins the time of a goroutine; under mu, or before anybody else knows
// the socket.
func (k *socket) response(head []byte) *Response {
	k.phase, k.gone = alone, make(chan struct{})
	return &Response{sock: k, head: head, gone: k.gone}
}

// Release closes the connection of a response that has ended, or failed to.
func (p *Pool) Release(r *Response) {
	if r.sock.hasUnread() {
		linger(r.sock.conn)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.close(r.sock)
}

// Drain sends every member away, each with a farewell of its own. Nobody joins
// afterwards.
func (p *Pool) Drain(farewell func(b []byte) []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	p.each(func(k *socket) {
		p.remove(k)
		p.dismiss(k, farewell(nil))
	})
}

// Close closes every connection, and ends the watching.
func (p *Pool) Close() {
	p.watch.close()
	for _, k := range p.watch.all() {
		p.left(k)
	}
}

// Len is how many members there are.
func (p *Pool) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.members)
}

// clock is the time as sockets keep it, in 8 bytes.
func (p *Pool) clock() int64 { return int64(time.Since(p.base)) }

// left is called by the watcher when a client has closed its side.
func (p *Pool) left(k *socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch k.phase {
	case member:
		p.remove(k)
		p.close(k)
	case alone:
		k.phase = leaving
		close(k.gone)
		k.conn.Close() // its goroutine may be waiting in a write
	}
}

// close ends a connection, once.
func (p *Pool) close(k *socket) {
	if k.phase == closed {
		return
	}
	k.phase = closed
	p.watch.forget(k)
	k.conn.Close()
	p.Closed()
}

// dismiss ends the response of a socket that is no longer a member, with b. A client
// that can't take it at once gets a goroutine.
func (p *Pool) dismiss(k *socket, b []byte) {
	b = append(chunkOf(b), lastChunk...)
	n, full, err := k.write(b)
	if err != nil || !full && !k.hasUnread() {
		p.close(k)
		return
	}
	r := k.response(nil)
	p.wg.Go(func() {
		_ = r.Rest(b[n:]) // the connection is closed in either case
		p.Release(r)
	})
}

// expel hands a member to a goroutine of its own. sent is the id that it holds once
// it has rest.
func (p *Pool) expel(k *socket, rest []byte, sent cdc.Position) {
	at, sub := p.at, k.group.sub
	p.remove(k)
	r := k.response(nil)
	p.wg.Go(func() { p.Slow(r, at, sub, sent, rest) })
}

// add makes a client a member.
func (p *Pool) add(k *socket, sub *frame.Subscription) {
	k.phase, k.gone = member, nil
	k.place = int32(len(p.members))
	p.members = append(p.members, k)
	p.index.group(sub).add(k)
}

// remove takes a member out. Nothing is noted for its group, then.
func (p *Pool) remove(k *socket) {
	p.strike(k)
	g := k.group
	g.remove(k)
	if len(g.socks) == 0 {
		p.index.remove(g)
	}
}

// strike takes a member off the list.
func (p *Pool) strike(k *socket) {
	var moved *socket
	p.members, moved = cut(p.members, k.place)
	moved.place = k.place
	if len(p.members) == 0 {
		p.note()
	}
}

// each calls f for every member; f may remove it.
func (p *Pool) each(f func(*socket)) {
	for i := len(p.members) - 1; i >= 0; i-- { // backwards: what takes a leaver's place has had its turn
		f(p.members[i])
	}
}
