package stream

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// eachWay runs a test for clients whose socket is taken over, and for those that
// stay with net/http.
func eachWay(t *testing.T, f func(t *testing.T, client func() *http.Client)) {
	t.Run("http1", func(t *testing.T) { f(t, h1) })
	t.Run("h2c", func(t *testing.T) { f(t, h2) })
}

func TestFirstBlockThenEvents(t *testing.T) {
	eachWay(t, func(t *testing.T, client func() *http.Client) {
		src := newFake()
		src.commit(row{"picks", "old"})
		s := serve(t, Config{Padding: 10}, src, fakeRenderer{tables: []string{"picks", "teams"}}).started(t)
		c := s.open(t, client(), "/events/picks", "")
		first := c.must()
		if first.retry != "2000" || first.comments != 1 || first.data != "" || !strings.HasPrefix(first.id, "binlog.000001/114~") {
			t.Fatalf("first block %+v", first)
		}
		ids := src.commit(row{"picks", "a"}, row{"other", "x"}, row{"teams", "t"}, row{"picks", "line1\r\nline2\rline3\nline4"}, row{"picks", "evil\r\nid: 1|b"})
		want := []block{
			{id: ids[0], data: "a"},
			{id: ids[3], data: "line1\nline2\nline3\nline4"},
			{id: ids[4], event: "evilid: 1", data: "b"},
		}
		for _, w := range want {
			if got := c.event(); got != w {
				t.Errorf("got %+v, want %+v", got, w)
			}
		}
		for name, value := range map[string]string{"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff", "Rowcast-Heartbeat": "15000"} {
			if got := c.resp.Header.Get(name); got != value {
				t.Errorf("%s: %q", name, got)
			}
		}
	})
}

func TestHeartbeats(t *testing.T) {
	eachWay(t, func(t *testing.T, client func() *http.Client) {
		src := newFake()
		s := serve(t, Config{Heartbeat: 100 * time.Millisecond, Ping: "ping"}, src, fakeRenderer{tables: []string{"picks"}}).started(t)
		c := s.open(t, client(), "/events/picks", "")
		first := c.must()
		b := c.must()
		if b.event != "ping" || !strings.HasPrefix(b.data, `{"time":"20`) || b.id != "" {
			t.Fatalf("no position moved, but %+v", b)
		}
		src.commit(row{"other", "x"})
		for b = c.must(); b.id == ""; b = c.must() {
		}
		if b.id == first.id || b.data != "" {
			t.Fatalf("checkpoint %+v after %+v", b, first)
		}
		for range 3 {
			if b = c.must(); b.event != "ping" || b.id != "" {
				t.Fatalf("the checkpoint came again: %+v", b)
			}
		}
	})
}
