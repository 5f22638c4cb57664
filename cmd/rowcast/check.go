package main

import (
	"fmt"
	"strings"

	"rowcast/cdc"
	"rowcast/cdc/preflight"
)

type checkCmd struct {
	configFlag
}

func (checkCmd) Help() string {
	return `Reads the config, then asks the server, and prints a line for each thing it looked at: ok, warn or fail,
what was found, and how to fix it. Exits 1 when anything fails.

  rowcast check
  rowcast check --config new.toml && cp new.toml config.toml`
}

// printer prints findings and remembers whether one failed.
type printer struct {
	*console
	failed bool
}

func (p *printer) line(level preflight.Level, text string) {
	p.failed = p.failed || level == preflight.Fail
	fmt.Fprintf(p.stdout, "%-4s  %s\n", level, oneLine(text))
}

func (p *printer) fail(err error) error {
	for _, e := range flatten(err) {
		p.line(preflight.Fail, e.Error())
	}
	return exitCode(exitFailed)
}

func (ch *checkCmd) Run(c *console) error {
	p := &printer{console: c}
	conf, err := ch.load(c)
	if err != nil {
		return p.fail(err)
	}
	set, err := conf.compile()
	if err != nil {
		return p.fail(err)
	}
	p.line(preflight.OK, fmt.Sprintf("config %s: %s", conf.file, count(len(conf.Tables), "stream")))
	src, err := cdc.New(conf.source(nil))
	if err != nil {
		return p.fail(err)
	}
	findings, err := src.Preflight(c.ctx, tableNames(set)...)
	if err != nil {
		return p.fail(err)
	}
	for _, f := range findings {
		p.line(f.Level, f.String())
	}
	verdicts, err := inspectTables(c.ctx, src, conf, set)
	if err != nil {
		return p.fail(err)
	}
	for _, v := range verdicts {
		p.verdict(v)
	}
	if p.failed {
		return exitCode(exitFailed)
	}
	return nil
}

func (p *printer) verdict(v verdict) {
	for _, err := range v.errs {
		_ = p.fail(err)
	}
	name := "stream " + v.stream.Name + ": "
	for _, w := range v.warns {
		p.line(preflight.Warn, name+w)
	}
	if len(v.errs) > 0 {
		return
	}
	for _, def := range v.tables {
		columns := v.stream.Columns
		if len(columns) == 0 {
			for _, column := range def.Columns {
				columns = append(columns, column.Name)
			}
		}
		p.line(preflight.OK, fmt.Sprintf("%s%s of %s.%s (%s)", name, strings.Join(v.stream.Ops, ", "), def.Schema, def.Name, strings.Join(columns, ", ")))
	}
}
