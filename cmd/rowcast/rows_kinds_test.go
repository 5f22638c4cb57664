package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"rowcast/internal/throwaway"
)

// Keys of several columns and of text, whose collation takes a and A, or e and é,
// for the same: clients are cut off after each block while such keys change.
func TestRowsOfTextKeys(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		for table, collation := range map[string]string{"general": "utf8mb4_general_ci", "own": "utf8mb4_unicode_520_ci", "latin": "latin1_swedish_ci", "bin": "utf8mb4_bin"} {
			charset, _, _ := strings.Cut(collation, "_")
			exec(t, s, fmt.Sprintf("CREATE TABLE draft.%s (name VARCHAR(20) CHARACTER SET %s COLLATE %s, n SMALLINT UNSIGNED, value INT, PRIMARY KEY (name, n))", table, charset, collation))
		}
		exec(t, s, "CREATE TABLE draft.folded (name VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, n SMALLINT UNSIGNED, value INT, PRIMARY KEY (n DESC, name(20)))")
		tables := []string{"general", "own", "latin", "bin", "folded"}
		var streams []string
		for _, table := range tables {
			streams = append(streams, fmt.Sprintf("name = \"draft.%s\"\nas = %[1]q\nrows = \"all\"", table),
				fmt.Sprintf("name = \"draft.%s\"\nas = \"%[1]s-some\"\nrows = 7", table))
		}
		config := rowsConfig(s, streams...)
		first, second := launch(t, config).ready(t), launch(t, config).ready(t)
		var truths []*truth
		for _, table := range tables {
			truths = append(truths, witness(t, first, table, "draft."+table, ""))
		}
		names := []string{"", " ", "a", "A", "á", "ä", "b ", "B", "b", "ß", "ss", "e", "é", "É", "z", "Z", "_", "-", "o'b\\\"", "0"}
		name := func(r *rand.Rand) string {
			n := names[r.IntN(len(names))] + names[r.IntN(len(names))]
			return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(n) + "'"
		}
		write1 := func(r *rand.Rand) string {
			table := tables[r.IntN(len(tables))]
			switch r.IntN(4) {
			case 0:
				return fmt.Sprintf("DELETE FROM draft.%s WHERE name = %s", table, name(r))
			case 1:
				return fmt.Sprintf("UPDATE IGNORE draft.%s SET name = UPPER(name) WHERE name = %s", table, name(r))
			case 2:
				return fmt.Sprintf("UPDATE draft.%s SET name = %s, value = value + 1 WHERE name = %s AND n = %d", table, name(r), name(r), r.IntN(3))
			}
			return fmt.Sprintf("INSERT INTO draft.%s VALUES (%s, %d, %d) ON DUPLICATE KEY UPDATE value = value + 1", table, name(r), r.IntN(3), r.IntN(100))
		}
		r := rand.New(rand.NewPCG(4, 4))
		for range 400 {
			exec(t, s, strings.Replace(write1(r), "UPDATE draft", "UPDATE IGNORE draft", 1))
		}
		stop := write(t, s, 2, write1)
		visitors := make([][]*visitor, len(tables))
		for k := 0; k < 60; k += 3 {
			for n, table := range tables {
				v := visit(t, first, "/events/"+table)
				for range k {
					v.next(t)
				}
				v.cut()
				v.connect(t, second)
				visitors[n] = append(visitors[n], v)
			}
		}
		stop()
		for n, table := range tables {
			exec(t, s, fmt.Sprintf("INSERT INTO draft.%s VALUES ('the last', 60000, 1)", table))
			truths[n].close(t, "the last")
			for _, v := range visitors[n] {
				v.untilMark(t, "the last")
				if err := truths[n].verify(v.blocks); err != nil {
					t.Error(err)
				}
			}
			wantShown(t, s, visitors[n][0], "SELECT name, n, value FROM draft."+table, "name", "n", "value")
			// A window in the order of such a key, or a refusal of it when the config is read.
			v := visit(t, first, "/events/"+table+"-some")
			v.untilReady(t)
			order := "name DESC, n DESC"
			if table == "folded" {
				order = "n DESC, name DESC"
			}
			want, err := s.Query(fmt.Sprintf("SELECT name, n FROM draft.%s ORDER BY %s LIMIT 7", table, order))
			if err != nil {
				t.Fatal(err)
			}
			got := v.rows()
			for i, e := range got {
				row := e.row(t).Row
				if w := want[len(want)-1-i]; fmt.Sprint(row["name"], "|", row["n"]) != w[0]+"|"+w[1] {
					t.Errorf("%s: row %d of the window is %v, want %v", table, i, row, w)
				}
			}
			if len(got) != 7 {
				t.Errorf("%s: %d rows", table, len(got))
			}
		}
	})
}

