package browser

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestProxy puts nginx in front as an operator would who has read nothing:
// buffering is left on. The second listener speaks HTTP/2 over TLS.
func TestProxy(t *testing.T) {
	t.Parallel()
	s := newStage(t, "")
	plain, secure := freePort(t), freePort(t)
	s.Proxy, s.Secure = "http://127.0.0.1:"+plain+"/", "https://127.0.0.1:"+secure+"/"
	dir := t.TempDir()
	certificate(t, dir)
	runNginx(t, dir, fmt.Sprintf(`
	gzip on; gzip_proxied any; gzip_types *;
	server {
		listen 127.0.0.1:%[2]s;
		location / { proxy_pass http://127.0.0.1:%[4]s; }
		location /under/ { proxy_pass http://127.0.0.1:%[4]s/; proxy_http_version 1.1; proxy_set_header Connection ""; }
	}
	server {
		listen 127.0.0.1:%[3]s ssl http2;
		ssl_certificate %[1]s/cert.pem; ssl_certificate_key %[1]s/key.pem;
		location / { proxy_pass http://127.0.0.1:%[4]s; proxy_http_version 1.1; proxy_set_header Connection ""; }
	}
`, dir, plain, secure, s.port))
	poll(t, "nginx", func() string { return hinders(s.Proxy + "healthz") })
	script(t, "proxy.mjs", s)
}

// TestAuthentication has a page of the operator's site, and nginx, do what
// docs/operating.md shows under that heading.
func TestAuthentication(t *testing.T) {
	t.Parallel()
	s := newStage(t, "", `
[[table]]
name = "draft.picks"
as = "my-orders"
where = "round = :customer"
params = { customer = "" }
`)
	text, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Authentication\n")
	section, _, _ = strings.Cut(section, "\n## ")
	snippet := func(label string) string {
		_, rest, _ := strings.Cut(section, "```"+label+"\n")
		block, _, ok := strings.Cut(rest, "\n```")
		if !ok {
			t.Fatalf("docs/operating.md shows no %s", label)
		}
		return block
	}
	page := snippet("html")
	application := http.NewServeMux()
	serve := func(path, kind, text string) {
		application.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = io.WriteString(w, text)
		})
	}
	serve("/{$}", "text/html", "<!doctype html><title>The site</title>"+page)
	serve("/sign-in", "text/html", "<!doctype html><title>Sign in</title>")
	serve("/api/picks", "application/json", `[{"id":"1","player":"Loaded"}]`)
	application.HandleFunc("/session", func(w http.ResponseWriter, r *http.Request) {
		customer, err := r.Cookie("customer")
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("X-Customer", customer.Value)
		w.WriteHeader(http.StatusNoContent)
	})
	site := httptest.NewServer(application)
	t.Cleanup(site.Close)
	port := freePort(t)
	s.Proxy = "http://127.0.0.1:" + port + "/"
	locations := strings.NewReplacer("127.0.0.1:8080", "127.0.0.1:"+s.port, "http://127.0.0.1:3000", site.URL).Replace(snippet("nginx location"))
	runNginx(t, t.TempDir(), "server { listen 127.0.0.1:"+port+";\n"+locations+"\nlocation / { proxy_pass "+site.URL+"; }\n}\n")
	poll(t, "nginx", func() string { return hinders(s.Proxy + "sign-in") })
	script(t, "auth.mjs", s)
}

// runNginx starts nginx with its files in dir; servers go into its http block.
func runNginx(t *testing.T, dir, servers string) {
	config := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(`
daemon off;
pid %[1]s/pid;
error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	%[2]s
}
`, dir, servers)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	unpacked := filepath.Join(cache, "rowcast", "nginx")
	if dir := os.Getenv("ROWCAST_NGINX_DIR"); dir != "" {
		unpacked = dir
	}
	run(t, exec.Command(find(t, "nginx", filepath.Join(unpacked, "usr/sbin/nginx")), "-e", "stderr", "-p", dir, "-c", config))
}

// certificate writes a certificate that vouches for itself.
func certificate(t *testing.T, dir string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "rowcast test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: cert}, "key.pem": {Type: "EC PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
