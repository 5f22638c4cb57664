package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"rowcast/internal/demo"
	"rowcast/internal/throwaway"
)

type demoCmd struct {
	Auto    bool          `help:"Insert a pick every few seconds."`
	Every   time.Duration `default:"3s" help:"How often --auto does."`
	MySQL   bool          `name:"mysql" xor:"flavor" help:"Use MySQL. Default: whichever is found, MariaDB first."`
	MariaDB bool          `name:"mariadb" xor:"flavor" help:"Use MariaDB."`
	Port    *int          `placeholder:"PORT" help:"Where the page listens on 127.0.0.1. Default: 8080, or a free port where that is taken."`
}

func (demoCmd) Help() string {
	return `Starts a private database server in a temporary folder, with a sample hockey draft, and rowcast on it.
Ctrl-C ends everything and removes the folder. It needs no config, no privileges and no running server,
only the programs of MariaDB or MySQL: make servers installs both.

  rowcast demo --auto`
}

const demoDrain = 2 * time.Second

func (d *demoCmd) Run(c *console) (err error) {
	if d.Every < 10*time.Millisecond {
		return usageError{fmt.Errorf("--every %s is too often; give 10ms or more", d.Every)}
	}
	if d.Port != nil && (*d.Port < 0 || *d.Port > 65535) {
		return usageError{fmt.Errorf("--port %d is not a number from 0 to 65535", *d.Port)}
	}
	ctx, stop := untilHangup(c.ctx)
	defer stop()
	steps := io.Writer(c.stderr)
	s, err := demo.Start(ctx, throwaway.Options{Flavor: d.flavor(), Log: steps})
	if err != nil {
		if ctx.Err() != nil {
			return nil // Ctrl-C while it started
		}
		return err
	}
	defer func() {
		if closeErr := s.Close(); err == nil {
			err = closeErr
		}
	}()
	file, text := filepath.Join(s.Dir(), "config.toml"), s.Config(d.listen(steps))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	conf, err := parseConfig(file, text, nil)
	if err != nil {
		return err
	}
	a := &app{conf: conf, facts: io.Discard, log: slog.New(slog.NewTextHandler(c.stderr, &slog.HandlerOptions{Level: slog.LevelWarn})), drain: demoDrain}
	if err := a.open(); err != nil {
		return err
	}
	a.handler = s.Board(a.handler)
	shown := make(chan error, 1) // so that its end never waits for us
	go func() {
		err := d.show(ctx, c.stdout, s, a)
		if err != nil {
			stop()
		}
		shown <- err
	}()
	err = a.run(ctx)
	stop()
	err = cmp.Or(err, <-shown)
	fmt.Fprintln(steps, "removing "+s.Dir())
	return err
}

// show prints what there is to see, once it can be seen, and picks.
func (d *demoCmd) show(ctx context.Context, out io.Writer, s *demo.Draft, a *app) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !a.src.Status().Connected {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	d.banner(out, s, a)
	if !d.Auto {
		return nil
	}
	return s.Pick(ctx, d.Every)
}

// untilHangup ends with ctx, and when the terminal is closed, unless rowcast was
// started to outlive that (nohup).
func untilHangup(ctx context.Context) (context.Context, context.CancelFunc) {
	if signal.Ignored(syscall.SIGHUP) {
		return context.WithCancel(ctx)
	}
	return signal.NotifyContext(ctx, syscall.SIGHUP)
}

func (d *demoCmd) flavor() throwaway.Flavor {
	switch {
	case d.MySQL:
		return throwaway.MySQL
	case d.MariaDB:
		return throwaway.MariaDB
	}
	return ""
}

// listen is where the page will be: at the port that is easy to remember, unless
// it is taken.
func (d *demoCmd) listen(steps io.Writer) string {
	if d.Port != nil {
		return fmt.Sprintf("127.0.0.1:%d", *d.Port)
	}
	const usual = "127.0.0.1:8080"
	l, err := listen("", usual)
	if err != nil {
		fmt.Fprintln(steps, usual+" is taken: the page gets another port")
		return "127.0.0.1:0"
	}
	_ = l.Close()
	return usual
}

func (d *demoCmd) banner(out io.Writer, s *demo.Draft, a *app) {
	name := "MySQL"
	if s.Flavor() == throwaway.MariaDB {
		name = "MariaDB"
	}
	fmt.Fprintf(out, `%s %s runs in %s, with a hockey draft in database draft.

  board   %s/board/
  page    %s
  stream  curl -N %s/events/picks
  SQL     %s draft
  config  %s, for check, tail and explain --config

Insert a pick there, or on the board, and see it at once:

  INSERT INTO picks (round, team, player) VALUES (1, 'Oilers', 'Jori Lahtinen');

Ctrl-C ends everything and removes that folder.
`, name, s.Version(), s.Dir(), a.url(), a.url(), a.url(), s.ClientCommand(), a.conf.file)
}
