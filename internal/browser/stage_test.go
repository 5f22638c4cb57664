package browser

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rowcast/internal/throwaway"
)

// stage is what one script plays on: a database, a rowcast process, an origin
// of its own for pages under pages/, and an address to have things done at.
type stage struct {
	t       *testing.T
	db      *throwaway.Server
	port    string // of rowcast
	config  string // file
	environ []string
	control *httptest.Server
	rowcast *program

	// What scripts are told.
	Rowcast string `json:"rowcast"` // URL
	Admin   string `json:"admin"`   // URL
	Control string `json:"control"` // URL
	Proxy   string `json:"proxy,omitempty"`
	Secure  string `json:"secure,omitempty"`
	PMA     string `json:"pma,omitempty"`
	Demo    string `json:"demo,omitempty"`
}

const draft = `CREATE TABLE draft.picks (
	id INT NOT NULL PRIMARY KEY AUTO_INCREMENT, round INT NOT NULL DEFAULT 1,
	team VARCHAR(40) NOT NULL, player VARCHAR(200) NOT NULL)`

// streams is the config after the addresses. The retry is short for the tests'
// sake, the heartbeat so that silence shows soon.
const streams = `
[stream]
heartbeat = "1s"
retry = "200ms"
[[table]]
name = "draft.picks"
as = "picks"
on = ["insert", "update", "delete"]
[[table]]
name = "draft.picks"
as = "round"
where = "round = :round"
params = { round = "" }
event = "{op}"
[[table]]
name = "draft.teams"
as = "teams"
before = true
`

// newStage sets the stage; more goes into [http] of the config, tables after all else.
func newStage(t *testing.T, more string, tables ...string) *stage {
	return newStageOn(t, throwaway.MariaDB, nil, more, tables...)
}

// newStageOn: environ adds to the config what [stream] lacks.
func newStageOn(t *testing.T, flavor throwaway.Flavor, environ []string, more string, tables ...string) *stage {
	return newStageWith(t, flavor, nil, environ, more, tables...)
}

// newStageWith: statements make what tables are about.
func newStageWith(t *testing.T, flavor throwaway.Flavor, statements, environ []string, more string, tables ...string) *stage {
	s := &stage{t: t, environ: environ, db: throwaway.Test(t, flavor, "--binlog-row-metadata=FULL")}
	if err := s.db.Exec(append([]string{"CREATE DATABASE draft CHARACTER SET utf8mb4", draft,
		"CREATE TABLE draft.teams (id INT NOT NULL PRIMARY KEY, name VARCHAR(40) NOT NULL)"}, statements...)...); err != nil {
		t.Fatal(err)
	}
	s.control = httptest.NewServer(s.orders())
	t.Cleanup(s.control.Close)
	admin := freePort(t)
	s.port = freePort(t)
	s.Rowcast, s.Admin, s.Control = "http://127.0.0.1:"+s.port+"/", "http://127.0.0.1:"+admin+"/", s.control.URL+"/"
	s.config = filepath.Join(t.TempDir(), "config.toml")
	more = strings.ReplaceAll(more, "$CONTROL", s.control.URL)
	text := fmt.Sprintf("[source]\naddr = %q\nuser = %q\npassword = %q\n[http]\nlisten = \"127.0.0.1:%s\"\n%s\n[admin]\nlisten = \"127.0.0.1:%s\"\n%s",
		s.db.Addr(), s.db.User(), s.db.Password(), s.port, more, admin, streams+strings.Join(tables, ""))
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	return s
}

// freePort is a port that nobody listens on now.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func (s *stage) start() {
	s.serve()
	poll(s.t, "rowcast to be ready", func() string { return hinders(s.Rowcast + "readyz") })
}

func (s *stage) serve() {
	cmd := exec.Command(rowcastBinary, "serve", "--config", s.config)
	cmd.Env = append(os.Environ(), s.environ...)
	s.rowcast = run(s.t, cmd)
}

