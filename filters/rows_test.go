package filters

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rowcast/cdc"
	"rowcast/cdc/row"
	"rowcast/internal/throwaway"
)

// TestRowsConfig: what rows and order may be.
func TestRowsConfig(t *testing.T) {
	for want, table := range map[string]Table{
		"": {Rows: RowsConfig{Limit: 50}, Order: "created DESC, `odd name`, id asc"},
		`line 1: rows: "a.*" stands for several tables, and rows are those of one; write an entry for each table that has rows`: {Name: "a.*", Rows: RowsConfig{All: true}},
		`line 1: rows: -1 is out of range; write a number from 0 to 1000000, or "all"`:                                          {Rows: RowsConfig{Limit: -1}},
		`line 1: rows: 1000001 is out of range; write a number from 0 to 1000000, or "all"`:                                     {Rows: RowsConfig{Limit: 1000001}},
		`line 1: order: it says which rows a subscriber begins with, and there are none; set rows, or leave it out`:             {Order: "id"},
	} {
		if table.Name == "" {
			table.Name = "a.b"
		}
		table.Line = 1
		set, err := Compile([]Table{table}, Options{})
		if got := fmt.Sprint(err); got != want && (want != "" || err != nil) {
			t.Errorf("got %s\nwant %s", got, want)
		}
		if want == "" && (set.Rows(0) != table.Rows || set.Streams()[0].Order != table.Order || set.Streams()[0].Rows.String() != "50") {
			t.Error("it is not as configured")
		}
	}
	for value, want := range map[any]string{
		int64(0): "", int64(7): "7", "all": "all",
		int64(-1): "-1 is out of range", int64(1 << 40): "1099511627776 is out of range", "al": `"al" is not allowed; write a number without quotes, or "all"; did you mean "all"?`,
		"50": `"50" is not allowed`, true: "must be a whole number",
	} {
		var c RowsConfig
		err := c.UnmarshalTOML(value)
		if err == nil && c.String() != want || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v: %q, %v; want %s", value, c, err, want)
		}
	}
}

// TestOrderMistakes: every mistake in an order says what to write.
func TestOrderMistakes(t *testing.T) {
	for order, want := range map[string]string{
		"id DESC,":                         `a column is missing; write it as "created DESC, id"`,
		" ":                                `a column is missing`,
		"id DOWN":                          `"DOWN" after column "id" is not ASC or DESC`,
		"id DECS":                          `"DECS" after column "id" is not ASC or DESC; did you mean "DESC"?`,
		"id DESC LIMIT 5":                  `"LIMIT" is not expected after column "id"`,
		"id, ID DESC":                      `column "ID" is listed twice`,
		"id; DROP TABLE x":                 `";" after column "id" is not ASC or DESC`,
		"id DESC; DROP TABLE x":            `";" is not expected after column "id"`,
		"RAND()":                           `"(" after column "RAND" is not ASC or DESC`,
		"(SELECT 1)":                       `"(" is not a column; only columns can be named here`,
		"b.id":                             `"." after column "b" is not ASC or DESC`,
		"-id":                              `"-" is not a column`,
		"`id":                              "\"`id\" is not a name in backticks",
		"``":                               "\"``\" is not a name in backticks",
		"`id``":                            "\"`id``\" is not a name in backticks",
		"id -- x":                          `"-" after column "id"`,
		"id/**/DESC":                       `"/" after column "id"`,
		"id\x00":                           "it is not valid UTF-8 text",
		"id\xff":                           "it is not valid UTF-8 text",
		strings.Repeat("x", maxOrder+1):    "it has 4097 bytes, at most 4096 are allowed",
		strings.Repeat("a, ", 64) + "last": "column \"a\" is listed twice",
	} {
		if _, err := parseOrder(order); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.40q: %v, want %s", order, err, want)
		}
	}
	o, err := parseOrder("`a``b` desc ,\n\tdesc DESC, straße")
	if want := (ordering{"`a``b` desc ,\n\tdesc DESC, straße", []orderTerm{{"a`b", true}, {"desc", true}, {"straße", false}}}); err != nil || !slices.Equal(o.terms, want.terms) {
		t.Errorf("%+v, %v", o, err)
	}
}