// A table without a primary key: all of its rows at once, and then its changes.
func TestRowsWithoutKey(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		exec(t, s, "CREATE TABLE draft.log (n INT, text VARCHAR(20))")
		config := rowsConfig(s, "name = \"draft.log\"\nas = \"log\"\nrows = \"all\"\nbefore = true")
		first, second := launch(t, config).ready(t), launch(t, config).ready(t)
		o := witness(t, first, "log", "draft.log", "")
		exec(t, s, "INSERT INTO draft.log VALUES (1, 'a'), (1, 'a'), (2, NULL), (2, NULL), (NULL, NULL), (NULL, NULL)")
		stop := write(t, s, 2, func(r *rand.Rand) string {
			switch r.IntN(4) {
			case 0:
				return fmt.Sprintf("DELETE FROM draft.log WHERE n = %d LIMIT 2", r.IntN(20))
			case 1:
				return fmt.Sprintf("UPDATE draft.log SET text = 'c' WHERE n = %d", r.IntN(20))
			}
			return fmt.Sprintf("INSERT INTO draft.log VALUES (%d, 'b'), (%[1]d, 'b')", r.IntN(20))
		})
		var visitors []*visitor
		for k := range 15 {
			v := visit(t, first, "/events/log")
			for range k {
				v.next(t)
			}
			v.cut()
			v.connect(t, second)
			visitors = append(visitors, v)
		}
		stop()
		exec(t, s, "INSERT INTO draft.log VALUES (100, 'the last')")
		o.close(t, "the last")
		for k, v := range visitors {
			v.untilMark(t, "the last")
			if err := o.verify(v.blocks); err != nil {
				t.Errorf("cut after %d blocks: %v", k, err)
			}
		}
		wantShown(t, s, visitors[0], "SELECT COALESCE(n, '<nil>'), COALESCE(text, '<nil>') FROM draft.log", "n", "text")
	})
}

// An empty table, and one with a row.
func TestRowsOfFew(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		i := launch(t, rowsConfig(s, allPicks, lastPicks)).ready(t)
		for rows := range 2 {
			for _, stream := range []string{"picks", "last"} {
				caughtUp(t, s, i)
				v := visit(t, i, "/events/"+stream)
				ready := v.untilReady(t)
				if want := fmt.Sprintf(`{"stream":%q,"rows":%d,"more":false}`, stream, rows); ready.data != want || len(v.rows()) != rows || v.blocks[0].event != "rows" {
					t.Errorf("%d rows: %+v", rows, v.blocks)
				}
				// Of nothing, too, a client begins at the ready's id.
				insertPick(t, s, 1, "after")
				if e := v.next(t); e.row(t).Op != "insert" {
					t.Errorf("%+v", e)
				}
				resumed := subscribe(t, i.url+"/events/"+stream, ready.id).wait(t, 1)
				if resumed[0].row(t).Op != "insert" {
					t.Errorf("resumed: %+v", resumed)
				}
				exec(t, s, "DELETE FROM draft.picks WHERE player = 'after'")
			}
			exec(t, s, "DELETE FROM draft.picks")
			fillPicks(t, s, 1)
		}
	})
}

