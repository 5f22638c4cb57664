package stream

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"rowcast/stream/internal/history"
)

// threeOfOne are three streams of the table picks: all of it, and two that have a
// parameter.
var threeOfOne = fakeRenderer{named: true, tables: []string{"picks", "teams", "picks~?", "picks~~?"}}

// expected is what the streams make of rows, in the order of the request, for team a:
// of the n-th event of a change the id ends in n.
func expected(streams []string, ids []string, rows ...row) (want []block) {
	for i, r := range rows {
		n := 0
		for _, s := range streams {
			if strings.TrimRight(s, "~") != r.table || strings.HasSuffix(s, "~") && !slices.ContainsFunc(strings.Split(r.value, variant), isForA) {
				continue
			}
			b := block{id: ids[i], event: s, data: strings.Split(r.value, variant)[0]}
			if n > 0 {
				b.id = fmt.Sprintf("%s.%d", ids[i], n)
			}
			if strings.HasSuffix(s, "~") {
				values := strings.Split(r.value, variant)
				b.data = values[slices.IndexFunc(values, isForA)]
			}
			want, n = append(want, b), n+1
		}
	}
	return want
}

func isForA(value string) bool { return strings.HasPrefix(value, "a:") }

// pathOf asks for streams, of team a where one has that parameter.
func pathOf(streams []string) string {
	query := url.Values{"table": streams}
	if slices.ContainsFunc(streams, func(s string) bool { return strings.HasSuffix(s, "~") }) {
		query.Set("team", "a")
	}
	return "/events?" + query.Encode()
}

// expect compares what comes with what is to come.
func (c *sse) expect(what string, want []block) {
	c.t.Helper()
	for i, w := range want {
		b, err := c.next()
		for err == nil && b.data == "" {
			b, err = c.next()
		}
		if b != w || err != nil {
			b.data, w.data = fmt.Sprintf("%.100s", b.data), fmt.Sprintf("%.100s", w.data)
			c.t.Errorf("%s: event %d is\n%+v (%v), want\n%+v", what, i, b, err, w)
			return
		}
	}
}

// changesOfPicks are some rows of several sizes: for both parameters, for one, for none.
func changesOfPicks(n, large int) (rows []row) {
	for i := range n {
		size := []int{1, 300, 20, large, 40}[i%5]
		value := fmt.Sprintf("a:%d%s", i, strings.Repeat("x", size))
		switch i % 7 {
		case 2:
			value = "b" + value[1:]
		case 3:
			value = "b:first" + variant + value + variant + "c:last"
		}
		rows = append(rows, row{"picks", value})
		if i%3 == 0 {
			rows = append(rows, row{"teams", value})
		}
	}
	return rows
}

// ordersOfThree are requests for the three streams, with and without another table.
var ordersOfThree = [][]string{
	{"picks", "picks~", "picks~~"}, {"picks~~", "picks~", "picks"}, {"picks~", "teams", "picks"}, {"picks~~", "picks", "picks~", "teams"},
}

// TestSeveralStreams: of one change the streams of a connection come in the order of the
// request, each event with an id of its own, and a client that is cut off after any of
// them gets the next one: from the log, from lanes, and over the seam between the two.
func TestSeveralStreams(t *testing.T) {
	eachWay(t, func(t *testing.T, client func() *http.Client) {
		src := newFake()
		src.commit(row{"other", "x"})
		const clients = 32 // at a time; with fewer lanes some are asked to come back, as a machine is busy
		s := serve(t, Config{History: minHistory, MaxReplays: clients}, src, threeOfOne).started(t)
		start := src.end().String()
		var ids []string
		var rows []row
		for i := range 20 {
			group := changesOfPicks(5, 6000+i/19*history.BigBlock)
			rows = append(rows, group...)
			ids = append(ids, src.commit(group...)...)
		}
		eventually(t, "the floor to rise", func() bool {
			floor, reach := s.history.Live().Span()
			return floor.Compare(at(1, 500, 0)) > 0 && reach.Compare(src.end()) >= 0
		})
		var wg sync.WaitGroup
		slots := make(chan struct{}, clients)
		for n, streams := range ordersOfThree {
			want := expected(streams, ids, rows...)
			for i, id := range slices.Insert(idsOf(want), 0, start)[:len(want)] {
				if i > 24 && i%len(ordersOfThree) != n {
					continue
				}
				wg.Go(func() {
					slots <- struct{}{}
					defer func() { <-slots }()
					c := s.open(t, client(), pathOf(streams), id)
					defer c.body.Close()
					if first := c.must(); first.id != id {
						t.Errorf("resumed at %s, told %s", id, first.id)
					}
					c.expect(fmt.Sprintf("%s from %s", streams, id), want[i:min(len(want), i+60)])
				})
			}
		}
		wg.Wait()
	})
}

