package filters

import (
	"regexp"
	"strings"
	"testing"

	"rowcast/internal/throwaway"
)

var ts = regexp.MustCompile(`"ts":\d{13}}`)

// show writes frames one a line, without their time.
func show(frames []frame) string {
	var b strings.Builder
	for _, f := range frames {
		if f.err != nil {
			b.WriteString("error: " + f.err.Error() + "\n")
			continue
		}
		b.WriteString(f.op.String() + " " + f.event + "| " + ts.ReplaceAllString(f.data, `"ts":0}`) + "\n")
	}
	return b.String()
}

func wantFrames(t *testing.T, frames []frame, want string) {
	t.Helper()
	want = strings.TrimLeft(strings.ReplaceAll(want, "\n\t\t", "\n"), "\n")
	want = strings.TrimRight(want, "\n\t") + "\n"
	if want == "\n" {
		want = ""
	}
	if got := show(frames); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestRender(t *testing.T) {
	both(t, func(t *testing.T, s *throwaway.Server) {
		must(t, s.Exec("CREATE DATABASE render", "CREATE TABLE render.picks (id INT PRIMARY KEY, team VARCHAR(20), salary INT, email VARCHAR(50), phone VARCHAR(20))"))
		row := "INSERT INTO render.picks VALUES (1, 'Oilers', 5, 'a@b.c', '123')"
		for name, c := range map[string]struct {
			table Table
			want  string
		}{
			"default": {Table{}, `
		insert | {"op":"insert","table":"render.picks","key":{"id":1},"row":{"id":1,"team":"Oilers","salary":5,"email":"a@b.c","phone":"123"},"ts":0}
		update | {"op":"update","table":"render.picks","key":{"id":1},"row":{"id":1,"team":"Flames","salary":5,"email":"a@b.c","phone":"123"},"ts":0}
		update | {"op":"update","table":"render.picks","key":{"id":2},"old_key":{"id":1},"row":{"id":2,"team":"Flames","salary":5,"email":"a@b.c","phone":"123"},"ts":0}
		`},
			"columns, event and before": {Table{Columns: []string{"TEAM", "id"}, On: []string{"insert", "update", "delete"}, Before: true, Event: "{op}.{table}.{stream}"}, `
		insert insert.picks.s| {"op":"insert","table":"render.picks","key":{"id":1},"row":{"team":"Oilers","id":1},"ts":0}
		update update.picks.s| {"op":"update","table":"render.picks","key":{"id":1},"row":{"team":"Flames","id":1},"before":{"team":"Oilers","id":1},"ts":0}
		update update.picks.s| {"op":"update","table":"render.picks","key":{"id":2},"old_key":{"id":1},"row":{"team":"Flames","id":2},"before":{"team":"Flames","id":1},"ts":0}
		delete delete.picks.s| {"op":"delete","table":"render.picks","key":{"id":2},"before":{"team":"Flames","id":2},"ts":0}
		`},
			"event of a column": {Table{On: []string{"insert", "update", "delete"}, Columns: []string{"id", "team"}, Event: "{row.TEAM}-{op}", Data: "row"}, `
		insert Oilers-insert| {"id":1,"team":"Oilers"}
		update Flames-update| {"id":1,"team":"Flames"}
		update Flames-update| {"id":2,"team":"Flames"}
		delete Flames-delete| {"id":2,"team":"Flames"}
		`},
			"delete": {Table{On: []string{"delete"}, Columns: []string{"id", "team"}}, `
		delete | {"op":"delete","table":"render.picks","key":{"id":2},"ts":0}
		`},
			"no key": {Table{On: []string{"delete", "insert"}, Columns: []string{"team"}}, `
		insert | {"op":"insert","table":"render.picks","row":{"team":"Oilers"},"ts":0}
		delete | {"op":"delete","table":"render.picks","ts":0}
		`},
			"masks": {Table{On: []string{"insert"}, Mask: map[string]string{"email": "sha256", "phone": "null", "salary": "redact"}}, `
		insert | {"op":"insert","table":"render.picks","key":{"id":1},"row":{"id":1,"team":"Oilers","salary":"***","email":"MAC","phone":null},"ts":0}
		`},
			"masked key": {Table{On: []string{"update"}, Columns: []string{"id"}, Mask: map[string]string{"id": "sha256"}}, `
		update | {"op":"update","table":"render.picks","key":{"id":"MAC1"},"row":{"id":"MAC1"},"ts":0}
		update | {"op":"update","table":"render.picks","key":{"id":"MAC2"},"old_key":{"id":"MAC1"},"row":{"id":"MAC2"},"ts":0}
		`},
			"redacted key": {Table{On: []string{"update"}, Columns: []string{"id"}, Mask: map[string]string{"id": "redact"}}, `
		update | {"op":"update","table":"render.picks","row":{"id":"***"},"ts":0}
		update | {"op":"update","table":"render.picks","row":{"id":"***"},"ts":0}
		`},
			"row": {Table{On: []string{"insert", "delete"}, Columns: []string{"id", "team"}, Data: "row"}, `
		insert | {"id":1,"team":"Oilers"}
		delete | {"id":2,"team":"Flames"}
		`},
			"text": {Table{On: []string{"insert", "delete"}, Data: "text", Mask: map[string]string{"phone": "redact"},
				Text: "{{.team}} pays {{if gt .salary 4}}much{{end}},\n{{.phone}}"}, `
		insert | Oilers pays much,
***
		delete | Flames pays much,
***
		`},
			"where": {Table{Where: "team = 'FLAMES'", On: []string{"insert", "update", "delete"}, Columns: []string{"id"}}, `
		insert | {"op":"insert","table":"render.picks","key":{"id":1},"row":{"id":1},"ts":0}
		update | {"op":"update","table":"render.picks","key":{"id":2},"old_key":{"id":1},"row":{"id":2},"ts":0}
		delete | {"op":"delete","table":"render.picks","key":{"id":2},"ts":0}
		`},
			"leaves with its old key": {Table{Where: "id = 1", On: []string{"insert", "update", "delete"}, Columns: []string{"id"}}, `
		insert | {"op":"insert","table":"render.picks","key":{"id":1},"row":{"id":1},"ts":0}
		update | {"op":"update","table":"render.picks","key":{"id":1},"row":{"id":1},"ts":0}
		delete | {"op":"delete","table":"render.picks","key":{"id":1},"ts":0}
		`},
			"leaves without delete": {Table{Where: "salary = 5 AND id = 1", On: []string{"insert"}, Columns: []string{"id"}}, `
		insert | {"op":"insert","table":"render.picks","key":{"id":1},"row":{"id":1},"ts":0}
		`},
		} {
			t.Run(name, func(t *testing.T) {
				c.table.Name, c.table.As = "render.picks", "s"
				set := compile(t, Options{MaskKey: "k"}, c.table)
				frames := rendered(t, s, "render", set, row,
					"UPDATE render.picks SET team = 'Flames'", "UPDATE render.picks SET id = 2", "DELETE FROM render.picks")
				mac := strings.NewReplacer(`"MAC"`, `"`+hmacHex("k", "a@b.c")+`"`, `"MAC1"`, `"`+hmacHex("k", "1")+`"`, `"MAC2"`, `"`+hmacHex("k", "2")+`"`)
				wantFrames(t, frames, mac.Replace(c.want))
			})
		}
		must(t, s.Exec("DROP DATABASE render"))
	})
}
