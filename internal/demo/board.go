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

// The demo's draft board. Its rows and what changes of them come from rowcast; only a
// pick goes to the database by the endpoint below, as it would by an application's.
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
