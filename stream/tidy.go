package stream

import (
	"context"
	"runtime/debug"
	"time"
)

const (
	tidyEvery   = 2 * time.Second
	tidyClients = 1000 // so many that came are worth a collection
)

// tidy gives back what the coming of many clients has left behind: of each,
// net/http's buffers and a goroutine's stack. The collector takes them once the
// heap has doubled, which with idle clients may be never; until then they are
// more than all that the clients need. It waits until no more are coming, since
// a herd's garbage is best taken once.
func (ws *writers) tidy(ctx context.Context) {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	last, tidied := uint32(0), uint32(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		came := ws.next.Load()
		if came == last && came-tidied >= tidyClients {
			debug.FreeOSMemory()
			tidied = came
		}
		last = came
	}
}
