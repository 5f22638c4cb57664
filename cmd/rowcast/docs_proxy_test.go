package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"rowcast/internal/throwaway"
)

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

// The snippets under "Authentication" keep strangers out, and let everybody have
// no orders but their own, whatever they ask for.
func TestDocsAuthentication(t *testing.T) {
	s := draft(t, throwaway.MariaDB)
	exec(t, s, "CREATE DATABASE shop", "CREATE TABLE shop.orders (id INT PRIMARY KEY, customer_id INT, status VARCHAR(20), email VARCHAR(80))")
	i := launch(t, configFor(s, twoStreams+"[[table]]\nname = \"shop.orders\"\nas = \"my-orders\"\nwhere = \"customer_id = :customer\"\nparams = { customer = \"\" }\n")).ready(t)
	var signedIn atomic.Bool
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !signedIn.Load() {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("X-Customer", "42")
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(application.Close)
	var text string
	for _, block := range chosen(t, "nginx", "location") {
		text += strings.NewReplacer("127.0.0.1:8080", hostOf(i.url), "127.0.0.1:3000", hostOf(application.URL)).Replace(block.text)
	}
	front := runNginx(t, snippet{labels: []string{"nginx", "location"}, text: text})
	for _, path := range []string{"/my-orders", "/picks"} {
		if code, _ := get(t, "http://"+front+path); code != http.StatusUnauthorized {
			t.Errorf("a stranger gets %d from %s", code, path)
		}
	}
	signedIn.Store(true)
	const more = "/my-orders?customer=43&table=picks&lastEventId="
	mine := subscribe(t, "http://"+front+more, "").begun(t)
	exec(t, s, "INSERT INTO shop.orders VALUES (1, 43, 'new', ''), (2, 42, 'new', ''), (3, 43, 'new', ''), (4, 42, 'paid', '')")
	events := mine.wait(t, 2)
	for n, id := range []float64{2, 4} {
		if row := events[n].row(t).Row; row["id"] != id || row["customer_id"] != 42.0 {
			t.Errorf("event %d is of %v", n, row)
		}
	}
	rest := subscribe(t, "http://"+front+more+events[0].id+"%26customer=43", "").wait(t, 1)[0]
	if rest.event != "reset" {
		t.Errorf("an id with more in it gets %+v", rest)
	}
	if rest = subscribe(t, "http://"+front+more+events[0].id, "").wait(t, 1)[0]; rest != events[1] {
		t.Errorf("resumed at %+v, want %+v", rest, events[1])
	}
	below := subscribe(t, "http://"+front+"/rows/events/picks", "").begun(t)
	insertPick(t, s, 1, "p0")
	numbered(t, players(t, below.wait(t, 1)), 1)
}

func hostOf(url string) string { return strings.TrimPrefix(url, "http://") }

// runNginx starts nginx with locations, and returns where it listens.
func runNginx(t testing.TB, s snippet) (addr string) {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = free.Addr().String()
	_ = free.Close()
	dir := t.TempDir()
	conf := filepath.Join(dir, "nginx.conf")
	text := "daemon off;\nmaster_process off;\n" + strings.Replace(nginxConfig(s, dir), "listen 127.0.0.1:18080;", "listen "+addr+";", 1)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out := &syncBuffer{}
	ctx, cancel := context.WithCancel(context.Background())
	nginx := osexec.CommandContext(ctx, nginxProgram(t), "-p", dir, "-e", "stderr", "-c", conf)
	nginx.Stderr = out
	nginx.Cancel = func() error { return nginx.Process.Signal(syscall.SIGTERM) }
	nginx.WaitDelay = 10 * time.Second
	if err := nginx.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = nginx.Wait() // it was told to end
	})
	poll(t, "nginx to listen", func() string {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return err.Error() + "; it says: " + out.String()
		}
		_ = c.Close()
		return ""
	})
	return addr
}
