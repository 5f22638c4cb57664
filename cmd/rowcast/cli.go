package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/alecthomas/kong"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// commands is the command line; each command's help is with its type.
type commands struct {
	Serve   serveCmd   `cmd:"" default:"withargs" help:"Stream the changes that the config publishes. The default command."`
	Check   checkCmd   `cmd:"" help:"Check the config and the live server, with the SQL to fix problems."`
	Tail    tailCmd    `cmd:"" help:"Print the events of streams on standard output, without HTTP."`
	Explain explainCmd `cmd:"" help:"Show a change, and why a stream passes it on or not."`
	Demo    demoCmd    `cmd:"" help:"Start a throwaway database with a sample, and rowcast on it."`
	Health  healthCmd  `cmd:"" help:"Ask a running rowcast whether it is healthy, for container health checks."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// console is what a command has of the world outside.
type console struct {
	ctx            context.Context
	stdout, stderr io.Writer
	env            []string
}

// variable is one of the environment; the last one counts, as where it is started.
func (c *console) variable(name string) (value string, ok bool) {
	for _, pair := range c.env {
		if text, found := strings.CutPrefix(pair, name+"="); found {
			value, ok = text, true
		}
	}
	return value, ok
}

// usageError is a command line that makes no sense.
type usageError struct{ error }

// exitCode is an error that has been reported already: it is the process's exit code.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// lockedWriter lets log lines and facts be written from several goroutines.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// run is the whole program; it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, env []string) (code int) {
	defer func() {
		if p := recover(); p != nil {
			wanted, ok := p.(exitCode) // kong's wish to exit, after --help
			if !ok {
				panic(p)
			}
			code = int(wanted)
		}
	}()
	stderr = &lockedWriter{w: stderr}
	var cli commands
	parser, err := kong.New(&cli,
		kong.Name("rowcast"),
		kong.Description("rowcast streams the committed row changes of a MySQL or MariaDB database to browsers, as Server-Sent Events.\n\n"+
			"  rowcast demo     to see it at work\n"+
			"  rowcast check    before running it against a server\n"+
			"  rowcast serve    with config.toml in this folder"),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { panic(exitCode(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100, NoAppDescFormat: true}),
	)
	if err != nil {
		panic(err) // the struct above is wrong
	}
	c := &console{ctx: ctx, stdout: stdout, stderr: stderr, env: env}
	return report(stderr, execute(c, parser, args))
}

func execute(c *console, parser *kong.Kong, args []string) error {
	if len(args) > 0 && args[0] == "help" { // as with other programs
		args = append(slices.Clone(args[1:]), "--help")
	}
	if err := knownCommand(parser, args); err != nil {
		return err
	}
	if len(args) == 1 && args[0] == "--version" { // what many try first
		args = []string{"version"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		help := "rowcast --help"
		var parse *kong.ParseError
		if errors.As(err, &parse) && parse.Context != nil && parse.Context.Selected() != nil {
			help = "rowcast " + parse.Context.Selected().Name + " --help"
		}
		return usageError{fmt.Errorf("%w; see %s", err, help)}
	}
	return parsed.Run(c)
}

// knownCommand refuses what is not a command: since serve is the default, a
// mistyped one would be taken for an argument of serve.
func knownCommand(parser *kong.Kong, args []string) error {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return nil
	}
	var names []string
	for _, node := range parser.Model.Children {
		names = append(names, node.Name)
	}
	if slices.Contains(names, args[0]) {
		return nil
	}
	return usageError{fmt.Errorf("unknown command %q%s; there are %s; see rowcast --help", args[0], didYouMean(args[0], names), strings.Join(names, ", "))}
}

// report prints an error, a line for each mistake, and chooses the exit code.
func report(stderr io.Writer, err error) int {
	var reported exitCode
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &reported):
		return int(reported)
	}
	for _, e := range flatten(err) {
		fmt.Fprintln(stderr, "rowcast: "+oneLine(e.Error()))
	}
	var usage usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}

// oneLine is a text without its line breaks.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), " ")
}

// configFlag is what every command that reads the config takes.
type configFlag struct {
	Config *string `placeholder:"FILE" help:"The config. Default: what the variable ROWCAST_CONFIG names, else config.toml."`
}

// load reads the config.
func (f configFlag) load(c *console) (*config, error) {
	file, err := f.path(c)
	if err != nil {
		return nil, err
	}
	return loadConfig(file, c.env)
}

func (f configFlag) path(c *console) (string, error) {
	if f.Config != nil {
		if *f.Config == "" {
			return "", usageError{errors.New("--config is empty; name a file, or leave it out for config.toml")}
		}
		return *f.Config, nil
	}
	if name, ok := c.variable("ROWCAST_CONFIG"); ok && name != "" {
		return name, nil
	}
	return "config.toml", nil
}

// flatten takes joined errors apart.
func flatten(err error) []error {
	if u, ok := err.(unfit); ok {
		return flatten(u.error)
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, flatten(e)...)
	}
	return all
}