// data = "row" and "text", names of events, masks and columns are for rows as for changes.
func TestRowsAsText(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		fillPicks(t, s, 3)
		i := launch(t, "[values]\nmask_key = \"k\"\n"+rowsConfig(s,
			"name = \"draft.picks\"\nas = \"badge\"\nrows = 1\ndata = \"text\"\ntext = \"{{.team}}:\\n{{.player}}\"\nevent = \"{op}\"",
			"name = \"draft.picks\"\nas = \"bare\"\nrows = 1\ndata = \"row\"\nevent = \"{row.team}\"\ncolumns = [\"player\", \"team\"]",
			"name = \"draft.picks\"\nas = \"masked\"\nrows = 2\nmask = { id = \"sha256\", player = \"redact\" }")).ready(t)
		for stream, want := range map[string][]sseEvent{
			"badge":  {{event: "row", data: "Flames:\np3"}, {event: "insert", data: "Oilers:\nnew"}},
			"bare":   {{event: "Flames", data: `{"player":"p3","team":"Flames"}`}, {event: "Oilers", data: `{"player":"new","team":"Oilers"}`}},
			"masked": {},
		} {
			caughtUp(t, s, i)
			c := subscribe(t, i.url+"/events/"+stream, "")
			var got []sseEvent
			for _, e := range c.wait(t, 3) {
				if e.event != "rows" && e.event != "ready" {
					got = append(got, e)
				}
			}
			if stream == "masked" {
				c.wait(t, 4)
				insertPick(t, s, 1, "new")
				all := c.wait(t, 5)
				for _, e := range []sseEvent{all[1], all[2], all[4]} {
					row := e.row(t).Row
					if id, _ := row["id"].(string); len(id) != 64 || row["player"] != "***" || strings.Contains(e.data, "p3") {
						t.Errorf("%+v", e)
					}
				}
				if first, _ := all[1].message(); !strings.Contains(string(first.Key), `"id":"`) {
					t.Errorf("the key is not masked: %s", first.Key)
				}
				exec(t, s, "DELETE FROM draft.picks WHERE id > 3")
				continue
			}
			insertPick(t, s, 1, "new")
			got = append(got, c.wait(t, 4)[3])
			for n := range want {
				if got[n].event != want[n].event || got[n].data != want[n].data {
					t.Errorf("%s: %+v, want %+v", stream, got[n], want[n])
				}
			}
			exec(t, s, "DELETE FROM draft.picks WHERE id > 3")
		}
	})
}

// rowsAnswer is what GET /rows/NAME says.
type rowsAnswer struct {
	ID   string            `json:"id"`
	Rows []json.RawMessage `json:"rows"`
	More bool              `json:"more"`
	Next string            `json:"next"`
}

func getRows(t testing.TB, method, target, etag string) (*http.Response, rowsAnswer) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer rowsAnswer
	if method == http.MethodGet && resp.StatusCode == http.StatusOK {
		if err := json.Unmarshal(text, &answer); err != nil {
			t.Fatalf("%s: %s: %v", target, text, err)
		}
	}
	if (method == http.MethodHead || resp.StatusCode == http.StatusNotModified) && len(text) > 0 {
		t.Errorf("%s %s: %d has a body: %s", method, target, resp.StatusCode, text)
	}
	return resp, answer
}

