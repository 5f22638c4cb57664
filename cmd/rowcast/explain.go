package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"rowcast/cdc"
	"rowcast/filters"
	"rowcast/stream/frame"
)

type explainCmd struct {
	configFlag
	At     string            `placeholder:"ID" xor:"what" help:"The change to explain."`
	Since  time.Duration     `placeholder:"10m" xor:"what" help:"Count what the stream made of all changes of the last while."`
	Key    string            `placeholder:"JSON" xor:"what" help:"The row to explain: whether it is among the stream's rows, and why not. As events write it: {\"id\":7}."`
	Param  map[string]string `placeholder:"NAME=VALUE" help:"Value of a stream's parameter."`
	Stream string            `arg:"" help:"Public name of a stream."`
}

func (explainCmd) Help() string {
	return `Shows a change and, clause by clause, why the stream passes it on or not. With --since it counts, so that
a filter can be tried on what really happened before it is saved; with --key it looks at a row as it is now,
and whether a subscriber begins with it. Masked and unlisted columns stay hidden.

  rowcast explain --at binlog.000042/15873/0.0~67a1f3b2 picks
  rowcast explain --since 10m --config new.toml picks
  rowcast explain --key '{"id":7}' picks`
}

func (e *explainCmd) Run(c *console) error {
	var at cdc.ID
	var err error
	if e.At != "" {
		if at, err = parseID("--at", e.At); err != nil {
			return err
		}
		if at.IsCheckpoint() {
			return usageError{fmt.Errorf("--at %s is a checkpoint, not a change; give an id such as binlog.000042/15873/0.0~67a1f3b2", e.At)}
		}
		at.Position = at.Change() // which of several events it was depends on the request that it is of
	} else if e.Since == 0 && e.Key == "" {
		return usageError{errors.New("say which change with --at ID, which row with --key JSON, or how far back to count with --since 10m; see rowcast explain --help")}
	} else if e.Since < 0 {
		return usageError{fmt.Errorf("--since %s is not in the past; write it as 10m", e.Since)}
	}
	conf, err := e.load(c)
	if err != nil {
		return err
	}
	o, err := openReading(c, conf, []string{e.Stream}, e.Param)
	if err != nil {
		return err
	}
	x := &explaining{reading: o, stream: o.sub.Parts[0].Stream, out: c.stdout}
	if x.binding, err = o.set.Bind(x.stream, e.Param); err != nil {
		return err
	}
	if e.At != "" {
		return x.one(c.ctx, at.Position)
	}
	if e.Key != "" {
		return x.row(c.ctx, e.Key)
	}
	return x.many(c.ctx, time.Now().Add(-e.Since))
}

// explaining is a cdc.Handler that looks at changes rather than sending them.
type explaining struct {
	*reading
	stream  int
	binding *filters.Binding
	out     io.Writer
	change  func(c *cdc.Change) error
	until   cdc.Position // the change, or the checkpoint, with which it ends
	begun   func(p cdc.Position) error
}

// one explains a single change.
func (x *explaining) one(ctx context.Context, at cdc.Position) error {
	x.until = at
	found := false
	x.change = func(c *cdc.Change) error {
		if c.Pos.Compare(at) != 0 {
			return nil
		}
		found = true
		x.show(c)
		return errDone
	}
	if err := served(x.src.Replay(ctx, at.Group(), x), "give the id of an event that the binlog still holds"); err != nil {
		return err
	}
	if !found && ctx.Err() == nil {
		return fmt.Errorf("at %s there is no change of a table that stream %s publishes (%s); `rowcast tail` shows ids",
			at, x.set.Streams()[x.stream].Name, x.set.Streams()[x.stream].Table)
	}
	return nil
}

