package soak

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"rowcast/internal/throwaway"
)

// TestSlowByEachWay: a client that reads 5 kB a second is not taken for one that
// reads nothing, though a big row takes it longer than a minute: it would come
// back to the same row again and again.
func TestSlowByEachWay(t *testing.T) {
	t.Parallel()
	l := newLone(t, throwaway.MariaDB, "")
	if err := l.s.Exec("ALTER TABLE soak.q MODIFY b LONGTEXT"); err != nil {
		t.Fatal(err)
	}
	plain := func(version string) func(ctx context.Context) (io.ReadCloser, error) {
		return func(ctx context.Context) (io.ReadCloser, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp4", l.i.http)
			if err != nil {
				return nil, err
			}
			_ = conn.(*net.TCPConn).SetReadBuffer(128 << 10) // else it takes half of the row by itself
			_, err = fmt.Fprintf(conn, "GET /events/q HTTP/%s\r\nHost: %s\r\n\r\n", version, l.i.http)
			return conn, err
		}
	}
	ways := map[string]func(ctx context.Context) (io.ReadCloser, error){
		"HTTP/1.0": plain("1.0"),
		"HTTP/1.1": plain("1.1"),
		"HTTP/2": func(ctx context.Context) (io.ReadCloser, error) {
			resp, err := openH2(ctx, "http://"+l.i.http+"/events/q", http.Header{})
			if err != nil {
				return nil, err
			}
			return resp.Body, nil
		},
	}
	ctx, stop := context.WithTimeout(t.Context(), 80*time.Second)
	defer stop()
	var all sync.WaitGroup
	defer all.Wait()
	for name, open := range ways {
		r, err := open(ctx)
		if err != nil {
			t.Fatal(err)
		}
		stopRead := context.AfterFunc(ctx, func() { r.Close() })
		if _, err := r.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			defer stopRead()
			n, err := io.Copy(io.Discard, &throttled{ctx: ctx, r: r, perSecond: 5000})
			if ctx.Err() == nil {
				t.Errorf("%s: let go after %d bytes: %v", name, n, err)
			}
		})
	}
	if err := l.s.Exec("INSERT INTO soak.q (id, g, b) VALUES (1, 1, REPEAT('x', 12000000))"); err != nil {
		t.Fatal(err)
	}
}
