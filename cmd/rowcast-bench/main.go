//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"rowcast/internal/program"
	"rowcast/internal/throwaway"
)

// common are the options of every benchmark.
type common struct {
	Flavor  string `enum:"mysql,mariadb," default:"" help:"mysql or mariadb. Default: whichever is found, MariaDB first."`
	Rounds  int    `default:"3" help:"How often each contender has its turn; medians are shown."`
	Profile string `type:"existingdir" help:"A folder for CPU profiles of rowcast, for go tool pprof."`
	Rowcast string `type:"existingfile" help:"A rowcast program to measure. Default: one is built from this tree."`
}

type commands struct {
	All    allCmd    `cmd:"" help:"Everything, for the README."`
	Decode decodeCmd `cmd:"" help:"Binlog to finished SSE frames beside go-mysql and mysqlbinlog."`
	Fanout fanoutCmd `cmd:"" help:"CPU, memory and latency of many clients, beside a bare loop of writes and nchan."`
	Poll   pollCmd   `cmd:"" help:"Latency beside a poll of the table, queries and memory at rest."`
	Rows   rowsCmd   `cmd:"" help:"What first visitors with rows cost, beside a bare loop of writes, SELECT and the server's own client."`
	Child  childCmd  `cmd:"" hidden:"" help:"A contender in a process of its own."`
}

type allCmd struct {
	Decode decodeCmd `embed:"" prefix:"decode-"`
	Fanout fanoutCmd `embed:"" prefix:"fanout-"`
	Poll   pollCmd   `embed:"" prefix:"poll-"`
	Rows   rowsCmd   `embed:"" prefix:"rows-"`
}

func (a *allCmd) Run(b *bench) error {
	for _, run := range []func(*bench) error{a.Poll.Run, a.Fanout.Run, a.Rows.Run, a.Decode.Run} {
		if err := run(b); err != nil {
			return err
		}
	}
	return nil
}

// bench is one run: where things go and what was built for it.
type bench struct {
	common
	ctx context.Context
	out io.Writer // tables
	log io.Writer // progress
	dir string    // removed at the end
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "rowcast-bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	var cli struct {
		common
		commands
	}
	k := kong.Parse(&cli, kong.Name("rowcast-bench"), kong.Description("Measures rowcast beside its peers and prints Markdown."))
	if cli.Rounds < 1 {
		return errors.New("--rounds must be 1 or more")
	}
	b := &bench{common: cli.common, ctx: ctx, out: os.Stdout, log: os.Stderr}
	if k.Selected() != nil && k.Selected().Name == "child" {
		return k.Run(b)
	}
	if b.dir, err = os.MkdirTemp("", "rowcast-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if program.RaiseFiles() == 0 {
		return errors.New("the limit of open files can't be read, which bounds the number of clients")
	}
	if err := b.build(); err != nil {
		return err
	}
	b.machine()
	return k.Run(b)
}

func (b *bench) logf(format string, args ...any) { fmt.Fprintf(b.log, format+"\n", args...) }

// database starts a throwaway server; the caller closes it.
func (b *bench) database(args ...string) (*throwaway.Server, error) {
	s, err := throwaway.Start(b.ctx, throwaway.Options{
		Flavor: throwaway.Flavor(b.Flavor),
		Args:   append([]string{"--binlog-row-metadata=FULL", "--max-connections=500"}, args...),
	})
	if err != nil {
		return nil, err
	}
	b.logf("%s %s", s.Flavor(), s.Version())
	return s, nil
}
