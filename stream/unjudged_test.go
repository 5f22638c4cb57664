package stream

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

// TestUnjudged: a frame that one binding can't judge is a reset for that
// subscription, once for each group of the binlog and in the frame's place;
// others notice nothing. Live, from the log and from a lane alike.
func TestUnjudged(t *testing.T) {
	eachWay(t, func(t *testing.T, client func() *http.Client) {
		src := newFake()
		src.commit(row{"other", "x"})
		s := serve(t, Config{History: minHistory}, src, fakeRenderer{tables: []string{"picks", "drafts?"}}).started(t)
		start := src.end().String()
		open := func(query, id string) *sse {
			c := s.open(t, client(), "/events?table=drafts&table=picks&"+query, id)
			c.must()
			return c
		}
		live, other := open("team=a&min=5", ""), open("team=a&min=4", "")
		ids := src.commit(row{"drafts", "a:7"}, row{"drafts", "a:8?5"}, row{"drafts", "a:9?5"}, row{"picks", "p"}, row{"drafts", "a:6?5"}, row{"drafts", "b:6?5"})
		ids = append(ids, src.commit(row{"drafts", "a:9?5"}, row{"drafts", "a:9"})...)
		reset := func(i, group int) block {
			return block{id: ids[i], event: "reset", data: `{"reason":"schema","lastEventId":"` + src.group(group).String() + `","message":"a change can't be judged; fetch the table again"}`}
		}
		want := []block{{id: ids[0], data: "a:7"}, reset(1, 1), {id: ids[3], data: "p"}, reset(6, 2), {id: ids[7], data: "a:9"}}
		expect := func(what string, c *sse, want []block) {
			t.Helper()
			for i, w := range want {
				if b := c.event(); b != w {
					t.Errorf("%s, event %d: got %+v, want %+v", what, i, b, w)
				}
			}
		}
		expect("live", live, want)
		expect("another binding", other, []block{{id: ids[0], data: "a:7"}, {id: ids[1], data: "a:8?5"}, {id: ids[2], data: "a:9?5"}, {id: ids[3], data: "p"},
			{id: ids[4], data: "a:6?5"}, {id: ids[6], data: "a:9?5"}, {id: ids[7], data: "a:9"}})
		expect("from the log", open("team=a&min=5", start), want)
		expect("behind the reset", open("team=a&min=5", ids[1]), append([]block{reset(2, 1)}, want[2:]...))
		for range 200 {
			src.commit(row{"picks", strings.Repeat("y", 500)})
		}
		eventually(t, "the floor to rise", func() bool {
			floor, _ := s.history.Live().Span()
			return floor.Compare(src.group(3)) > 0
		})
		expect("from a lane", open("team=a&min=5", start), want)
	})
}

// TestFailures: the operator's log has the cause, and the index does not keep a
// group, and with it a binding, that has no clients left.
func TestFailures(t *testing.T) {
	var log bytes.Buffer
	c := frame.NewCatalog(fakeRenderer{tables: []string{"drafts?"}}, slog.New(slog.NewTextHandler(&log, nil)))
	sub, err := c.Subscribe([]string{"drafts"}, map[string]string{"team": "a", "min": "5"})
	if err != nil {
		t.Fatal(err)
	}
	x := newIndex(c)
	g := x.group(sub)
	if dirty := x.route(&frame.Frame{Pos: change(at(1, 4, 1), 0, 0), Key: []byte("a"), Tag: "a:8?5"}, nil); len(dirty) != 1 || g.pending[0].Kind != frame.Reset {
		t.Fatalf("routed to %d groups", len(dirty))
	}
	if text := log.String(); !strings.Contains(text, "stream=drafts") || !strings.Contains(text, "a secret can't be compared with min 5") {
		t.Errorf("logged: %s", text)
	}
	if x.remove(g); len(x.failures.told) != 0 {
		t.Error("the group is still known")
	}
}

// group is the start of the group that was committed as number i.
func (f *fakeSource) group(i int) cdc.Position {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.start(f.groups[i])
}
