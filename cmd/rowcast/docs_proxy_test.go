package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	osexec "os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Links lead to files that are there, and to headings that they have.
func TestDocsLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	_, prose := snippets(t)
	for page, text := range prose {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			path, anchor, _ := strings.Cut(m[1], "#")
			to := page
			if path != "" {
				to = filepath.Join(filepath.Dir(page), path)
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: %s: %v", page, m[1], err)
			} else if anchor != "" && !anchors(document(t, to))[anchor] {
				t.Errorf("%s: %s has no heading %s", page, to, anchor)
			}
		}
	}
}

// anchors are what headings are linked by.
func anchors(text string) map[string]bool {
	dropped := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	found := map[string]bool{}
	for line := range strings.Lines(text) {
		if heading := strings.TrimLeft(line, "#"); heading != line {
			name := dropped.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), "")
			found[strings.ReplaceAll(name, " ", "-")] = true
		}
	}
	return found
}

// nginxProgram finds nginx where `make test` puts it as well: beside the system.
func nginxProgram(t testing.TB) string {
	t.Helper()
	if path, err := osexec.LookPath("nginx"); err == nil {
		return path
	}
	dir := os.Getenv("ROWCAST_NGINX_DIR")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(cache, "rowcast", "nginx")
	}
	for _, path := range []string{"/usr/sbin/nginx", "/usr/local/sbin/nginx", filepath.Join(dir, "usr/sbin/nginx")} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	t.Fatal("no nginx here: run `make test`, which gets it, or install Debian's package nginx")
	return ""
}

// nginxConfig puts a snippet where it belongs.
func nginxConfig(s snippet, dir string) string {
	text := strings.NewReplacer(
		"listen 443 ", "listen 127.0.0.1:18443 ",
		"/etc/ssl/certs/rows.example.org.pem", dir+"/cert.pem",
		"/etc/ssl/private/rows.example.org.key", dir+"/key.pem",
	).Replace(s.text)
	if s.is("nginx", "location") {
		text = "server {\nlisten 127.0.0.1:18080;\n" + text + "}\n"
	}
	head := fmt.Sprintf("pid %s/pid;\nerror_log stderr;\n", dir)
	if s.is("nginx", "main") {
		return head + text
	}
	var temp string
	for _, what := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temp += fmt.Sprintf("%s_temp_path %s/%s;\n", what, dir, what)
	}
	return head + "events {}\nhttp {\naccess_log off;\n" + temp + text + "}\n"
}

func TestDocsNginx(t *testing.T) {
	program := nginxProgram(t)
	for _, s := range chosen(t, "nginx") {
		dir := t.TempDir()
		certificate(t, dir)
		conf := filepath.Join(dir, "nginx.conf")
		if err := os.WriteFile(conf, []byte(nginxConfig(s, dir)), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := osexec.CommandContext(t.Context(), program, "-t", "-q", "-p", dir, "-e", "stderr", "-c", conf).CombinedOutput()
		if err != nil || strings.Contains(string(out), "[warn]") && !strings.Contains(string(out), `"listen ... http2" directive is deprecated`) {
			t.Errorf("%s:%d: %v\n%s", s.file, s.line, err, out)
		}
	}
}

// certificate writes cert.pem and key.pem.
func certificate(t testing.TB, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"rows.example.org"}, NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: cert}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// The unit is well-formed, and leaves rowcast the time that it gives it to drain.
func TestDocsUnit(t *testing.T) {
	section, unit := "", map[string]string{}
	for line := range strings.Lines(document(t, root+"docs/rowcast.service")) {
		line = strings.TrimSpace(line)
		switch name, value, ok := strings.Cut(line, "="); {
		case line == "", strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
			section = line
		case !ok || section == "" || strings.ContainsAny(name, " \t"):
			t.Errorf("%q is no setting", line)
		default:
			if _, twice := unit[section+name]; twice {
				t.Errorf("%s stands there twice", name)
			}
			unit[section+name] = value
		}
	}
	for name, want := range map[string]string{
		"[Unit]Description": `.+`, "[Service]ExecStart": `^/usr/local/bin/rowcast serve `, "[Service]ExecReload": `-HUP \$MAINPID$`,
		"[Service]LimitNOFILE": `^\d{5,}$`, "[Service]TimeoutStopSec": `^\d+s$`, "[Install]WantedBy": `^multi-user.target$`,
		"[Service]Environment": `^ROWCAST_SOURCE_PASSWORD_FILE=%d/password$`, "[Service]LoadCredential": `^password:/`,
	} {
		if !regexp.MustCompile(want).MatchString(unit[name]) {
			t.Errorf("%s is %q, want %s", name, unit[name], want)
		}
	}
	_, drain, _ := strings.Cut(unit["[Service]ExecStart"], "--drain ")
	if d, err := time.ParseDuration(drain); err != nil || unit["[Service]TimeoutStopSec"] <= d.String() {
		t.Errorf("TimeoutStopSec %s leaves no time behind --drain %s: %v", unit["[Service]TimeoutStopSec"], drain, err)
	}
}

// The dashboard is JSON, each panel asks for something, and no two share a place.
func TestDocsDashboard(t *testing.T) {
	var board struct {
		Title  string
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(document(t, root+"docs/grafana.json")), &board); err != nil {
		t.Fatal(err)
	}
	if board.Title == "" || len(board.Panels) == 0 {
		t.Error("the dashboard is empty")
	}
	ids, places := map[int]bool{}, map[string]bool{}
	for _, p := range board.Panels {
		place := fmt.Sprint(p.GridPos)
		if ids[p.ID] || places[place] || p.Title == "" || len(p.Targets) == 0 {
			t.Errorf("panel %d, %q", p.ID, p.Title)
		}
		ids[p.ID], places[place] = true, true
		for _, target := range p.Targets {
			if !strings.Contains(target.Expr, "rowcast_") && !strings.Contains(target.Expr, "process_") {
				t.Errorf("panel %q asks for %q", p.Title, target.Expr)
			}
		}
	}
}
