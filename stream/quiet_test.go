package stream

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// TestQuietGroupsHoldNothing: a frame is a piece of a slab that it shares with
// frames of other subscriptions. A client that gets a row now and then must not
// keep the slab of its last one.
func TestQuietGroupsHoldNothing(t *testing.T) {
	src := newFake()
	src.commit(row{"picks", "none:"})
	s := serve(t, Config{History: 1 << 20}, src, fakeRenderer{tables: []string{"picks?"}}).started(t)
	const n = 100
	const slab = 64 << 10 // frame.Encoder cuts blocks from pieces this big
	clients := make([]*sse, n)
	for i := range clients {
		clients[i] = s.open(t, h1(), fmt.Sprintf("/events/picks?team=%d", i), "")
		clients[i].must()
	}
	others := make([]row, 20)
	for i := range others {
		others[i] = row{"picks", "none:" + strings.Repeat("x", slab/8)}
	}
	before := liveHeap()
	for i, c := range clients {
		src.commit(row{"picks", fmt.Sprintf("%d:a", i)})
		if got := c.event().data; got != fmt.Sprintf("%d:a", i) {
			t.Fatalf("client %d got %q", i, got)
		}
		src.commit(others...)
	}
	src.commit(row{"picks", "0:b"})
	clients[0].event()
	if after := liveHeap(); after > before+n*slab {
		t.Errorf("%d quiet clients hold %d kB more than before their last row", n, (after-before)>>10)
	}
}

// liveHeap is what is in use, in bytes.
func liveHeap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what pools held is gone with the second
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