// FuzzOrder: an order is refused or becomes names in backticks and directions, and
// written down again it is the same.
func FuzzOrder(f *testing.F) {
	for _, s := range []string{"id", "`a``b` DESC, c asc", "id; DROP TABLE x", "`", "a,,b", "\x00", "desc desc"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		o, err := parseOrder(source)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\r\n\x00") {
				t.Fatalf("the message of %q: %q", source, err)
			}
			return
		}
		table := &cdc.Table{Schema: "a", Name: "b"}
		for _, term := range o.terms {
			if table.Find(term.column) < 0 {
				table.Columns = append(table.Columns, cdc.Column{Name: term.column, Type: 3})
			}
		}
		sorting, err := o.bind(table, nil)
		if err != nil {
			t.Fatalf("%q: %v", source, err)
		}
		again, err := parseOrder(sorting.sql())
		if err != nil || len(again.terms) != len(o.terms) {
			t.Fatalf("%q becomes %q: %v", source, sorting.sql(), err)
		}
		for i, term := range again.terms {
			if !strings.EqualFold(term.column, o.terms[i].column) || term.descends != o.terms[i].descends {
				t.Fatalf("%q becomes %q", source, sorting.sql())
			}
		}
	})
}

func rowsTable(columns ...string) *cdc.Table {
	t := &cdc.Table{Schema: "a", Name: "b", Key: []int{0}}
	for _, c := range columns {
		t.Columns = append(t.Columns, cdc.Column{Name: c, Type: 3})
	}
	return row.New(t)
}

// TestOrderOfTable: an order is looked for in the table, and completed by its key.
func TestOrderOfTable(t *testing.T) {
	table := rowsTable("id", "room", "created", "doc", "uu")
	table.Columns[3].Type = 245
	for order, want := range map[string]string{
		"":                   "`id` DESC",
		"id":                 "`id`",
		"created":            "`created`, `id`",
		"Created DESC":       "`created` DESC, `id` DESC",
		"room, created DESC": "`room`, `created` DESC, `id` DESC",
		"id DESC, created":   "`id` DESC, `created`",
		"creatd":             `line 10: order: "creatd" is not a column of a.b; did you mean "created"?`,
		"doc":                "line 10: order: column doc is JSON, which has no order that could be compared",
	} {
		set := compile(t, Options{}, Table{Name: "a.b", Rows: RowsConfig{Limit: 5}, Order: order})
		if errs := set.CheckTable(0, table, cdc.Position{}); len(errs) > 0 {
			if got := errs[0].Error(); got != want {
				t.Errorf("%q: %s, want %s", order, got, want)
			}
			if _, err := set.PlanRows(0, table, nil, false); err == nil || !strings.HasPrefix(err.Error(), "stream a.b: its rows can't be read: ") {
				t.Errorf("%q: PlanRows says %v", order, err)
			}
			continue
		}
		p, err := set.PlanRows(0, table, nil, false)
		must(t, err)
		if p.OrderBy() != want {
			t.Errorf("%q: %s, want %s", order, p.OrderBy(), want)
		}
	}
}

// TestRowsWarnings: what is costly is said, with what mends it.
func TestRowsWarnings(t *testing.T) {
	table, bare := rowsTable("id", "room", "created"), rowsTable("id", "room", "created")
	bare.Key = nil
	primary := []string{"id"}
	for name, c := range map[string]struct {
		table   Table
		of      *cdc.Table
		indexes [][]string
		want    []string
	}{
		"none":          {Table{Order: ""}, table, nil, nil},
		"by key":        {Table{Rows: RowsConfig{Limit: 5}}, table, [][]string{primary}, nil},
		"by an index":   {Table{Rows: RowsConfig{Limit: 5}, Order: "CREATED DESC"}, table, [][]string{primary, {"created"}}, nil},
		"within a room": {Table{Rows: RowsConfig{Limit: 5}, Order: "created", Where: "room = 7"}, table, [][]string{primary, {"room", "created"}}, nil},
		"of the room":   {Table{Rows: RowsConfig{Limit: 5}, Where: "room = :room", Params: map[string]string{"room": ""}}, table, [][]string{primary, {"room"}}, nil},
		"no key": {Table{Rows: RowsConfig{Limit: 5}}, bare, nil, []string{
			"a.b has no primary key, so that its rows come all at once, from the first one again after each break, and a page can't tell which of them a change is of: ALTER TABLE `a`.`b` ADD PRIMARY KEY (…)"}},
		"no index": {Table{Rows: RowsConfig{Limit: 5}, Order: "created DESC"}, table, [][]string{primary, {"room", "created"}}, []string{
			"rows of a.b are sorted by `created` DESC, `id` DESC, and no index has them in that order, so that each load reads and sorts all of them: ALTER TABLE `a`.`b` ADD INDEX (`created`)"}},
		"no index in a room": {Table{Rows: RowsConfig{Limit: 5}, Order: "created", Where: "7 = room"}, table, [][]string{primary, {"room"}}, []string{
			"rows of a.b are sorted by `created`, `id`, and no index has them in that order, so that each load reads and sorts all of them: ALTER TABLE `a`.`b` ADD INDEX (`room`, `created`)"}},
		"up and down": {Table{Rows: RowsConfig{Limit: 5}, Order: "created, id DESC"}, table, [][]string{primary, {"created"}}, []string{
			"rows of a.b are sorted up by one column and down by another, which only an index with the same directions serves: without one, each load reads and sorts all of them"}},
		"scan": {Table{Rows: RowsConfig{Limit: 5}, Where: "room > 7"}, table, [][]string{primary, {"created", "room"}}, []string{
			"no index of a.b begins with a column that where names, so that each load of its rows may read the whole table: ALTER TABLE `a`.`b` ADD INDEX (`room`)"}},
		"all by another order": {Table{Rows: RowsConfig{All: true}, Order: "created"}, table, [][]string{primary, {"created"}}, []string{
			"a client that is cut off within the rows of a.b gets them from the first one again, since their order is not that of the primary key"}},
		"all without the key": {Table{Rows: RowsConfig{All: true}, Columns: []string{"room"}}, table, [][]string{primary}, []string{
			"a client that is cut off within the rows of a.b gets them from the first one again, since a part of the primary key is not sent"}},
		"all with a masked key": {Table{Rows: RowsConfig{All: true}, Mask: map[string]string{"id": "sha256"}}, table, [][]string{primary}, []string{
			"a client that is cut off within the rows of a.b gets them from the first one again, since a part of the primary key is masked"}},
	} {
		c.table.Name = "a.b"
		set := compile(t, Options{MaskKey: "k"}, c.table)
		if got := set.RowsWarnings(0, c.of, c.indexes); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q\nwant %q", name, got, c.want)
		}
	}
}