func idsOf(blocks []block) (ids []string) {
	for _, b := range blocks {
		ids = append(ids, b.id)
	}
	return ids
}

// TestSeveralStreamsInPool: the same where many clients get their events from one pool,
// which finds many changes at once, and where some read nothing for a while.
func TestSeveralStreamsInPool(t *testing.T) {
	src := newFake()
	src.commit(row{"other", "x"})
	rend := threeOfOne
	rend.tables = append(slices.Clone(rend.tables), "hold")
	s := serve(t, Config{}, src, rend).started(t)
	type member struct {
		*sse
		streams []string
	}
	var members []member
	orders := append([][]string{{"picks"}, {"teams", "picks~"}}, ordersOfThree...)
	for i := range 5 * len(orders) {
		streams := orders[i%len(orders)]
		c := s.open(t, h1(), pathOf(streams), "")
		c.must()
		members = append(members, member{c, streams})
	}
	eventually(t, "all to be members", func() bool { return s.pool.Len() == len(members) })
	var ids []string
	var rows []row
	s.held(t, func(uint64) {
		for range 20 { // far more than a socket takes
			group := changesOfPicks(30, history.BigBlock+1000)
			rows = append(rows, group...)
			ids = append(ids, src.commit(group...)...)
		}
	})
	for _, m := range members {
		m.expect(fmt.Sprint(m.streams), expected(m.streams, ids, rows...))
	}
}

// TestSeveralStreamsUnjudged: an event that can't be judged keeps its number, whether
// the client hears of it or had its reset of this transaction already.
func TestSeveralStreamsUnjudged(t *testing.T) {
	eachWay(t, func(t *testing.T, client func() *http.Client) {
		src := newFake()
		src.commit(row{"other", "x"})
		s := serve(t, Config{}, src, threeOfOne).started(t)
		start := src.end().String()
		paramFirst, paramLast := pathOf([]string{"picks~", "picks"}), pathOf([]string{"picks", "picks~"})
		live := []*sse{s.open(t, client(), paramFirst, start), s.open(t, client(), paramLast, start)}
		for _, c := range live {
			c.must()
		}
		ids := src.commit(row{"picks", "a:0?"}, row{"picks", "a:1?"}, row{"picks", "a:2"}, row{"teams", "t"}, row{"picks", "a:3?"})
		reset := func(id string) block {
			return block{id: id, event: "reset", data: `{"reason":"schema","lastEventId":"` + src.group(1).String() + `","message":"a change can't be judged; fetch the table again"}`}
		}
		of := func(stream, id, data string) block { return block{id: id, event: stream, data: data} }
		first := []block{reset(ids[0]), of("picks", ids[0]+".1", "a:0?"), of("picks", ids[1]+".1", "a:1?"),
			of("picks~", ids[2], "a:2"), of("picks", ids[2]+".1", "a:2"), of("picks", ids[4]+".1", "a:3?")}
		last := []block{of("picks", ids[0], "a:0?"), reset(ids[0] + ".1"), of("picks", ids[1], "a:1?"),
			of("picks", ids[2], "a:2"), of("picks~", ids[2]+".1", "a:2"), of("picks", ids[4], "a:3?")}
		live[0].expect("parameter first, live", first)
		live[1].expect("parameter last, live", last)
		s.open(t, client(), paramFirst, start).expect("parameter first, from the log", first)
		s.open(t, client(), paramLast, start).expect("parameter last, from the log", last)
		s.open(t, client(), paramFirst, ids[0]).expect("after the reset", []block{first[1], reset(ids[1]), first[2]})
		s.open(t, client(), paramFirst, ids[1]+".1").expect("after an event whose first one was not sent", append(slices.Clone(first[3:5]), reset(ids[4]), first[5]))
		s.open(t, client(), paramLast, ids[1]).expect("before a reset that others were spared", []block{reset(ids[1] + ".1"), last[3]})
	})
}

