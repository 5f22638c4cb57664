package soak

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"sync"
	"sync/atomic"
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
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer func() { stop(); all.Wait() }()
	var read atomic.Int64
	for name, open := range ways {
		r, err := open(ctx)
		if err != nil {
			t.Fatal(err)
		}
		closing := context.AfterFunc(ctx, func() { r.Close() })
		all.Go(func() {
			defer closing()
			in := &throttled{ctx: ctx, r: r, perSecond: 5000}
			b := make([]byte, 1000)
			for {
				n, err := in.Read(b)
				read.Add(int64(n))
				if err != nil {
					if ctx.Err() == nil {
						t.Errorf("%s: %v", name, err)
					}
					return
				}
			}
		})
	}
	eventually(t, time.Minute, "the first blocks", func() string { return l.wantClients(len(ways)) })
	if err := l.s.Exec("INSERT INTO soak.q (id, g, b) VALUES (1, 1, REPEAT('x', 15000000))"); err != nil {
		t.Fatal(err)
	}
	// What the server has let go of may be read for long: the kernel has it.
	pause(ctx, 75*time.Second)
	if hinders := l.wantClients(len(ways)); hinders != "" {
		t.Error(hinders)
	}
	if n := read.Load(); n < int64(len(ways))*200_000 {
		t.Errorf("only %d bytes were read", n)
	}
}

// wantClients says what is not so: that rowcast serves n clients.
func (l *lone) wantClients(n int) string {
	_, text, err := httpGet(l.ctx, "http://"+l.i.admin+"/metrics")
	if err != nil {
		return err.Error()
	}
	served := int32(0)
	for _, m := range regexp.MustCompile(`(?m)^rowcast_clients\{.*\} (\d+)$`).FindAllStringSubmatch(text, -1) {
		served += atoi(m[1])
	}
	if int(served) != n {
		return fmt.Sprintf("%d of %d clients are served", served, n)
	}
	return ""
}
