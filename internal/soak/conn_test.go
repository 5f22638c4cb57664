package soak

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// openH1 speaks HTTP/1.1 over a connection that ends with ctx. from: the source
// address, or "". buffer: the bytes that the kernel takes before they are read, so
// that the rest stays on the server's side; 0: as many as it likes.
func openH1(ctx context.Context, addr, path string, header http.Header, from string, buffer int) (*http.Response, error) {
	d := net.Dialer{Timeout: 5 * time.Second}
	if from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	conn, err := d.DialContext(ctx, "tcp4", addr)
	if err != nil {
		return nil, err
	}
	if buffer > 0 {
		_ = conn.(*net.TCPConn).SetReadBuffer(buffer)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	var req bytes.Buffer
	fmt.Fprintf(&req, "GET %s HTTP/1.1\r\nHost: %s\r\n", path, addr)
	_ = header.Write(&req)
	req.WriteString("\r\n")
	if _, err := conn.Write(req.Bytes()); err != nil {
		stop()
		conn.Close()
		return nil, err
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(patient{conn}, 4<<10), nil)
	if err != nil {
		stop()
		conn.Close()
		return nil, err
	}
	resp.Body = &connBody{resp.Body, conn, stop}
	return resp, nil
}

// patient gives each read its own deadline.
type patient struct{ net.Conn }

func (p patient) Read(b []byte) (int, error) {
	_ = p.SetReadDeadline(time.Now().Add(silence))
	return p.Conn.Read(b)
}

type connBody struct {
	io.Reader
	conn net.Conn
	stop func() bool
}

func (b *connBody) Close() error {
	b.stop()
	return b.conn.Close()
}

func openH2(ctx context.Context, url string, header http.Header) (*http.Response, error) {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	tr := &http.Transport{Protocols: p}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header = header
	resp, err := tr.RoundTrip(req)
	if err != nil {
		tr.CloseIdleConnections()
		return nil, err
	}
	resp.Body = &h2Body{resp.Body, tr}
	return resp, nil
}

type h2Body struct {
	io.ReadCloser
	tr *http.Transport
}

func (b *h2Body) Close() error {
	err := b.ReadCloser.Close()
	b.tr.CloseIdleConnections()
	return err
}

// failing is a connection that breaks at that byte.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// throttled reads so many bytes a second.
type throttled struct {
	ctx       context.Context
	r         io.Reader
	perSecond int
}

func (t *throttled) Read(b []byte) (int, error) {
	n, err := t.r.Read(b[:min(len(b), max(1, t.perSecond/20))])
	if n > 0 && !pause(t.ctx, time.Duration(n)*time.Second/time.Duration(t.perSecond)) {
		return n, t.ctx.Err()
	}
	return n, err
}

// stalling stops reading once, for a while.
type stalling struct {
	ctx   context.Context
	r     io.Reader
	after int
	pause time.Duration
}

func (t *stalling) Read(b []byte) (int, error) {
	n, err := t.r.Read(b)
	if t.after -= n; t.after < 0 && t.pause > 0 {
		pause(t.ctx, t.pause)
		t.pause = 0
	}
	return n, err
}