// TestSeveralStreamsPolled: a long poll that ends within a change goes on there, also
// where its answer is full.
func TestSeveralStreamsPolled(t *testing.T) {
	src := newFake()
	src.commit(row{"other", "x"})
	s := serve(t, Config{}, src, threeOfOne).started(t)
	id := src.end().String()
	streams := []string{"picks~~", "picks", "picks~"}
	var rows []row
	for i := range 25 {
		rows = append(rows, row{"picks", fmt.Sprintf("a:%d%s", i, strings.Repeat("x", 100<<10))})
	}
	ids := src.commit(rows...)
	eventually(t, "the live feed", func() bool { _, head := s.history.Live().Current(); return head.Compare(src.end()) == 0 })
	want := expected(streams, ids, rows...)
	within := 0
	for len(want) > 0 {
		_, body := s.get(t, pathOf(streams)+"&wait=0s&lastEventId="+url.QueryEscape(id), "Accept", "application/json")
		var answer pollAnswer
		if err := json.Unmarshal([]byte(body), &answer); err != nil || len(answer.Events) == 0 {
			t.Fatalf("%d events left: %v, %.200s", len(want), err, body)
		}
		for i, e := range answer.Events {
			if w := want[i]; e.ID != w.id || e.Event != w.event || e.Data != w.data {
				t.Fatalf("got %s %s, want %s %s", e.ID, e.Event, w.id, w.event)
			}
		}
		want = want[len(answer.Events):]
		if id = answer.LastID; id != answer.Events[len(answer.Events)-1].ID {
			t.Fatalf("lastEventId is %s", id)
		}
		if len(want) > 0 && strings.HasPrefix(want[0].id, strings.TrimSuffix(id, ".1")) {
			within++
		}
	}
	if within == 0 {
		t.Error("no answer ended within a change: this has tried nothing")
	}
}

// TestPollWithinBlock: the answer of a long poll does not end between a block and its id.
func TestPollWithinBlock(t *testing.T) {
	w := &pollWire{}
	for _, send := range []struct {
		text string
		err  error
	}{{"id: 1\ndata: " + strings.Repeat("x", pollBytes-30) + "\n\n", nil}, {"id: binlog.000001/4/0.0~67a1f3b2.1", nil}, {"\ndata: y\n\n", errAnswered}} {
		if err := w.Send([]byte(send.text)); err != send.err {
			t.Errorf("after %.40q: %v", send.text, err)
		}
	}
}

// TestSeveralStreamsGone: clients whose stream a reload takes away right after a change,
// in the pool and with a cursor of their own, come back and get what is new, and nothing
// again.
func TestSeveralStreamsGone(t *testing.T) {
	src := newFake()
	src.commit(row{"other", "x"})
	s := serve(t, Config{}, src, fakeRenderer{named: true, tables: []string{"picks", "picks~", "hold"}}).started(t)
	streams := []string{"picks~", "picks"}
	path := "/events?" + url.Values{"table": streams}.Encode()
	alone := s.alone(t, streams...)
	c := s.open(t, h1(), path, "")
	c.must()
	eventually(t, "the client to be a member", func() bool { return s.pool.Len() == 1 })
	var id string
	s.held(t, func(uint64) {
		id = src.commit(row{"picks", "last"})[0]
		eventually(t, "the live feed", func() bool { _, head := s.history.Live().Current(); return head.Compare(src.end()) == 0 })
		s.Swap(fakeRenderer{tables: []string{"picks", "hold"}})
	})
	got, _ := c.end()
	buf, _, err := alone.Next(nil, 1<<20, history.ToEnd)
	if !errors.Is(err, history.ErrGone) {
		t.Fatal(err)
	}
	for what, text := range map[string]string{"the pool": fmt.Sprintf("%s %s %s", got[0].id, got[1].id, got[2].id), "a cursor": strings.Join(idLines(buf), " ")} {
		if want := fmt.Sprintf("%s %s.1 %s.63", id, id, id); text != want {
			t.Errorf("%s: %s, want %s", what, text, want)
		}
	}
	s.Swap(fakeRenderer{named: true, tables: []string{"picks~", "picks"}})
	c = s.open(t, h1(), path, got[2].id)
	c.must()
	next := src.commit(row{"picks", "next"})[0]
	c.expect("after", []block{{id: next, event: "picks~", data: "next"}, {id: next + ".1", event: "picks", data: "next"}})
}

// idLines are the ids of blocks.
func idLines(blocks []byte) (ids []string) {
	for line := range strings.Lines(string(blocks)) {
		if id, ok := strings.CutPrefix(line, "id: "); ok {
			ids = append(ids, strings.TrimSpace(id))
		}
	}
	return ids
}
