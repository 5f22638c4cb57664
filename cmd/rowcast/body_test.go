package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// TestBodyLimit: a body that is announced and not sent holds no connection, by
// any version of HTTP; one that is sent is handed on, and a stream that follows
// it has no time limit.
func TestBodyLimit(t *testing.T) {
	const head = 300 * time.Millisecond
	l, err := listen("listen in [http]", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/echo" {
			_, _ = io.Copy(w, r.Body)
			return
		}
		for range 3 { // a stream that outlives the limit
			if _, err := io.WriteString(w, ":\n"); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
				return
			case <-time.After(head):
			}
		}
		_, _ = io.WriteString(w, "end\n")
	}), slog.New(slog.DiscardHandler), head)
	served := make(chan error, 1) // Serve's one answer
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-served }) // once the parallel tests have ended

	large := strings.Repeat("x", maxBody+1)
	for _, c := range []struct{ head, body, want string }{
		{"Content-Length: 5", "", "408"},
		{"Content-Length: 5", "hell", "408"},
		{"Transfer-Encoding: chunked", "", "408"},
		{"Transfer-Encoding: chunked", "4\r\nhel", "408"},
		{"Transfer-Encoding: chunked", "4\r\nhell\r\n", "408"},
		{"Transfer-Encoding: chunked", "x\r\n", "400"},
		{"Content-Length: 100000000", large, "413"},
		{"Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s\r\n", len(large), large), "413"},
		{"Content-Length: 5", "hello", "200"},
		{"Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n", "200"},
		{"Content-Length: 0", "", "200"},
	} {
		for _, version := range []string{"1.0", "1.1"} {
			if version == "1.0" && strings.HasPrefix(c.head, "Transfer") {
				continue // HTTP/1.0 has no chunks
			}
			for _, path := range []string{"/echo", "/stream"} {
				t.Run(fmt.Sprintf("%s %s %.20s %.9q", version, path, c.head, c.body), func(t *testing.T) {
					t.Parallel()
					conn := dial(t, l)
					fmt.Fprintf(conn, "GET %s HTTP/%s\r\nHost: a\r\nConnection: keep-alive\r\n%s\r\n\r\n%s", path, version, c.head, c.body)
					in := bufio.NewReader(conn)
					resp, err := http.ReadResponse(in, nil)
					if err != nil || !strings.HasPrefix(resp.Status, c.want) {
						t.Fatalf("%v, %v", resp, err)
					}
					text, err := io.ReadAll(resp.Body)
					if err != nil {
						t.Fatal(err)
					}
					if c.want == "200" {
						want := map[string]string{"/stream": ":\n:\n:\nend\n", "/echo": ""}[path]
						if path == "/echo" && c.body != "" {
							want = "hello"
						}
						if string(text) != want {
							t.Errorf("%q", text)
						}
						return
					}
					if _, err := in.ReadByte(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) { // EOF, or reset: the rest was not read
						t.Errorf("the connection is not closed: %v", err)
					}
				})
			}
		}
	}
}
