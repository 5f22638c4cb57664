package main

import (
	"bufio"
	"fmt"
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
