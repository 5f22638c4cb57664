//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"rowcast/cdc"
	"rowcast/filters"
	"rowcast/internal/renderer"
	"rowcast/stream/frame"
)

type childCmd struct {
	Kind string `arg:"" help:"go-mysql, go-mysql-raw, rowcast, writes or answers."`
	Arg  string `arg:"" help:"What it works on, as JSON; for writes and answers the address."`
}

func (c *childCmd) Run(b *bench) error {
	switch c.Kind {
	case "writes":
		return bareServe(b.ctx, c.Arg)
	case "answers":
		return bareAnswer(b.ctx, c.Arg)
	}
	var span binlogSpan
	if err := json.Unmarshal([]byte(c.Arg), &span); err != nil {
		return err
	}
	if c.Kind == "rowcast" {
		return countAllocations(b.ctx, span)
	}
	return readGoMySQL(span, c.Kind == "go-mysql-raw")
}

// errEnd ends a reading that has seen the span.
var errEnd = errors.New("the end of the span")

// readGoMySQL reads the span with go-mysql in its cheapest way: events are
// handled where they are parsed, not passed to another goroutine.
func readGoMySQL(span binlogSpan, raw bool) error {
	host, portText, err := net.SplitHostPort(span.Addr)
	if err != nil {
		return err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return err
	}
	h := &spanHandler{span: span, done: make(chan struct{})}
	syncer := replication.NewBinlogSyncer(replication.BinlogSyncerConfig{
		ServerID: 4_000_000_001, Flavor: span.Flavor, Host: host, Port: uint16(port), User: span.User, Password: span.Password,
		RawModeEnabled: raw, SynchronousEventHandler: h, DisableRetrySync: true, Logger: slog.New(slog.DiscardHandler),
	})
	if _, err := syncer.StartSync(mysql.Position{Name: span.File, Pos: span.Start}); err != nil {
		return err
	}
	select {
	case <-h.done:
	case <-time.After(5 * time.Minute):
		return fmt.Errorf("at offset %d after 5 minutes", h.at)
	}
	if !raw && h.rows != span.Rows {
		return fmt.Errorf("%d rows instead of %d", h.rows, span.Rows)
	}
	return nil // the process's end ends the dump
}

type spanHandler struct {
	span binlogSpan
	rows int
	at   uint32
	done chan struct{}
}

// HandleEvent implements replication.EventHandler.
func (h *spanHandler) HandleEvent(e *replication.BinlogEvent) error {
	if rows, ok := e.Event.(*replication.RowsEvent); ok {
		h.rows += len(rows.Rows)
	}
	if h.at = e.Header.LogPos; h.at >= h.span.End && h.done != nil {
		close(h.done)
		h.done = nil
		return errEnd
	}
	return nil
}

// countAllocations prints how many allocations a row costs on rowcast's way from
// the binlog to SSE frames; those of the first tenth, the way's start, are left out.
func countAllocations(ctx context.Context, span binlogSpan) error {
	log := slog.New(slog.DiscardHandler)
	src, err := cdc.New(cdc.Config{Addr: span.Addr, User: span.User, Password: span.Password, TLS: "off", Logger: log})
	if err != nil {
		return err
	}
	set, err := filters.Compile([]filters.Table{{Name: "bench.picks", As: "picks"}}, filters.Options{})
	if err != nil {
		return err
	}
	from, err := cdc.ParsePosition(fmt.Sprintf("%s/%d", span.File, span.Start))
	if err != nil {
		return err
	}
	if span.Profile != "" {
		out, err := os.Create(span.Profile)
		if err != nil {
			return err
		}
		defer out.Close()
		if err := pprof.StartCPUProfile(out); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	var before, after runtime.MemStats
	rows := 0
	each := func(f *frame.Frame) error {
		if rows++; rows == span.Rows/10 {
			runtime.ReadMemStats(&before)
		}
		_, err := io.Discard.Write(f.Block)
		return err
	}
	checkpoint := func(cdc.Position, time.Time) error {
		if rows < span.Rows {
			return nil
		}
		runtime.ReadMemStats(&after)
		return errEnd
	}
	err = src.Read(ctx, from, frame.NewEncoder(frame.NewCatalog(renderer.Of(set), log), frame.Output{Frame: each, Checkpoint: checkpoint}))
	if !errors.Is(err, errEnd) {
		return err
	}
	_, err = fmt.Fprintf(os.Stdout, "%.6f", float64(after.Mallocs-before.Mallocs)/float64(span.Rows-span.Rows/10))
	return err
}