// TestRowsRender: a row is what its insert is but for op and time.
func TestRowsRender(t *testing.T) {
	both(t, func(t *testing.T, s *throwaway.Server) {
		must(t, s.Exec("CREATE DATABASE rowrender", "CREATE TABLE rowrender.t (id INT PRIMARY KEY, team VARCHAR(20) CHARACTER SET latin1, st SET('a','b'), d DECIMAL(5,2), at TIMESTAMP(3) NULL, email VARCHAR(20), js JSON)"))
		tables := []Table{
			{}, {Columns: []string{"TEAM", "id"}, Event: "{op}.{stream}", Before: true}, {Data: "row", Event: "{row.team}"},
			{Columns: []string{"id", "email"}, Mask: map[string]string{"email": "sha256"}}, {Columns: []string{"team"}}, {Mask: map[string]string{"id": "redact"}},
			{Data: "text", Text: "{{.team}} at {{time .at \"2006\"}}", Event: "{op}s"},
		}
		for i := range tables {
			tables[i].Name, tables[i].As, tables[i].Rows = "rowrender.t", fmt.Sprint(i), RowsConfig{All: true}
		}
		set := compile(t, Options{MaskKey: "k", DecimalNumber: true}, tables...)
		seen := 0
		changes(t, s, "rowrender", func() {
			must(t, s.Exec(`INSERT INTO rowrender.t VALUES (1, 'Ölers\n\r', 'a,b', 1.5, '2026-11-21 01:13:15.8', 'a@b.c', '{"a": 1}'), (-2, '', '', NULL, NULL, NULL, NULL)`))
		}, func(c *cdc.Change) {
			set.Render(c, func(stream int, op cdc.Op, event string, data, key []byte, tag any, err error) {
				must(t, err)
				p, err := set.PlanRows(stream, c.Table, nil, false)
				must(t, err)
				want := strings.Replace(ts.ReplaceAllString(string(data), "}"), `"op":"insert"`, `"op":"row"`, 1)
				want = strings.Replace(want, ",}", "}", 1)
				wantEvent := map[string]string{"insert.1": "row.1", "inserts": "%72ows"}[event]
				if wantEvent == "" {
					wantEvent = event
				}
				for _, im := range []*cdc.Image{c.After, kept(t, c.After, p.Columns())} {
					must(t, p.Render(im, func(event string, data []byte) error {
						seen++
						if event != wantEvent || string(data) != want {
							t.Errorf("stream %d: %q %s\nwant %q %s", stream, event, data, wantEvent, want)
						}
						return nil
					}))
				}
			})
		})
		if seen != 4*len(tables) {
			t.Errorf("%d rows", seen)
		}
		must(t, s.Exec("DROP DATABASE rowrender"))
	})
}
