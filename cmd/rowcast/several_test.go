package main

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"rowcast/internal/throwaway"
)

// severalStreams publishes one table three times: all of it, what matches a parameter, as
// text, and what a wildcard matches, of which it passes rows on and hides columns.
const severalStreams = `
[stream]
history = "64KiB"
[[table]]
name = "draft.picks"
as = "picks"
on = ["insert", "update", "delete"]
[[table]]
name = "draft.picks"
as = "round"
on = ["insert", "update", "delete"]
where = "round = :round"
params = { round = "" }
event = "{op} in round"
data = "text"
text = "{{.player}}"
[[table]]
name = "draft.p*"
as = "teams"
columns = ["id", "team"]
where = "team <> 'none'"
event = "team"
data = "row"
`

// writePicks writes n rows in transactions of several statements, and changes and deletes
// some of them: to the streams they come, change and go in different ways.
func writePicks(t *testing.T, s *throwaway.Server, n int) {
	t.Helper()
	for i := range n {
		team := []string{"Oilers", "none", "Jets"}[i%3]
		exec(t, s, "BEGIN",
			fmt.Sprintf("INSERT INTO draft.picks (round, team, player) VALUES (%d, '%s', 'p%d'), (7, '%s', 'q%d%s')", 6+i%3, team, i, team, i, strings.Repeat("x", i%2*50)),
			"UPDATE draft.picks SET round = 6 + (round - 5) % 3 ORDER BY id DESC LIMIT 3",
			fmt.Sprintf("UPDATE draft.picks SET team = 'Flames' WHERE player = 'p%d'", i-1),
			fmt.Sprintf("DELETE FROM draft.picks WHERE player = 'q%d'", i-2),
			"COMMIT")
	}
}

// pathTo asks for streams in this order.
func pathTo(streams []string) string {
	q := url.Values{"table": streams}
	if slices.Contains(streams, "round") {
		q.Set("round", "7")
	}
	return "/events?" + q.Encode()
}

// merged is what a connection with several streams of one table gets, made of what each
// of them gets alone.
func merged(alone map[string][]sseEvent, streams []string, order []string) (want []sseEvent) {
	for _, id := range order {
		n := 0
		for _, s := range streams {
			for _, e := range alone[s] {
				if e.id != id {
					continue
				}
				if n > 0 {
					e.id = fmt.Sprintf("%s.%d", id, n)
				}
				want, n = append(want, e), n+1
			}
		}
	}
	return want
}

// TestSeveralStreamsExact: streams of one table share a connection. A client that is cut
// off after any event gets the next one from the live log, from the binlog, from another
// instance, by a long poll and by rowcast tail, in each order of the request.
func TestSeveralStreamsExact(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		config := configFor(s, severalStreams)
		i, other := launch(t, config).ready(t), launch(t, config).ready(t)
		orders := [][]string{{"picks", "round"}, {"round", "picks"}, {"picks", "round", "teams"}, {"teams", "round", "picks"}}
		alone, together := map[string]*sseClient{}, []*sseClient{}
		for _, name := range orders[2] {
			alone[name] = subscribe(t, i.url+pathTo([]string{name}), "").begun(t)
		}
		start := alone["picks"].lastID()
		for n, order := range orders {
			together = append(together, subscribe(t, []*instance{i, other}[n%2].url+pathTo(order), start).begun(t))
		}
		writePicks(t, s, 12)
		exec(t, s, "INSERT INTO draft.picks (round, team, player) VALUES (7, 'last', 'last')")
		got, ids := map[string][]sseEvent{}, []string(nil)
		for name, c := range alone {
			c.until(t, "the last row", func() bool { return strings.Contains(c.events[len(c.events)-1].data, "last") })
			got[name] = c.data()
		}
		for _, e := range got["picks"] {
			ids = append(ids, e.id) // it has every change
		}
		for n, order := range orders {
			want := merged(got, order, ids)
			if events := together[n].wait(t, len(want)); !sameEvents(events, want) {
				t.Fatalf("%s: got %v\nwant %v", order, events, want)
			}
			for k := range want {
				at := []*instance{i, other}[k%2]
				c := subscribe(t, at.url+pathTo(order), want[k].id).begun(t)
				if first := c.all()[0]; first.id != want[k].id {
					t.Fatalf("resumed at %s, not at %s", first.id, want[k].id)
				}
				if k == len(want)-1 {
					continue
				}
				rest := want[k+1 : min(len(want), k+8)]
				if events := c.wait(t, len(rest)); !sameEvents(events[:len(rest)], rest) {
					t.Fatalf("%s after %s: got %v\nwant %v", order, want[k].id, events, rest)
				}
				c.close()
			}
		}
		tailSeveral(t, i, got, orders[3], ids)
	})
}