// GET /rows/NAME: the rows as one answer, for caches, with pages; a stream goes on
// from its id.
func TestRowsAsJSON(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		i := launch(t, rowsConfig(s, allPicks, lastPicks, "name = \"draft.teams\"\nas = \"teams\"",
			"name = \"draft.picks\"\nas = \"badge\"\nrows = 1\ndata = \"text\"\ntext = \"{{.player}}\"")).ready(t)
		o := witness(t, i, "picks", "draft.picks", "")
		o.order = "id"
		fillPicks(t, s, 50)
		resp, answer := getRows(t, http.MethodGet, i.url+"/rows/last", "")
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/json" || len(answer.Rows) != 20 || !answer.More {
			t.Fatalf("%d %v %+v", resp.StatusCode, resp.Header, answer)
		}
		if want := `{"op":"row","table":"draft.picks","key":{"id":50},"row":{"id":50,"round":0,"team":"Flames","player":"p50"}}`; string(answer.Rows[19]) != want {
			t.Errorf("the newest row is %s, want %s", answer.Rows[19], want)
		}
		if _, some := getRows(t, http.MethodGet, i.url+"/rows/last?rows=3", ""); len(some.Rows) != 3 || string(some.Rows[2]) != string(answer.Rows[19]) {
			t.Errorf("three rows: %+v", some)
		}
		if _, badge := getRows(t, http.MethodGet, i.url+"/rows/badge", ""); len(badge.Rows) != 1 || string(badge.Rows[0]) != `"p50"` {
			t.Errorf("text: %s", badge.Rows)
		}
		etag := resp.Header.Get("ETag")
		if head, _ := getRows(t, http.MethodHead, i.url+"/rows/last", ""); head.StatusCode != 200 || head.Header.Get("ETag") != etag || head.Header.Get("Content-Type") != "application/json" {
			t.Errorf("HEAD: %d %v", head.StatusCode, head.Header)
		}
		if again, _ := getRows(t, http.MethodGet, i.url+"/rows/last", etag); etag == "" || again.StatusCode != http.StatusNotModified || again.Header.Get("ETag") != etag {
			t.Errorf("If-None-Match %s: %d %v", etag, again.StatusCode, again.Header)
		}
		exec(t, s, "UPDATE draft.picks SET round = 9 WHERE id = 50")
		c := subscribe(t, i.url+"/events/last", answer.ID)
		if first := c.wait(t, 1)[0]; first.event != "" || first.row(t).Op != "update" {
			t.Errorf("a stream from the answer's id begins with %+v", first)
		}
		poll(t, "an ETag that changed", func() string { // once the feed has the update
			changed, now := getRows(t, http.MethodGet, i.url+"/rows/last", etag)
			if changed.StatusCode == 200 && changed.Header.Get("ETag") != etag && strings.Contains(string(now.Rows[19]), `"round":9`) {
				return ""
			}
			return fmt.Sprint(changed.StatusCode, now)
		})
		for path, want := range map[string]int{"/rows/last?rows=21": 400, "/rows/last?rows=x": 400, "/rows/teams": 404, "/rows/pick": 404, "/rows/last?nothing=1": 400} {
			resp, _ := getRows(t, http.MethodGet, i.url+path, "")
			if resp.StatusCode != want || resp.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s: %d %s", path, resp.StatusCode, resp.Header.Get("Content-Type"))
			}
		}

		// Page after page while rows change; a stream goes on from any of them.
		stop := write(t, s, 2, onPicks(100))
		var visitors []*visitor
		key, first := "", &visitor{path: "/events/picks", blocks: []sseEvent{{event: "rows", data: `{"stream":"picks","reason":"page"}`}}}
		for n := 0; ; n++ {
			target := i.url + "/rows/picks?rows=7"
			if key != "" {
				target += "&key=" + url.QueryEscape(key)
			}
			_, page := getRows(t, http.MethodGet, target, "")
			if n == 0 { // what came on the first page, and then as a stream
				for _, row := range page.Rows {
					first.blocks = append(first.blocks, sseEvent{data: string(row)})
				}
				first.id = page.ID
				first.blocks = append(first.blocks, sseEvent{event: cutHere}, sseEvent{id: page.ID})
				first.connect(t, i)
				visitors = append(visitors, first)
			}
			if page.More && len(page.Rows) == 0 { // fewer than 7 are those that have gone meanwhile
				t.Fatalf("page %d: %+v", n, page)
			}
			if !page.More {
				break
			}
			if key = page.Next; key == "" || !strings.HasSuffix(page.ID, key) || n > 50 {
				t.Fatalf("page %d has more, and no key: %+v", n, page)
			}
		}
		stop()
		insertLastPick(t, s, 1)
		o.close(t, lastPick)
		for _, v := range visitors {
			v.untilMark(t, lastPick)
			if err := o.verify(v.blocks); err != nil {
				t.Error(err)
			}
		}
	})
}

// Polls get the rows as a stream does, each going on where the last one ended.
func TestRowsByLongPoll(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		i := launch(t, rowsConfig(s, allPicks)).ready(t)
		o := witness(t, i, "picks", "draft.picks", "")
		o.order = "id"
		fillPicks(t, s, 3000) // more than an answer holds
		stop := write(t, s, 2, onPicks(3500))
		var blocks []sseEvent
		id, polls := "", 0
		for deadline := time.Now().Add(2 * testPatience); len(blocks) == 0 || !strings.Contains(blocks[len(blocks)-1].data, lastPick); polls++ {
			if time.Now().After(deadline) {
				t.Fatalf("the last pick does not come; the last of %d events is %+v", len(blocks), blocks[max(0, len(blocks)-1):])
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, i.url+"/events/picks?wait=2s", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Accept", "application/json")
			if id != "" {
				req.Header.Set("Last-Event-ID", id)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			var answer struct {
				Events []struct{ ID, Event, Data string }
				LastID string `json:"lastEventId"`
			}
			err = json.NewDecoder(resp.Body).Decode(&answer)
			resp.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range answer.Events {
				if e.Event == "message" {
					e.Event = ""
				}
				blocks = append(blocks, sseEvent{id: e.ID, event: e.Event, data: e.Data})
				if e.Event == "ready" {
					stop()
					insertLastPick(t, s, 1)
				}
			}
			id = answer.LastID
		}
		if err := o.close(t, lastPick).verify(blocks); err != nil {
			t.Error(err)
		}
		if polls < 2 {
			t.Errorf("%d polls", polls)
		}
	})
}
