package filters

import (
	"strings"
	"testing"

	"rowcast/cdc"
)

// TestMessages: each mistake an operator makes, and what is said of it.
func TestMessages(t *testing.T) {
	for _, c := range []struct {
		name  string
		table Table
		want  string
	}{
		{"no name", Table{}, `line 10: name: it is missing; write schema.table, or schema.* for all tables of a schema`},
		{"no schema", Table{Name: "picks"}, `line 10: name: "picks" is not schema.table, such as "draft.picks" or "draft.*"`},
		{"op", Table{On: []string{"instert"}}, `line 10: on: "instert" is not an operation; did you mean "insert"?; allowed are insert, update, delete`},
		{"op case", Table{On: []string{"DELETE"}}, `line 10: on: "DELETE" is not an operation; did you mean "delete"?; allowed are insert, update, delete`},
		{"no column", Table{Columns: []string{}}, `line 10: columns: it is empty, so that rows would be; leave it out to send all columns`},
		{"no operation at all", Table{On: []string{}}, `line 10: on: it is empty, so that nothing would be sent; leave it out for insert and update`},
		{"column twice", Table{Columns: []string{"id", "ID"}}, `line 10: columns: "ID" is listed twice`},
		{"operation twice", Table{On: []string{"insert", "insert"}}, `line 10: on: "insert" is listed twice`},
		{"mask kind", Table{Mask: map[string]string{"a": "sha265"}}, `line 10: mask: "sha265" of column "a" is not a mask; did you mean "sha256"?; allowed are sha256, null, redact`},
		{"mask key", Table{Mask: map[string]string{"a": "sha256"}}, `line 10: mask: sha256 of column "a" needs a key: set mask_key in [values]`},
		{"mask unlisted", Table{Columns: []string{"email"}, Mask: map[string]string{"emial": "null"}}, `line 10: mask: column "emial" is not in columns, so that it is not sent anyway; did you mean "email"?`},
		{"data", Table{Data: "rows"}, `line 10: data: "rows" is not known; did you mean "row"?; allowed are change, row, text`},
		{"text missing", Table{Data: "text"}, `line 10: text: it is missing, and data = "text" needs it: a Go template such as "a record at {{.timestamp}}"`},
		{"text unused", Table{Text: "x"}, `line 10: text: it is used with data = "text" only, but data is "change"`},
		{"template", Table{Data: "text", Text: "a\n{{.b"}, `line 10: text: not a valid template: line 2: unclosed action`},
		{"event field", Table{Event: "{opp}"}, `line 10: event: {opp} is not known; did you mean "op"?; allowed are {op} {schema} {table} {stream} {row.COLUMN}`},
		{"event break", Table{Event: "a\nb"}, `line 10: event: "a\nb" holds a line break or NUL, which can't be part of an event name`},
		{"event reset", Table{Event: "reset"}, `line 10: event: "reset" is reserved; choose another name`},
		{"event brace", Table{Event: "a{op"}, `line 10: event: "a{op" has a { without its }`},
		{"as", Table{As: "a b"}, `line 10: as: "a b" can't be a public name, since it becomes part of a URL: leave out white space, control characters and / ? #`},
		{"syntax", Table{Where: "status = = 'x'"}, `line 10: where: it is not a valid MySQL expression (at character 10: status = ▸= 'x'◂)`},
		{"syntax at end", Table{Where: "status ="}, `line 10: where: it is not a valid MySQL expression (at character 8: status ▸=◂)`},
		{"subquery", Table{Where: "a IN (SELECT 1)"}, `line 10: where: a subquery can't be judged from one row: name columns of this table only (at character 7: a IN (▸SELECT◂ 1))`},
		{"now", Table{Where: "ts > NOW()"}, `line 10: where: now() has another value each time, so that the same change would be judged differently later (at character 6: ts > ▸NOW◂())`},
		{"sleep", Table{Where: "a = 1\nAND sleep(1)"}, `line 10: where: sleep() has another value each time, so that the same change would be judged differently later (line 2, column 5: a = 1 AND ▸sleep◂(1))`},
		{"function", Table{Where: "lowr(a) = 'x'"}, `line 10: where: the function lowr is not supported in where; did you mean "lower"? (at character 1: ▸lowr◂(a) = 'x')`},
		{"aggregate", Table{Where: "count(*) > 1"}, `line 10: where: count looks at many rows, but where is judged for each row alone (at character 1: ▸count◂(*) > 1)`},
		{"variable", Table{Where: "a = @x"}, `line 10: where: variables have no value here; use a parameter (:name, declared in params) (at character 5: a = ▸@◂x)`},
		{"more", Table{Where: "a = 1 LIMIT 3"}, `line 10: where: it is more than one expression: write only what follows WHERE, without GROUP BY, ORDER BY, LIMIT and the like`},
		{"two statements", Table{Where: "a = 1; DROP TABLE x"}, `line 10: where: it is not a valid MySQL expression (at character 1: ▸a = 1; DROP TABLE x◂)`},
		{"qualified", Table{Where: "t.a = 1"}, `line 10: where: write the column a without its table (at character 3: t.▸a◂ = 1)`},
		{"undeclared", Table{Where: "a = :rooom", Params: map[string]string{"room": ""}}, `line 10: where: :rooom is not declared; did you mean "room"?; add it to params, as in params = { rooom = "" } (at character 5: a = ▸:rooom◂); line 10: params: "room" is declared, but where does not use :room`},
		{"unused", Table{Params: map[string]string{"room": ""}}, `line 10: params: "room" is declared, but there is no where that uses it`},
		{"reserved", Table{Where: "a = :wait", Params: map[string]string{"wait": ""}}, `line 10: params: "wait" is reserved in requests; choose another name`},
		{"question mark", Table{Where: "a = ?"}, `line 10: where: write a parameter as :name (at character 5: a = ▸?◂)`},
		{"pattern from client", Table{Where: "a REGEXP :p", Params: map[string]string{"p": ""}}, `line 10: where: the pattern of REGEXP must be a literal (at character 3: a ▸REGEXP◂ :p)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.table.Name == "" && c.name != "no name" {
				c.table.Name = "draft.picks"
			}
			c.table.Line = 10
			_, err := Compile([]Table{c.table}, Options{})
			if err == nil {
				t.Fatal("it is accepted")
			}
			if got := strings.ReplaceAll(err.Error(), "\n", "; "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestOneNameTwice(t *testing.T) {
	_, err := Compile([]Table{{Name: "a.b", Line: 3}, {Name: "c.d", As: "a.b", Line: 9}}, Options{})
	const want = `line 9: as: the public name "a.b" is taken by the entry at line 3; use as to give one of them another name`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestCheckTable: what only the real table can tell.
func TestCheckTable(t *testing.T) {
	table := &cdc.Table{Schema: "draft", Name: "picks", Key: []int{0}, Columns: []cdc.Column{
		{Name: "id", Type: 3}, {Name: "Team", Type: 15, Meta: 80, Collation: 45}, {Name: "status", Type: 247, Labels: []string{"public", "draft"}, Collation: 45},
		{Name: "created", Type: 18}, {Name: "shape", Type: 255}, {Name: "hidden", Type: 8, Hidden: true}, {Name: "price", Type: 246, Meta: 10<<8 | 2}}}
	for _, c := range []struct {
		table Table
		want  string
	}{
		{Table{Columns: []string{"id", "tema"}}, `line 10: columns: "tema" is not a column of draft.picks; did you mean "Team"?`},
		{Table{Columns: []string{"hidden"}}, `line 10: columns: "hidden" is not a column of draft.picks; there are id, Team, status, created, shape, price`},
		{Table{Mask: map[string]string{"teem": "null"}}, `line 10: mask: "teem" is not a column of draft.picks; did you mean "Team"?`},
		{Table{Where: "statsu = 'x'"}, `line 10: where: "statsu" is not a column of draft.picks; did you mean "status"? (at character 1: ▸statsu◂ = 'x')`},
		{Table{Where: "id = 'seven'"}, `line 10: where: column id is INT: "seven" is not a number (at character 1: ▸id◂ = 'seven')`},
		{Table{Where: "created > 'yesterday'"}, `line 10: where: column created is DATETIME: "yesterday" is not a date and time; write '2026-11-21' or '2026-11-21 01:13:15.817' (at character 1: ▸created◂ > 'yesterday')`},
		{Table{Where: "created > '2026-02-30'"}, `line 10: where: "2026-02-30" is not a date (at character 1: ▸created◂ > '2026-02-30')`},
		{Table{Where: "status = 2"}, `line 10: where: column status is ENUM: compare it with its labels, as in status = 'label' (at character 1: ▸status◂ = 2)`},
		{Table{Where: "id XOR price"}, `line 10: where: id xor price: servers differ in what XOR makes of price; compare it, as in (price <> 0) XOR … (at character 4: id ▸XOR◂ price)`},
		{Table{Where: "id XOR price <> 0"}, ``},
		{Table{Where: "shape = 'x'"}, `line 10: where: column shape is GEOMETRY, of which where can only tell IS NULL and IS NOT NULL (at character 1: ▸shape◂ = 'x')`},
		{Table{Data: "text", Text: "{{.tem}}"}, `line 10: text: {{.tem}} is not a column of draft.picks; did you mean "Team"?`},
		{Table{Data: "text", Text: "{{.team}}"}, `line 10: text: {{.team}} is written in another case in the table; did you mean "Team"?`},
		{Table{Data: "text", Text: "{{if .id}}{{.Team}}{{end}}", Columns: []string{"id"}}, `line 10: text: {{.Team}} is not in columns; there are id`},
		{Table{Where: "shape IS NULL AND Team LIKE 'a%' AND id IN (:a, 7)", Params: map[string]string{"a": ""}}, ``},
		{Table{Where: "id = :a", Params: map[string]string{"a": "seven"}}, `line 10: params: the default of a: column id is INT: "seven" is not a number`},
		{Table{Where: "id = :a", Params: map[string]string{"a": "7"}}, ``},
	} {
		c.table.Name = "draft.picks"
		set := compile(t, Options{}, c.table)
		var got []string
		for _, err := range set.CheckTable(0, table, cdc.Position{}) {
			got = append(got, err.Error())
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("got  %s\nwant %s", strings.Join(got, "; "), c.want)
		}
	}
	set := compile(t, Options{}, Table{Name: "draft.picks", Columns: []string{"Team"}})
	if got := set.KeyWarning(0, table); !strings.HasPrefix(got, "a part of the primary key of draft.picks is not sent") {
		t.Errorf("key warning %q", got)
	}
	if got := set.KeyWarning(0, &cdc.Table{Schema: "a", Name: "b"}); !strings.HasPrefix(got, "a.b has no primary key") {
		t.Errorf("key warning %q", got)
	}
}