// show prints a change and the verdict.
func (x *explaining) show(c *cdc.Change) {
	info := x.set.Streams()[x.stream]
	fmt.Fprintf(x.out, "%s of %s at %s, committed %s\n", c.Op, c.Table, c.Pos, c.Time.UTC().Format(time.RFC3339Nano))
	clauses := x.set.Explain(x.stream, c, x.binding)
	for _, clause := range clauses {
		fmt.Fprintln(x.out, "  where "+clauseText(clause))
	}
	op, data, err := x.verdict(c)
	to := became(c, clauses)
	switch {
	case err != nil:
		fmt.Fprintf(x.out, "%s: reset, since it can't be sent exactly: %v\n", info.Name, err)
	case op == 0 && to == 0:
		fmt.Fprintf(x.out, "%s: not sent, since where does not match\n", info.Name)
	case op == 0:
		fmt.Fprintf(x.out, "%s: not sent; to this stream it is %s %s, and on has %s\n", info.Name, article(to), to, strings.Join(info.Ops, ", "))
	default:
		fmt.Fprintf(x.out, "%s: sent as %s\n%s\n", info.Name, op, data)
	}
}

// became is what a change is to a client that sees only rows that match; 0: nothing.
func became(c *cdc.Change, clauses []filters.Clause) cdc.Op {
	before, after := c.Before != nil, c.After != nil
	for _, clause := range clauses {
		before, after = before && clause.Before == "true", after && clause.After == "true"
	}
	return filters.Become(before, after)
}

func article(op cdc.Op) string {
	if op == cdc.Delete {
		return "a"
	}
	return "an"
}

func clauseText(c filters.Clause) string {
	text := c.Text + ": "
	switch {
	case c.Err != nil:
		return text + "can't be judged: " + c.Err.Error()
	case c.Before == "" && c.After == "":
		text += "needs a value; give it with --param"
	case c.Before == "":
		text += c.After
	case c.After == "":
		text += c.Before
	default:
		text += c.Before + " before, " + c.After + " after"
	}
	for _, v := range c.Values {
		switch {
		case v.Hidden:
			text += fmt.Sprintf("; %s is not shown", v.Column)
		case c.Before == "":
			text += fmt.Sprintf("; %s is %s", v.Column, v.After)
		case c.After == "" || v.Before == v.After:
			text += fmt.Sprintf("; %s is %s", v.Column, v.Before)
		default:
			text += fmt.Sprintf("; %s was %s and is %s", v.Column, v.Before, v.After)
		}
	}
	return text
}

// verdict is what the stream makes of a change; op 0: nothing.
func (x *explaining) verdict(c *cdc.Change) (op cdc.Op, data string, err error) {
	x.set.Render(c, func(i int, as cdc.Op, _ string, payload, key []byte, tag any, failed error) {
		if i != x.stream {
			return
		}
		var wanted bool
		if failed == nil {
			wanted, failed = x.sub.Wants(&frame.Frame{Op: as, Stream: i, Key: key, Tag: tag})
		}
		switch {
		case failed != nil:
			err = failed
		case wanted:
			op, data = as, string(payload)
		}
	})
	return op, data, err
}

// Begin implements cdc.Handler.
func (x *explaining) Begin(at cdc.Position) error { return x.end(at) }

// Wants implements cdc.Handler.
func (x *explaining) Wants(schema, table []byte) bool { return x.wants(schema, table) }

// Change implements cdc.Handler.
func (x *explaining) Change(c *cdc.Change) error {
	if err := x.end(c.Pos); err != nil {
		return err
	}
	return x.change(c)
}

// Notice implements cdc.Handler.
func (x *explaining) Notice(n cdc.Notice) error {
	at := n.At
	if at.IsChange() {
		at = at.Group() // the message says where in it
	}
	fmt.Fprintf(x.out, "%s: %s\n", at, n.Message)
	return nil
}

// Checkpoint implements cdc.Handler.
func (x *explaining) Checkpoint(p cdc.Position, _ time.Time) error {
	if x.begun != nil {
		return x.begun(p)
	}
	return x.end(p)
}

func (x *explaining) end(p cdc.Position) error {
	if d := p.Compare(x.until); d > 0 || d == 0 && x.until.IsCheckpoint() {
		return errDone
	}
	return nil
}