// hinders says why url does not answer 200; "" if it does.
func hinders(url string) string {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	resp, err := client.Get(url)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		return resp.Status + ": " + string(text)
	}
	return ""
}

// program is a process that ends with the test.
type program struct {
	cmd  *exec.Cmd
	out  output
	done chan struct{}
}

func run(t testing.TB, cmd *exec.Cmd) *program {
	t.Helper()
	p := &program{cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.out, &p.out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.signal(syscall.SIGCONT)
		p.end(syscall.SIGTERM)
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(cmd.Path), p.out.String())
		}
	})
	return p
}

func (p *program) signal(sig syscall.Signal) { _ = p.cmd.Process.Signal(sig) }

// end ends it and waits; one that does not heed the signal is killed.
func (p *program) end(sig syscall.Signal) {
	p.signal(sig)
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	select {
	case <-p.done:
	case <-limit.C:
		p.signal(syscall.SIGKILL)
		<-p.done
	}
}

// orders is what a script can have done.
func (s *stage) orders() http.Handler {
	mux := http.NewServeMux()
	order := func(name string, f func(body []byte) error) {
		mux.HandleFunc("POST /"+name, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err == nil {
				err = f(body)
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		})
	}
	order("sql", func(body []byte) error {
		var sql []string
		if err := json.Unmarshal(body, &sql); err != nil {
			return err
		}
		return s.db.Exec(sql...)
	})
	order("kill", func([]byte) error { s.rowcast.end(syscall.SIGKILL); return nil })
	order("term", func([]byte) error { s.rowcast.end(syscall.SIGTERM); return nil })
	order("freeze", func([]byte) error { s.rowcast.signal(syscall.SIGSTOP); return nil })
	order("thaw", func([]byte) error { s.rowcast.signal(syscall.SIGCONT); return nil })
	order("start", func([]byte) error { s.serve(); return nil })
	order("db-kill", func([]byte) error { return s.db.Kill() })
	order("db-start", func([]byte) error { return s.db.Restart(s.t.Context()) })
	order("config", func(body []byte) error { // appends to it
		text, err := os.ReadFile(s.config)
		if err != nil {
			return err
		}
		return os.WriteFile(s.config, append(text, body...), 0o600)
	})
	order("purge", func([]byte) error { return s.purge() })
	mux.HandleFunc("POST /go-client", goClient)
	mux.HandleFunc("GET /buffered/", s.buffered)
	// Pages of another origin than rowcast's; the store keeps no state.
	mux.Handle("GET /", http.FileServer(http.Dir("pages")))
	return mux
}

// buffered hands requests on to rowcast, and the answers back when they have
// ended, as the worst of proxies do.
func (s *stage) buffered(w http.ResponseWriter, r *http.Request) {
	out, err := http.NewRequestWithContext(r.Context(), http.MethodGet, s.Rowcast+strings.TrimPrefix(r.URL.RequestURI(), "/buffered/"), nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	out.Header = r.Header.Clone()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(out)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return // the page has left
	}
	w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
	w.WriteHeader(resp.StatusCode)
	_, _ = w.Write(body)
}

// purge leaves the newest binlog file alone. A dump thread that has not noticed
// yet that its client was killed holds a file for a while.
func (s *stage) purge() error {
	for limit := time.Now().Add(patience); time.Now().Before(limit); {
		if err := s.db.Exec("FLUSH BINARY LOGS"); err != nil {
			return err
		}
		files, err := s.db.Query("SHOW BINARY LOGS")
		if err != nil {
			return err
		}
		newest := files[len(files)-1][0]
		if err := s.db.Exec("PURGE BINARY LOGS TO '" + newest + "'"); err != nil {
			return err
		}
		if files, err = s.db.Query("SHOW BINARY LOGS"); err != nil || len(files) == 1 {
			return err
		}
	}
	return errors.New("the server keeps its old binlogs")
}
