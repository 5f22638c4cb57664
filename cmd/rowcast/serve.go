package main

import (
	"fmt"
	"io"
	"log/slog"
	"time"
)

type serveCmd struct {
	configFlag
	Drain time.Duration `default:"10s" help:"How long clients may take to be sent away after SIGTERM."`
	Log   string        `enum:"text,json" default:"text" help:"Form of the log: text or json."`
}

func (serveCmd) Help() string {
	return `Reads the binlog and serves the streams of the config, until SIGTERM or Ctrl-C. While the database is
away it waits, also at the start. SIGHUP, or a change of the file, reloads [[table]] and [values] without
dropping a connection; a bad config changes nothing.

  rowcast serve --config /etc/rowcast/config.toml
  ROWCAST_SOURCE_PASSWORD=… rowcast serve
  curl -N http://127.0.0.1:8080/events/picks`
}

func (s *serveCmd) Run(c *console) error {
	conf, err := s.load(c)
	if err != nil {
		return err
	}
	if s.Drain < 0 {
		return usageError{fmt.Errorf("--drain %s must not be negative; write it as 10s", s.Drain)}
	}
	a := &app{conf: conf, env: c.env, facts: c.stderr, log: newLog(c.stderr, s.Log), drain: s.Drain}
	if s.Log == "json" {
		a.facts = nil // a collector of JSON reads every line as such
	}
	if err := a.open(); err != nil {
		return err
	}
	return a.run(c.ctx)
}

func newLog(w io.Writer, form string) *slog.Logger {
	if form == "json" {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Value.Kind() == slog.KindDuration { // else it would be nanoseconds, which nothing would say
				a.Value = slog.StringValue(a.Value.Duration().String())
			}
			return a
		}}))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}
