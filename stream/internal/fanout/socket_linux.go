package fanout

import (
	"errors"
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Supported: connections can be taken over from net/http.
const Supported = true

// unsentBytes is what the kernel keeps for a client that does not take it, beyond
// what is under way; otherwise it is megabytes for each. The kernel frees a third of
// what it keeps before it takes more: with less than this, a slow reader would look
// like one that takes nothing at all.
const unsentBytes = 256 << 10

// Tune makes the kernel give up on a client that is gone or takes nothing, and
// keep little for one that is slow. It is for each connection that is accepted.
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
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(Stall.Milliseconds()))
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentBytes)
	})
}

// prepare finds the descriptor of plain TCP or a unix socket. TLS keeps its state in
// user space.
func (k *socket) prepare() error {
	switch k.conn.(type) {
	case *net.TCPConn, *net.UnixConn:
	default:
		return errors.ErrUnsupported
	}
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
		// With MSG_DONTWAIT it never blocks, so the scheduler need not know. unix.SendmsgN,
		// which tells it, costs 5 to 15 % more CPU per delivery (1,000 clients, 20 rows/s).
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
