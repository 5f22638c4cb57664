package browser

import (
	"testing"

	"rowcast/internal/throwaway"
)

// articleStreams is all that the pages of well-known articles on Server-Sent Events need:
// what their server sides did in code is config here.
const articleStreams = `
[[table]]
name = "draft.messages"
as = "records"
data = "text"
text = 'A record was recorded at: {{time .timestamp "2006-01-02 15:04:05" "UTC"}}'

[[table]]
name = "draft.messages"
as = "latest"
rows = 1
data = "text"
text = 'A record was recorded at: {{time .timestamp "2006-01-02 15:04:05" "UTC"}}'

[[table]]
name = "draft.clock"
as = "clock"
data = "text"
text = 'The server time is: {{time .at "Mon, 02 Jan 2006 15:04:05 -0700" "America/New_York"}}'

[[table]]
name = "draft.news"
as = "match"
columns = ["generator", "message", "value"]
where = "kind IS NULL"
data = "row"

[[table]]
name = "draft.news"
as = "game"
columns = ["kind", "message"]
where = "kind IN ('score', 'other')"
event = "{row.kind}"
data = "text"
text = "{{.message}}"

[[table]]
name = "draft.marks"
as = "marks"
event = "event_{row.kind}"
columns = ["kind", "now"]
data = "row"

[[table]]
name = "draft.marks"
as = "marks-as-text"
event = "event_{row.kind}"
data = "text"
text = "{{.now}}"

[[table]]
name = "draft.people"
as = "people"
columns = ["name", "date"]
data = "row"
`

var articleTables = []string{
	"CREATE TABLE draft.messages (id INT NOT NULL PRIMARY KEY AUTO_INCREMENT, timestamp TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)",
	"CREATE TABLE draft.clock (id INT NOT NULL PRIMARY KEY AUTO_INCREMENT, at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)",
	"CREATE TABLE draft.news (id INT NOT NULL PRIMARY KEY AUTO_INCREMENT, kind VARCHAR(20), generator VARCHAR(20), message TEXT, value JSON)",
	"CREATE TABLE draft.marks (id INT NOT NULL PRIMARY KEY AUTO_INCREMENT, kind CHAR(1) NOT NULL, now DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP)",
	"CREATE TABLE draft.people (id INT NOT NULL PRIMARY KEY AUTO_INCREMENT, name VARCHAR(40) NOT NULL, date DATETIME NOT NULL)",
}

// TestArticles: pages that do what those of the articles do work with rowcast by config
// alone, on both servers.
func TestArticles(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		environ := []string{"ROWCAST_STREAM_PING=ping", "ROWCAST_STREAM_PADDING=2KiB"}
		script(t, "articles.mjs", newStageWith(t, f, articleTables, environ, "cors_origins = [\"$CONTROL\"]", articleStreams))
	})
}