// tailSeveral checks what the command line makes of such ids.
func tailSeveral(t *testing.T, i *instance, got map[string][]sseEvent, order, ids []string) {
	t.Helper()
	want := merged(got, order, ids)
	within := slices.IndexFunc(want, func(e sseEvent) bool { return strings.HasSuffix(e.id, ".1") })
	for _, span := range [][2]int{{within - 1, within + 5}, {within, within + 1}, {within - 1, within}, {within, len(want) - 1}} {
		code, out, stderr := command(t, append([]string{"tail", "--config", i.file, "--param", "round=7",
			"--after", want[span[0]].id, "--until", want[span[1]].id}, order...)...)
		if events := blocks(out); code != 0 || !sameEvents(events, want[span[0]+1:span[1]+1]) {
			t.Errorf("tail from %s to %s: exit %d, %s got %v\nwant %v", want[span[0]].id, want[span[1]].id, code, stderr, events, want[span[0]+1:span[1]+1])
		}
	}
	for _, at := range []string{want[within].id, want[within-1].id} {
		code, out, stderr := command(t, "explain", "--config", i.file, "--at", at, "picks")
		if code != 0 || !strings.Contains(out, " of draft.picks at "+want[within-1].id+",") || !strings.Contains(out, "picks: sent as") {
			t.Errorf("explain --at %s: exit %d, %s%s", at, code, out, stderr)
		}
	}
	code, _, stderr := command(t, "tail", "--config", i.file, "--after", want[0].id+".0", "picks")
	if code != 2 || !strings.Contains(stderr, "not from 1 to 63") {
		t.Errorf("an id that ends in .0: exit %d, %s", code, stderr)
	}
}

// TestSeveralStreamsReload: a reload that gives a stream of the table another filter, and
// takes one away, between two transactions: connections stay, and each event comes once.
func TestSeveralStreamsReload(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		i := launch(t, configFor(s, severalStreams)).ready(t)
		c := subscribe(t, i.url+"/events?table=teams&table=picks", "").begun(t)
		long := subscribe(t, i.url+"/events?table=teams&table=picks&table=round&round=7", "").begun(t)
		insertPick(t, s, 1, "a")
		before := c.wait(t, 2)
		text, err := os.ReadFile(i.file)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(text), "team <> 'none'", "team = 'none'", 1)
		replaceFile(t, i.file, strings.Replace(changed, `as = "round"`, `as = "rounds"`, 1))
		streamsAre(t, i, "picks", "rounds", "teams")
		long.until(t, "the end", func() bool { return long.ended })
		if last := long.data()[2]; last.event != "reset" || !strings.Contains(last.data, "round") {
			t.Errorf("the client whose stream is gone got %v", last)
		}
		insertPick(t, s, 1, "b")
		exec(t, s, "UPDATE draft.picks SET team = 'none' WHERE player = 'b'")
		events := c.wait(t, 5)
		if events[1].id != before[0].id+".1" || strings.HasSuffix(events[2].id, ".1") ||
			events[3].event != "team" || events[4].id != events[3].id+".1" {
			t.Errorf("got %v", events)
		}
		rest := subscribe(t, i.url+"/events?table=teams&table=picks", before[1].id).wait(t, 3)
		if !sameEvents(rest, events[2:5]) {
			t.Errorf("got %v, want %v", rest, events[2:5])
		}
	})
}

// of are the blocks that are about one stream.
func (v *visitor) of(t *testing.T, stream string) *visitor {
	t.Helper()
	alone := &visitor{path: v.path}
	for _, e := range v.blocks {
		keep := e.event == stream
		if e.event == "rows" || e.event == "ready" {
			m, err := e.message()
			if err != nil {
				t.Fatal(err)
			}
			keep = m.Stream == stream
		}
		if keep {
			alone.blocks = append(alone.blocks, e)
		}
	}
	return alone
}

// TestSeveralStreamsWithRows: streams of one table that begin with rows, on one
// connection that is cut after each block: each stream's rows are right at the end, and
// no row came twice or left without having come.
func TestSeveralStreamsWithRows(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		const common = "name = \"draft.picks\"\nevent = \"{stream}\"\n"
		config := rowsConfig(s, common+"as = \"whole\"\nrows = \"all\"", common+"as = \"part\"\nrows = \"all\"\nwhere = \"round = 3\"", common+"as = \"plain\"")
		first, second := launch(t, config).ready(t), launch(t, config).ready(t)
		fillPicks(t, s, 20)
		stop := write(t, s, 2, onPicks(40))
		var visitors []*visitor
		for k := range 60 {
			path := pathTo([][]string{{"whole", "part"}, {"part", "whole"}, {"plain", "part"}, {"part", "plain", "whole"}}[k%4])
			v := visit(t, first, path)
			for range k {
				v.next(t)
			}
			v.cut()
			v.connect(t, second)
			v.next(t)
			v.next(t)
			v.cut()
			v.connect(t, first)
			visitors = append(visitors, v)
		}
		stop()
		insertLastPick(t, s, 3)
		columns := []string{"id", "round", "team", "player"}
		midst := 0 // ids of second events in the midst of rows
		for k, v := range visitors {
			names := []string{"part"}
			if strings.Contains(v.path, "whole") {
				names = append(names, "whole")
			}
			v.until(t, func(sseEvent) bool {
				return !slices.ContainsFunc(names, func(name string) bool {
					ready, marked := false, false
					for _, e := range v.of(t, name).blocks {
						ready = e.event == "ready" || ready && e.event != "rows"
						marked = marked || strings.Contains(e.data, lastPick)
					}
					return !ready || !marked
				})
			})
			for _, e := range v.blocks {
				if strings.Contains(e.id, ".1!") {
					midst++
				}
			}
			for _, name := range names {
				where := ""
				if name == "part" {
					where = " WHERE round = 3"
				}
				wantShown(t, s, v.of(t, name), "SELECT id, round, team, player FROM draft.picks"+where, columns...)
			}
			if t.Failed() {
				t.Fatalf("%s, cut after %d blocks: %+v", v.path, k, v.blocks)
			}
		}
		if midst == 0 {
			t.Error("no change was two events in the midst of rows: this tests nothing")
		}
	})
}
