//go:build !linux

package fanout

import (
	"errors"
	"net"
)

// Supported: connections are taken over from net/http on Linux only; elsewhere
// every client has a goroutine.
const Supported = false

var errOtherSystem = errors.New("connections are taken over on Linux only")

// Tune is for Linux.
func Tune(net.Conn) {}

func (k *socket) prepare() error                             { return errOtherSystem }
func (k *socket) hasUnread() bool                            { return false }
func (k *socket) write([]byte) (n int, full bool, err error) { return 0, false, errOtherSystem }

type watcher struct{}

func (w *watcher) add(*socket, func(*socket)) error { return errOtherSystem }
func (w *watcher) forget(*socket)                   {}
func (w *watcher) all() []*socket                   { return nil }
func (w *watcher) close()                           {}
