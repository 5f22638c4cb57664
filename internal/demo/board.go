package demo

import (
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"path"
	"strings"

	"rowcast/stream"
)

// The demo's draft board. Its rows come from the two endpoints below, as they
// would from an application; what changes comes from rowcast.
//
//go:embed board
var boardFiles embed.FS

const maxPick = 4 << 10 // bytes of a request that picks

// Board puts the draft board at /board/, with what it asks the database, before next.
func (d *Draft) Board(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", next)
	mux.HandleFunc("GET /board/{file}", boardFile)
	mux.HandleFunc("GET /board/{$}", boardFile)
	mux.HandleFunc("GET /board/rows/{table}", d.rows)
	mux.HandleFunc("POST /board/picks", d.pick)
	// Other sites can neither pick nor, with a name of their own for 127.0.0.1, look.
	guarded := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/board/") {
			next.ServeHTTP(w, r)
			return
		}
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if ip := net.ParseIP(strings.Trim(host, "[]")); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "the demo is for this machine: open it at 127.0.0.1", http.StatusForbidden)
			return
		}
		guarded.ServeHTTP(w, r)
	})
}

func boardFile(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	if name == "" {
		name = "index.html"
	}
	b, err := boardFiles.ReadFile("board/" + name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", stream.Policy(b))
	_, _ = w.Write(b) // a browser that has left needs no answer
}

// boardTables holds what a row of each table looks like as JSON, which both
// servers can make.
var boardTables = map[string]string{
	"teams":   "JSON_OBJECT('id', id, 'name', name, 'seat', seat)",
	"players": "JSON_OBJECT('id', id, 'name', name, 'position', position)",
	"picks":   "JSON_OBJECT('id', id, 'round', round, 'team', team, 'player', player)",
}

// rows answers with all rows of a table, as they are now.
func (d *Draft) rows(w http.ResponseWriter, r *http.Request) {
	columns, ok := boardTables[r.PathValue("table")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	found, err := d.Query(fmt.Sprintf("SELECT %s FROM draft.%s ORDER BY id", columns, r.PathValue("table")))
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	list := make([]json.RawMessage, 0, len(found))
	for _, row := range found {
		list = append(list, json.RawMessage(row[0]))
	}
	answer(w, list)
}

// pick inserts a pick by SQL, and answers with the statement.
func (d *Draft) pick(w http.ResponseWriter, r *http.Request) {
	var pick struct {
		Round        int
		Team, Player string
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPick))
	if err == nil {
		err = json.Unmarshal(body, &pick)
	}
	if err == nil && (pick.Team == "" || pick.Player == "" || pick.Round < 1 || pick.Round > 99) {
		err = fmt.Errorf("a pick needs a team, a player and a round from 1 to 99")
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	const sql = "INSERT INTO draft.picks (round, team, player) VALUES (?, ?, ?)"
	conn, err := d.Conn()
	if err == nil {
		defer conn.Close()
		_, err = conn.Execute(sql, pick.Round, pick.Team, pick.Player)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	answer(w, map[string]string{"sql": fmt.Sprintf("INSERT INTO picks (round, team, player) VALUES (%d, '%s', '%s')",
		pick.Round, quote.Replace(pick.Team), quote.Replace(pick.Player))})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v) // a browser that has left needs no answer
}
