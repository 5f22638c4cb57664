package soak

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// member is one client; n is the row that it has seen last.
type member struct {
	*herd
	n    int64
	id   string
	rng  *rand.Rand
	slow bool
	from string
	live bool

	retry time.Duration // as rowcast has it: a herd that comes faster than that is no herd of browsers
}

func (m *member) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := m.connect(ctx)
		if errors.Is(err, errBroken) {
			m.mu.Lock()
			m.wrong = append(m.wrong, err.Error())
			m.mu.Unlock()
			return
		}
		pause(ctx, between(m.rng, m.retry/2, m.retry))
	}
}

func (m *member) connect(ctx context.Context) error {
	return m.follow(ctx, "/events/b", m.id, m.from, m.slow, m.take)
}

// follow reads a stream, until it ends or take finds something wrong.
func (h *herd) follow(ctx context.Context, path, id, from string, slow bool, take func(*block) error) error {
	header := http.Header{}
	if id != "" {
		header.Set("Last-Event-Id", id)
	}
	buffer := 0
	if slow {
		buffer = 4 << 10
	}
	resp, err := openH1(ctx, h.i.http, path, header, from, buffer)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return broken(fmt.Errorf("status %d, %v: %s (last id %s)", resp.StatusCode, resp.Header, text, id))
	}
	body := io.Reader(resp.Body)
	if slow {
		body = &throttled{ctx: ctx, r: body, perSecond: 10_000}
	}
	in := sseReader{r: bufio.NewReaderSize(body, 2<<10)}
	var b block
	for {
		if err := in.next(&b); err != nil {
			if errors.Is(err, errForm) || errors.Is(err, errTorn) {
				return broken(err)
			}
			if errors.Is(err, io.EOF) {
				h.mu.Lock()
				h.aways++
				h.mu.Unlock()
			}
			return err
		}
		if err := take(&b); err != nil {
			return broken(err)
		}
	}
}

func (m *member) take(b *block) error {
	if ms, err := strconv.Atoi(b.retry); err == nil {
		m.retry = time.Duration(ms) * time.Millisecond
	}
	if b.event != "" {
		return fmt.Errorf("event %s: %s", b.event, b.data)
	}
	if b.hasData {
		n := rowNumber(b.data)
		if n != m.n+1 {
			return fmt.Errorf("row %d came after row %d (id %s)", n, m.n, b.id)
		}
		m.n = n
	}
	if b.id != "" {
		m.id = b.id
	}
	if !m.live && b.hasData && m.n >= m.written.Load()-m.slack {
		m.live = true
		m.mu.Lock()
		if m.herd.live++; m.slow {
			m.herd.slow++
		}
		m.lastAt = time.Now()
		m.mu.Unlock()
	}
	return nil
}
