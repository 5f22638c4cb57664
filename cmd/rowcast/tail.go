package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"time"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

// tailBuffer is what a long transaction is printed by; each group's end is printed at once.
const tailBuffer = 64 << 10

type tailCmd struct {
	configFlag
	After   string            `placeholder:"ID" xor:"start" help:"Start after this event or checkpoint. Default: now."`
	Rows    bool              `xor:"start" help:"Begin with the rows that the config gives the streams."`
	Until   string            `placeholder:"ID" help:"End with this event, at this checkpoint, or at the present end of the binlog (now). Default: never."`
	Format  string            `enum:"sse,json" default:"sse" help:"sse: as browsers get it; json: an object a line."`
	Param   map[string]string `placeholder:"NAME=VALUE" help:"Value of a stream's parameter."`
	Streams []string          `arg:"" name:"stream" help:"Public names of streams."`
}

func (tailCmd) Help() string {
	return `Prints the same events as /events/STREAM. Each carries its id, so that a pipe can resume with --after,
exactly. When --after can't be served, it prints a reset event and exits 1.

  rowcast tail picks
  rowcast tail --rows --until now picks
  rowcast tail --format json picks teams | jq .data.row
  rowcast tail --after binlog.000042/15873/0.0~67a1f3b2 --until now picks`
}

func (t *tailCmd) Run(c *console) error {
	var after, until cdc.ID
	var err error
	if t.After != "" {
		if after, err = parseID("--after", t.After); err != nil {
			return err
		}
	}
	if t.Until != "" && t.Until != "now" {
		if until, err = parseID("--until", t.Until); err != nil {
			return err
		}
	}
	conf, err := t.load(c)
	if err != nil {
		return err
	}
	o, err := openReading(c, conf, t.Streams, t.Param)
	if err != nil {
		return err
	}
	if t.Until == "now" {
		if until.Position, err = o.src.Now(c.ctx); err != nil {
			return err
		}
	}
	out := bufio.NewWriterSize(c.stdout, tailBuffer)
	r := &tailing{o: o, out: out, after: after.Position, until: until.Position, json: t.Format == "json"}
	if t.Rows || after.Rows.Pending != 0 {
		return r.flushed(r.rows(c.ctx, t.Streams, t.Param, t.After))
	}
	r.Encoder = frame.NewEncoder(o.sub.Catalog(), frame.Output{Frame: r.frame, Checkpoint: r.checkpoint})
	// From the group's start, as a browser's replay: what can't be rendered before
	// --after is reported at the group's end, after it.
	err = o.src.Read(c.ctx, r.after.Group(), r)
	if why, lost := frame.LossOf(err); lost { // what a browser would get; err says more on stderr
		if now, nowErr := o.src.Now(c.ctx); nowErr == nil {
			_ = r.print(frame.AppendReset(nil, now, why, t.After)) // out keeps its error for Flush
		}
	}
	return served(r.flushed(err), "read the table again, then tail without --after")
}

// flushed is the error of a reading that has ended, or else that of printing.
func (t *tailing) flushed(err error) error {
	if flushErr := t.out.Flush(); err == nil || errors.Is(err, errDone) {
		return flushErr
	}
	return err
}

// tailing prints what an Encoder makes of a reading.
type tailing struct {
	*frame.Encoder
	o     *reading
	out   *bufio.Writer
	after cdc.Position   // what is not after it was printed before; zero: nothing was
	until cdc.Position   // zero: never
	reset cdc.Position   // the group that last had a frame that could not be judged
	run   []*frame.Frame // of one change, which may be several events
	json  bool
}

// Begin implements cdc.Handler.
func (t *tailing) Begin(at cdc.Position) error {
	if err := t.change(); err != nil { // of a group without a checkpoint at its end
		return err
	}
	if t.past(at) {
		return errDone
	}
	return t.Encoder.Begin(at)
}

// Wants implements cdc.Handler.
func (t *tailing) Wants(schema, table []byte) bool { return t.o.wants(schema, table) }

// past tells whether everything up to --until stands before p, a place or a checkpoint.
func (t *tailing) past(p cdc.Position) bool {
	if t.until.IsZero() {
		return false
	}
	if t.until.IsCheckpoint() {
		return p.Compare(t.until) >= 0
	}
	return p.Compare(t.until) > 0
}

// frame gathers the frames of one place: in which order they are events, and which of
// them are, is known when all of them have come.
func (t *tailing) frame(f *frame.Frame) error {
	if len(t.run) > 0 && f.Pos.Compare(t.run[0].Pos) != 0 {
		if err := t.change(); err != nil {
			return err
		}
	}
	t.run = append(t.run, f)
	return nil
}

// change prints what was gathered.
func (t *tailing) change() error {
	if len(t.run) == 0 {
		return nil
	}
	run := t.run
	t.run = t.run[:0]
	if t.ended(run[0], run[0].Pos) {
		return errDone
	}
	var room [4]frame.Choice
	for n, choice := range t.o.sub.Choose(room[:0], run, nil) {
		at := choice.Pos.Nth(n)
		if !t.after.IsZero() && at.Compare(t.after) <= 0 {
			continue
		}
		if t.ended(choice.Frame, at) {
			return errDone
		}
		if err := t.event(choice, n); err != nil {
			return err
		}
	}
	return nil
}

// ended tells whether f, which is for the place at, is past --until. A reset stands at
// the checkpoint after its group, and so at --until where that is the last one.
func (t *tailing) ended(f *frame.Frame, at cdc.Position) bool {
	if f.Kind == frame.Reset {
		return !t.until.IsZero() && at.Compare(t.until) > 0
	}
	return t.past(at)
}

// event prints the n-th event of a change.
func (t *tailing) event(choice frame.Choice, n int) error {
	f := choice.Frame
	if choice.Err != nil {
		group := f.Pos.Group()
		if t.reset == group {
			return nil
		}
		t.reset = group
		f = t.Catalog().Unjudged(f, choice.Err)
	}
	return t.print(f.Nth(n).Block)
}

// print writes a block as it is, or as one line of JSON; data that is not JSON is
// a string there.
func (t *tailing) print(block []byte) error {
	if !t.json {
		_, err := t.out.Write(block)
		return err
	}
	m, _ := frame.Parse(block)
	line := struct {
		ID    string `json:"id"`
		Event string `json:"event"`
		Data  any    `json:"data"`
	}{m.ID, m.Event, m.Data}
	if json.Valid([]byte(m.Data)) {
		line.Data = json.RawMessage(m.Data)
	}
	enc := json.NewEncoder(t.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(line)
}

// checkpoint ends a group: what was printed leaves now.
func (t *tailing) checkpoint(p cdc.Position, _ time.Time) error {
	if err := t.change(); err != nil {
		return err
	}
	if err := t.out.Flush(); err != nil {
		return err
	}
	if t.past(p) {
		return errDone
	}
	return nil
}
