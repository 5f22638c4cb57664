package fanout

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestChunks(t *testing.T) {
	for _, n := range []int{1, 15, 16, 255, 4096, 1 << 20} {
		data := strings.Repeat("x", n)
		chunk := fmt.Sprintf("%x\r\n%s\r\n", n, data)
		if got := string(chunkOf([]byte(data))); got != chunk {
			t.Errorf("%d bytes: %.20q", n, got)
		}
		server, client := net.Pipe()
		all := make(chan string, 1) // the one answer
		go func() {
			text, _ := io.ReadAll(client)
			all <- string(text)
		}()
		r := &Response{sock: &socket{conn: server}, head: []byte("head")}
		for _, err := range []error{r.Send(nil), r.Send([]byte(data)), r.Rest([]byte(chunk)), r.End([]byte(data)), r.End(nil), server.Close()} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if got, want := <-all, "head"+chunk+chunk+chunk+lastChunk+lastChunk; got != want {
			t.Errorf("%d bytes: %.20q", n, got)
		}
	}
}

// TestSlowIsNotStalled: a client that takes little at a time is served for as long as
// it takes; one that takes nothing is not.
func TestSlowIsNotStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := net.Pipe()
		defer server.Close()
		block := bytes.Repeat([]byte("x"), 64<<10)
		var got bytes.Buffer
		read := make(chan struct{})
		go func() {
			defer close(read)
			for range 40 {
				<-time.After(Stall / 2)
				_, _ = io.CopyN(&got, client, 1000)
			}
		}()
		begun := time.Now()
		err := (&Response{sock: &socket{conn: server}}).Send(block)
		if took := time.Since(begun); err == nil || took < 20*Stall || took > 22*Stall {
			t.Errorf("after %s: %v", took, err)
		}
		server.Close()
		<-read
		if !strings.HasPrefix(got.String(), "10000\r\nxxx") || got.Len() != 40_000 || strings.Trim(got.String()[7:], "x") != "" {
			t.Errorf("%d bytes arrived: %.20q", got.Len(), got.String())
		}
		client.Close()
	})
}
