package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"rowcast/internal/throwaway"
)

// A reader that stops reading harms none of a thousand others, and gets
// everything once it reads again.
func TestStoppedReaderExact(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		const others, rows = 1000, 300
		s := draft(t, f)
		exec(t, s, "ALTER TABLE draft.picks ADD COLUMN note MEDIUMTEXT NOT NULL")
		p := spawn(t, configFor(s, twoStreams+`
[[table]]
name = "draft.picks"
as = "ids"
columns = ["id"]
[stream]
history = "1MiB"
`))
		start := subscribe(t, p.url+"/events/picks", "").begun(t)
		id := start.lastID()
		start.close()
		stopped := stoppedReader(t, p.url, id)
		results := make(chan error, others) // one of each
		for range others {
			resp := openStream(t, p.url+"/events/ids", id) // the same changes, without their bulk
			go func() { results <- countRows(resp, rows) }()
		}
		// More than the sockets' buffers and history take together: 300 times 24 kB.
		for i := range rows {
			exec(t, s, fmt.Sprintf("INSERT INTO draft.picks (round, team, player, note) VALUES (%d, 'a', 'p', REPEAT('x', 24000))", i))
		}
		for range others {
			if err := <-results; err != nil {
				t.Fatal(err)
			}
		}
		resp, err := http.ReadResponse(bufio.NewReader(stopped), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := countRows(resp, rows); err != nil {
			t.Errorf("who had stopped reading: %v", err)
		}
	})
}

// More clients come than files may be open: those that are connected are served,
// the others are asked to come back, and the log says what to raise.
func TestFewFiles(t *testing.T) {
	s := draft(t, throwaway.MariaDB)
	p := spawn(t, configFor(s, twoStreams), "sh", "-c", `ulimit -n 64 && exec "$@"`, "sh")
	if want := "at most 32 clients, by the limit of 64 open files"; !strings.Contains(p.out.String(), want) {
		t.Errorf("%q is not said at the start:\n%s", want, p.out)
	}
	var staying []*sseClient
	for range 32 {
		staying = append(staying, subscribe(t, p.url+"/events/picks", "").begun(t))
	}
	for range 5 {
		resp := openStream(t, p.url+"/events/picks", "")
		text, err := io.ReadAll(resp.Body)
		if resp.StatusCode != http.StatusOK || err != nil || !strings.HasPrefix(string(text), "retry: ") || strings.Contains(string(text), "id:") {
			t.Errorf("who comes too late gets %d %q, %v", resp.StatusCode, text, err)
		}
		resp.Body.Close()
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if code, text := get(t, p.url+path); code != http.StatusOK {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
	insertPick(t, s, 1, "for those who stayed")
	for _, c := range staying {
		c.wait(t, 1)
		c.close()
	}
	if n := strings.Count(p.out.String(), "clients are sent away"); n != 1 {
		t.Errorf("told %d times that clients are sent away:\n%s", n, p.out)
	}
}

// stoppedReader subscribes, with a small window, and reads nothing.
func stoppedReader(t *testing.T, url, id string) *net.TCPConn {
	t.Helper()
	host := strings.TrimPrefix(url, "http://")
	dialed, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	conn := dialed.(*net.TCPConn)
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "GET /events/picks HTTP/1.1\r\nHost: %s\r\nLast-Event-ID: %s\r\n\r\n", host, id); err != nil {
		t.Fatal(err)
	}
	return conn
}
