package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"time"

	"rowcast/cdc"
	"rowcast/filters"
	"rowcast/internal/program"
	"rowcast/internal/renderer"
	"rowcast/stream"
)

// app is one running rowcast: config, database, streams and listeners.
type app struct {
	conf  *config
	env   []string
	facts io.Writer // takes a line for each fact at the start; nil: the log does
	log   *slog.Logger
	drain time.Duration

	src     *cdc.Source
	set     *filters.Set // the first one; reload swaps later ones in
	server  *stream.Server
	handler http.Handler // what public answers with
	public  net.Listener
	admin   net.Listener // nil: none

	files   uint64 // that may be open; 0: not known
	clients int    // that may be connected
}

// open does what can fail at once: it checks the config and listens. A port
// that is taken is reported before any wait for the database.
func (a *app) open() (err error) {
	if a.set, err = a.conf.compile(); err != nil {
		return err
	}
	if a.src, err = cdc.New(a.conf.source(a.log)); err != nil {
		return fmt.Errorf("%s: %w", a.conf.file, err)
	}
	conf := a.conf.stream()
	if a.files = program.RaiseFiles(); a.files > 0 {
		conf.MaxClients = min(conf.MaxClients, clientsWith(a.files))
	}
	a.clients = conf.MaxClients
	if a.server, err = stream.NewServer(conf, a.src, renderer.Of(a.set), a.log); err != nil {
		return fmt.Errorf("%s: %w", a.conf.file, err)
	}
	a.handler = a.server.Handler()
	a.set.OnReshape(a.server.Seal)
	if a.public, err = listen("[http] listen", string(a.conf.HTTP.Listen)); err != nil {
		return err
	}
	if a.conf.Admin.Listen != "" {
		if a.admin, err = listen("[admin] listen", string(a.conf.Admin.Listen)); err != nil {
			_ = a.public.Close()
			return err
		}
	}
	return nil
}

func (a *app) fact(format string, args ...any) {
	if a.facts == nil {
		a.log.Info(fmt.Sprintf(format, args...))
		return
	}
	fmt.Fprintf(a.facts, format+"\n", args...)
}

// clientsWith leaves files for the database, the admin listener and requests
// that are no streams: without them a full server could not even say that it is.
func clientsWith(files uint64) int {
	return int(min(files-min(128, files/2), math.MaxInt32))
}

// bound says what limits the clients.
func (a *app) bound() string {
	if a.clients < a.conf.Stream.MaxClients {
		return fmt.Sprintf("the limit of %d open files (ulimit -n, systemd's LimitNOFILE)", a.files)
	}
	return "[stream] max_clients"
}

// url is where the page is.
func (a *app) url() string { return browserURL(a.public.Addr().String()) }

// run serves what is open until ctx ends, then drains; or until something fails
// that waiting can't mend, which it returns.
func (a *app) run(ctx context.Context) error {
	defer a.src.Close()
	a.fact("rowcast %s", version())
	a.fact("config %s: %s", a.conf.file, count(len(a.conf.Tables), "stream"))
	a.fact("at most %d clients, by %s", a.clients, a.bound())
	failed := make(chan error, 3) // one each for the two listeners and the work; nobody waits to send
	public := a.serve(a.public, a.handler, failed)
	a.fact("listening on %s", a.url())
	servers := []*http.Server{public}
	if a.admin != nil {
		servers = append(servers, a.serve(a.admin, a.server.Admin(), failed))
		a.fact("metrics on %s/metrics", browserURL(a.admin.Addr().String()))
	}

	// The work goes on while clients are sent away in order.
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := a.work(working); err != nil && working.Err() == nil {
			failed <- err
		}
	}()
	reloads := make(chan struct{})
	go func() {
		defer close(reloads)
		a.reloadOnChange(working)
	}()

	var err error
	select {
	case <-ctx.Done():
		a.log.Info("shutting down", "drain", a.drain)
	case err = <-failed:
	}
	a.close(context.WithoutCancel(ctx), servers)
	stop()
	<-done
	<-reloads
	return err
}

// serve answers on l until the server is shut down.
func (a *app) serve(l net.Listener, h http.Handler, failed chan<- error) *http.Server {
	s := newHTTP(h, a.log, headTimeout)
	go func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("listen on %s: %w", l.Addr(), err)
		}
	}()
	return s
}

// close ends all responses, then the listeners, within the drain time.
func (a *app) close(ctx context.Context, servers []*http.Server) {
	ctx, cancel := context.WithTimeout(ctx, a.drain)
	defer cancel()
	if err := a.server.Drain(ctx); err != nil {
		a.log.Warn("not every client was sent away in order", "error", err)
	}
	for _, s := range servers {
		shutdown(ctx, s)
	}
}

// work waits for the database, checks it, and reads its binlog.
func (a *app) work(ctx context.Context) error {
	if err := a.waitAndInspect(ctx); err != nil {
		return err
	}
	return a.server.Run(ctx)
}

// count is "1 stream" or "2 streams".
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
