package main

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// healthy listens on host as a rowcast that is well would.
func healthy(t *testing.T, host string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return l.Addr().String()
}

// What stands in the config on disk says nothing of the rowcast that runs: it
// goes on with the one that it accepted.
func TestHealthJudgesNoConfig(t *testing.T) {
	addr, six := healthy(t, "127.0.0.1"), healthy(t, "::1")
	_, port, _ := net.SplitHostPort(addr)
	in := func(text string) string { return writeConfig(t, strings.ReplaceAll(text, "ADDR", addr)) }
	good := in("[http]\nlisten = \"ADDR\"\n")
	nowhere := "127.0.0.1:1"
	for name, tc := range map[string]struct {
		args []string
		env  []string
	}{
		"unknown key":                 {args: []string{"--config", in("[http]\nlisten = \"ADDR\"\nlissten = 1\n[[table]]\nname = 5\n")}},
		"not TOML":                    {args: []string{"--config", in("[http]\nlisten = \"ADDR\"\n[stream]\nheartbeat = 15s\n")}},
		"half a file":                 {args: []string{"--config", in("http.listen = 'ADDR'\n[source]\naddr = \"127.0.")}},
		"password file away":          {args: []string{"--config", in("http = { listen = \"ADDR\" }\n[source]\npassword_file = \"/nowhere\"\n")}},
		"named by a variable":         {env: []string{"ROWCAST_CONFIG=" + good}},
		"the flag wins":               {args: []string{"--config", good}, env: []string{"ROWCAST_CONFIG=" + in("[http]\nlisten = \""+nowhere+"\"\n")}},
		"a variable beats the file":   {args: []string{"--config", in("[http]\nlisten = \"" + nowhere + "\"\n")}, env: []string{"ROWCAST_HTTP_LISTEN=" + addr}},
		"no file, as in the image":    {env: []string{"ROWCAST_CONFIG=/nowhere.toml", "ROWCAST_HTTP_LISTEN=:" + port}},
		"every interface":             {env: []string{"ROWCAST_HTTP_LISTEN=[::]:" + port}},
		"IPv6":                        {env: []string{"ROWCAST_HTTP_LISTEN=" + six}},
		"a URL beats all":             {args: []string{"http://" + addr}, env: []string{"ROWCAST_HTTP_LISTEN=" + nowhere}},
		"a URL without scheme's path": {args: []string{"http://" + addr + "/"}},
		"a URL with a path":           {args: []string{"http://" + addr + "/healthz"}},
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), append([]string{"health"}, tc.args...), &out, &errs, tc.env); code != 0 || out.String() != "ok\n" {
			t.Errorf("%s: exit %d, %s%s", name, code, out.String(), errs.String())
		}
	}
	for name, tc := range map[string]struct {
		args, env []string
		want      string
	}{
		"nobody there":    {env: []string{"ROWCAST_HTTP_LISTEN=" + nowhere}, want: "rowcast: no answer: "},
		"port 0":          {env: []string{"ROWCAST_HTTP_LISTEN=127.0.0.1:0"}, want: `rowcast: [http] listen is "127.0.0.1:0", which does not tell the port; give the URL`},
		"not a rowcast":   {args: []string{"http://" + addr + "/readyz"}, want: "answers 404 Not Found"},
		"an empty config": {args: []string{"--config", ""}, want: "rowcast: --config is empty; "},
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), append([]string{"health"}, tc.args...), &out, &errs, tc.env); code == 0 || !strings.Contains(errs.String(), tc.want) {
			t.Errorf("%s: exit %d, %s%s", name, code, out.String(), errs.String())
		}
		oneLineEach(t, errs.String(), 1)
	}
}

// Where the config does not say, rowcast listens at the default.
func TestListenIn(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "127.0.0.1:8080",
		"[http]\nlisten = 5\n":          "127.0.0.1:8080",
		"http = 5\n":                    "127.0.0.1:8080",
		"[http\nlisten = \":81\"\n":     "127.0.0.1:8080",
		"[http]\nlisten = \":81\"\n[[x": ":81",
		"[http]\nlisten = \":81\"\nlisten = \":82\"\n": ":81",
	} {
		if got := listenIn(writeConfig(t, text)); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if got := listenIn(filepath.Join(t.TempDir(), "none")); got != "127.0.0.1:8080" {
		t.Errorf("without a file: %s", got)
	}
	if got := browserURL("[fe80::1%eth0]:80"); got != "http://[fe80::1%25eth0]:80" {
		t.Errorf("a zone: %s", got)
	}
}

// A flag wins over its variable, also where it says what is the default.
func TestConfigFlagWins(t *testing.T) {
	t.Chdir(t.TempDir())
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"serve", "--config", "config.toml"}, &out, &errs, []string{"ROWCAST_CONFIG=other.toml"})
	if code != 1 || !strings.HasPrefix(errs.String(), "rowcast: config.toml: there is no such file") {
		t.Errorf("exit %d, %s", code, errs.String())
	}
}
