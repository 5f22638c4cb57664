package stream

import (
	"net/http"
	"strings"
	"testing"

	"rowcast/cdc"
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
		expect("after the reset", open("team=a&min=5", ids[1]), append([]block{reset(2, 1)}, want[2:]...))
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
func (f *fakeSource) group(i int) cdc.Position {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.start(f.groups[i])
}

// TestUndecodable: rows that can't be decoded are a reset in their place, once for each
// client and transaction. A client that comes back within the transaction gets the next
// one: another reading may have decoded the rows that it was reset for.
func TestUndecodable(t *testing.T) {
	eachWay(t, func(t *testing.T, client func() *http.Client) {
		src := newFake()
		src.commit(row{"other", "x"})
		s := serve(t, Config{History: minHistory}, src, fakeRenderer{tables: []string{"picks", "teams"}}).started(t)
		start := src.end().String()
		open := func(query, id string) *sse {
			c := s.open(t, client(), "/events?table="+query, id)
			c.must()
			return c
		}
		live, other := open("teams&table=picks", ""), open("picks", "")
		ids := src.commit(row{"picks", "a"}, row{"teams", undecodable}, row{"picks", "b"}, row{"teams", undecodable}, row{"picks", "c"})
		reset := block{event: "reset", data: `{"reason":"schema","lastEventId":"` + src.group(1).String() + `","message":"rows can't be decoded; fetch the table again"}`}
		at := func(i int) block {
			b := reset
			b.id = ids[i]
			return b
		}
		picks := []block{{id: ids[0], data: "a"}, {id: ids[2], data: "b"}, {id: ids[4], data: "c"}}
		want := []block{picks[0], at(1), picks[1], picks[2]}
		expect := func(what string, c *sse, want ...block) {
			t.Helper()
			for i, w := range want {
				if b := c.event(); b != w {
					t.Errorf("%s, event %d: got %+v, want %+v", what, i, b, w)
				}
			}
		}
		expect("live", live, want...)
		expect("another stream", other, picks...)
		expect("from the log", open("teams&table=picks", start), want...)
		expect("after the reset", open("teams&table=picks", ids[1]), picks[1], at(3), picks[2])
		expect("after the last reset", open("teams&table=picks", ids[3]), picks[2])
		for range 200 {
			src.commit(row{"picks", strings.Repeat("y", 500)})
		}
		eventually(t, "the floor to rise", func() bool {
			floor, _ := s.history.Live().Span()
			return floor.Compare(src.group(2)) > 0
		})
		expect("from a lane", open("teams&table=picks", start), want...)
	})
}
