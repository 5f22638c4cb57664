package stream

import (
	"net"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is a connection that was taken over from net/http. Its writer's lock
// guards everything but conn, id and writer.
type socket struct {
	fd      int    // valid while not closed: only used under the lock
	last    int64  // when something was sent, see writer.clock
	version uint64 // Log.version of the checkpoint that the client holds; 0: it holds an event's id

	group  *group // that serves it; nil: a goroutine does
	index  int32  // in group.socks
	place  int32  // in writer.members
	conn   net.Conn
	writer *writer
	id     uint32 // in the watcher
	closed bool
	gone   chan struct{}
}

// canTakeOver: plain TCP or a unix socket; TLS keeps its state in user space.
func canTakeOver(conn net.Conn) bool {
	switch conn.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
}

// unsentBytes is what the kernel keeps for a client that does not take it, beyond
// what is under way: else it is megabytes for each. And it lets go of a third of
// what it keeps before it takes more: a slow reader would look like one that
// takes nothing at all.
const unsentBytes = 256 << 10

// Tune makes the kernel give up on a client that is gone or takes nothing, and
// keep little for one that is slow. For each connection that is accepted.
func Tune(conn net.Conn) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return // it is closed
	}
	_ = raw.Control(func(fd uintptr) { // without the options it works as well
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(stallTimeout.Milliseconds()))
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentBytes)
	})
}

// prepare finds the descriptor.
func (k *socket) prepare() error {
	raw, err := k.conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { k.fd = int(fd) })
}

// hasUnread tells whether the client has sent something that nobody has read.
func (k *socket) hasUnread() bool {
	raw, err := k.conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return false
	}
	unread := 0
	err = raw.Control(func(fd uintptr) { unread, _ = unix.IoctlGetInt(int(fd), unix.SIOCINQ) })
	return err == nil && unread > 0 // an error: it is closed
}

// write gives the kernel what it takes at once; full is true where that is not all.
func (k *socket) write(b []byte) (n int, full bool, err error) {
	for {
		// Raw: with MSG_DONTWAIT it never blocks, so the scheduler need not know.
		r, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(k.fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))),
			uintptr(len(b)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			return int(r), int(r) < len(b), nil
		case unix.EAGAIN:
			return 0, true, nil
		case unix.EINTR:
			continue
		}
		return 0, false, errno
	}
}

// watcher tells which clients have left. Nobody reads from their sockets, so the
// kernel is asked: one epoll instance, and no goroutine per client. It is made
// with the first client.
type watcher struct {
	mu   sync.Mutex
	file *os.File // the epoll instance
	fd   int
	next uint32
	byID map[uint32]*socket
	done chan struct{}
	shut bool
}

func (w *watcher) open(left func(*socket)) error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // os.NewFile then lets Go's poller wait for it
		unix.Close(fd)
		return os.NewSyscallError("fcntl", err)
	}
	w.file, w.fd, w.byID, w.done = os.NewFile(uintptr(fd), "epoll"), fd, map[uint32]*socket{}, make(chan struct{})
	raw, err := w.file.SyscallConn()
	if err != nil {
		w.file.Close()
		w.file = nil
		return err
	}
	go w.loop(raw, w.done, left)
	return nil
}

// add watches a socket. The id, not the descriptor, names it in events: a
// descriptor may be another client's by the time its event is looked at.
func (w *watcher) add(k *socket, left func(*socket)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shut {
		return net.ErrClosed
	}
	if w.file == nil {
		if err := w.open(left); err != nil {
			return err
		}
	}
	for w.next++; w.byID[w.next] != nil; w.next++ {
	}
	k.id = w.next
	err := unix.EpollCtl(w.fd, unix.EPOLL_CTL_ADD, k.fd, &unix.EpollEvent{Events: unix.EPOLLRDHUP | unix.EPOLLONESHOT, Fd: int32(k.id)})
	if err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	w.byID[k.id] = k
	return nil
}

func (w *watcher) forget(k *socket) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byID[k.id] == k {
		delete(w.byID, k.id)
	}
}

func (w *watcher) all() []*socket {
	w.mu.Lock()
	defer w.mu.Unlock()
	socks := make([]*socket, 0, len(w.byID))
	for _, k := range w.byID {
		socks = append(socks, k)
	}
	return socks
}

func (w *watcher) loop(raw syscall.RawConn, done chan struct{}, left func(*socket)) {
	defer close(done)
	events := make([]unix.EpollEvent, 64)
	for {
		n := 0
		err := raw.Read(func(fd uintptr) bool {
			n, _ = unix.EpollWait(int(fd), events, 0)
			return n > 0
		})
		if err != nil {
			return // closed
		}
		for _, e := range events[:n] {
			w.mu.Lock()
			k := w.byID[uint32(e.Fd)]
			w.mu.Unlock()
			if k != nil {
				left(k)
			}
		}
	}
}

// close ends the watching; clients are not touched.
func (w *watcher) close() {
	w.mu.Lock()
	file, done := w.file, w.done
	w.file, w.shut = nil, true
	w.mu.Unlock()
	if file != nil {
		file.Close()
		<-done
	}
}

const hijackable = true
