//go:build !linux

package stream

import (
	"errors"
	"net"
)

// socket: only on Linux are connections taken over from net/http; elsewhere
// every client has a goroutine.
type socket struct {
	conn    net.Conn
	writer  *writer
	group   *group
	index   int32
	place   int32
	id      uint32
	last    int64
	version uint64
	gone    chan struct{}
	closed  bool
}

// Tune is for Linux.
func Tune(net.Conn) {}

var errOtherSystem = errors.New("connections are taken over on Linux only")

func canTakeOver(net.Conn) bool { return false }

func (k *socket) prepare() error { return errOtherSystem }

func (k *socket) write([]byte) (n int, full bool, err error) { return 0, false, errOtherSystem }

func (k *socket) hasUnread() bool { return false }

type watcher struct{}

func (w *watcher) add(*socket, func(*socket)) error { return errOtherSystem }
func (w *watcher) forget(*socket)                   {}
func (w *watcher) all() []*socket                   { return nil }
func (w *watcher) close()                           {}

const hijackable = false
