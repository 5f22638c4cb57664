package fanout

import (
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

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

// close ends the watching, for good; clients are not touched.
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
