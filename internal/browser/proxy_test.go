package browser

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
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
}
`, dir, plain, secure, s.port)
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
	poll(t, "nginx", func() string { return hinders(s.Proxy + "healthz") })
	script(t, "proxy.mjs", s)
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
