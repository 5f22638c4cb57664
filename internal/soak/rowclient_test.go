package soak

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// rowStream is a stream of a table that begins with its rows.
type rowStream struct {
	suffix string    // after the name of the table's own stream
	limit  int       // 0: all
	order  []ordered // the whole order, the key's columns included; nil: the key, descending
}

// ordered is a column of an order.
type ordered struct {
	col  string
	desc bool
}

// config is the [[table]] of a stream with rows.
func (r *rowStream) config(t *table) string {
	again := *t
	again.name, again.before = t.name+r.suffix, false
	text := again.config()
	if r.limit == 0 {
		text += "rows = \"all\"\n"
	} else {
		text += fmt.Sprintf("rows = %d\n", r.limit)
	}
	var list []string
	for _, o := range r.order {
		list = append(list, o.col+map[bool]string{true: " DESC"}[o.desc])
	}
	if list != nil {
		text += fmt.Sprintf("order = %q\n", strings.Join(list, ", "))
	}
	return text
}

// rank of a row in the stream's order, as bytes.
func (r *rowStream) rank(t *table, row row) string {
	order := r.order
	if order == nil {
		for _, c := range t.key {
			order = append(order, ordered{c, true})
		}
	}
	var rank []byte
	for _, o := range order {
		var v []byte
		text := row.get(o.col)
		switch {
		case text == "null":
			v = fmt.Appendf(nil, "0%020d", 0)
		case numeric(o.col):
			v = fmt.Appendf(nil, "1%020s", text) // none is negative
		default:
			s, _ := strconv.Unquote(text)
			v = fmt.Appendf(nil, "1%-20s", insensitive.Replace(strings.ToUpper(strings.TrimRight(s, " "))))
		}
		for i := range v {
			if o.desc {
				v[i] = ^v[i]
			}
		}
		rank = append(rank, v...)
	}
	return string(rank)
}

// insensitive undoes the accents that the load writes to keys.
var insensitive = strings.NewReplacer("É", "E")

// stepKind is what a rowClient was given, or did.
type stepKind uint8

const (
	stepFresh   stepKind = iota // it connected without an id
	stepBegan                   // rows
	stepRow                     // row
	stepReady                   // ready
	stepChange                  // insert, update, delete
	stepReset                   // a reset that breaks the sequence
	stepHeard                   // another reset, of this stream or of others
	stepStale                   // rows of another stream begin again under another config: its own will, or have
	stepSettled                 // the client has all rows of all streams
)

// step is one of them.
type step struct {
	kind stepKind
	more bool // of a stepReady: there are others; of a stepRow: it has an id
	at   id
	form
	limit int // of a stepFresh: how many rows are asked for; 0: as configured
}

// form is what a row or a change does to a copy, in hashes.
type form struct {
	key, old, row uint64 // old: the key that is no more; row: 0 for none
}

// rowClient is a subscriber that begins with rows, and keeps all that it is given.
type rowClient struct {
	s       *subscriber
	streams map[int]*rowStream // by table
	order   []int
	limit   int
	steps   map[int][]step
	ready   map[int]bool
	settled atomic.Bool // every stream is ready
	calmed  bool

	begun, resumed, sent int
}

// newRowSubscriber has one stream with rows of some of the tables.
func newRowSubscriber(tables *schema, name string, rng *rand.Rand, fail func(format string, args ...any)) *subscriber {
	c := &rowClient{streams: map[int]*rowStream{}, steps: map[int][]step{}, ready: map[int]bool{}}
	var list []int
	for i, t := range tables.tables {
		if len(t.rows) > 0 {
			list = append(list, i)
		}
	}
	rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	list = list[:1+rng.IntN(min(3, len(list)))]
	for _, i := range list {
		of := tables.tables[i].rows
		c.streams[i] = of[rng.IntN(len(of))]
	}
	c.s = newSubscriber(tables, name, rng, fail, list...)
	c.s.twins = nil
	c.s.bindAny()
	c.s.rows, c.order = c, list
	c.fresh()
	return c.s
}

// about to connect: without an id now and then, and in the calm at least once in a while.
func (c *rowClient) about(calm bool) {
	one := 3
	if calm {
		one = 2
	}
	if c.s.lastID != "" && (!calm || !c.calmed) && c.s.rng.IntN(one) == 0 {
		c.fresh()
	}
	c.calmed = c.calmed || calm
	if strings.Contains(c.s.lastID, "!") {
		c.resumed++
	}
}

// fresh forgets everything.
func (c *rowClient) fresh() {
	c.limit = 0
	if c.s.rng.IntN(4) == 0 {
		c.limit = 1 + c.s.rng.IntN(9) // no stream has fewer
	}
	for _, i := range c.order {
		c.steps[i] = append(c.steps[i], step{kind: stepFresh, at: c.s.last, limit: c.limit})
	}
	clear(c.ready)
	c.settled.Store(false)
	c.s.lastID, c.s.last, c.s.turns = "", id{}, append(c.s.turns, turn{reason: "fresh"})
	c.s.lineage = map[uint32]uint32{}
	c.s.reached.Store(0)
}

func (c *rowClient) path() string {
	q := url.Values{}
	for _, i := range c.order {
		t := c.s.tables[i]
		q.Add("table", t.name+c.streams[i].suffix)
		if t.where != nil {
			q.Set(t.where.param, c.s.binds[i])
		}
	}
	if c.limit > 0 {
		q.Set("rows", strconv.Itoa(c.limit))
	}
	return "/events?" + q.Encode()
}

// take notes a complete block. An error is a broken promise.
func (c *rowClient) take(b *block) error {
	s := c.s
	now := s.last
	if b.id != "" {
		var err error
		if now, err = readID(b.id); err != nil {
			return err
		}
		if b.event == "reset" {
			s.lineage = map[uint32]uint32{}
		}
		if known, ok := s.lineage[now.file]; ok && known != now.lineage {
			return fmt.Errorf("id %s: the file's lineage was %08x before", b.id, known)
		}
		s.lineage[now.file] = now.lineage
		if order := now.compare(s.last); s.lastID != "" && b.event != "reset" && (order < 0 || order == 0 && now.change && b.hasData) {
			return fmt.Errorf("id %s came after %s", b.id, s.lastID)
		}
		if !now.change && b.event != "reset" {
			s.points[now.group()] = true
		}
	}
	if b.event == "ping" {
		return nil
	}
	if b.hasData {
		if s.recent = append(s.recent, fmt.Sprintf("%s %s %.200s", b.id, b.event, b.data)); len(s.recent) > 6 {
			s.recent = s.recent[1:]
		}
		if err := c.data(b, now); err != nil {
			return fmt.Errorf("id %q: %q: %w", b.id, b.data, err)
		}
	}
	if b.id != "" {
		s.lastID, s.last = b.id, now
		s.reached.Store(uint64(now.file)<<32 | uint64(now.pos))
	}
	return nil
}

func (c *rowClient) data(b *block, now id) error {
	switch b.event {
	case "reset":
		var why struct{ Reason string }
		if err := json.Unmarshal(b.data, &why); err != nil {
			return err
		}
		c.s.turns = append(c.s.turns, turn{from: now, reason: why.Reason, message: string(b.data), when: time.Now()})
		kind := stepReset
		if why.Reason == "schema" {
			kind = stepHeard
		}
		for _, i := range c.order {
			c.add(i, step{kind: kind, at: now})
		}
		return nil
	case "rows", "ready":
		return c.bound(b, now)
	case "":
	default:
		return errors.New("an event that is none of these")
	}
	e, err := forms.of(c.s.schema, b.data)
	if err != nil {
		return err
	}
	i := e.table
	if c.streams[i] == nil {
		return errors.New("a table that was not asked for")
	}
	if e.op != "row" {
		if b.id == "" || !now.change {
			return errors.New("a change without an id of its own")
		}
		c.s.events.Add(1)
		c.add(i, step{kind: stepChange, at: now, form: e.form})
		return nil
	}
	if c.ready[i] || len(c.steps[i]) == 0 {
		return errors.New("a row, and no rows before it")
	}
	c.sent++
	c.add(i, step{kind: stepRow, at: now, form: e.form, more: b.id != "" && !now.change})
	return nil
}

// bound is where rows of a stream begin or end.
func (c *rowClient) bound(b *block, now id) error {
	var m struct {
		Stream, Reason string
		Rows           int
		More           bool
	}
	if err := json.Unmarshal(b.data, &m); err != nil {
		return err
	}
	for _, i := range c.order {
		if c.s.tables[i].name+c.streams[i].suffix != m.Stream {
			continue
		}
		if b.event == "rows" {
			c.begun++
			if m.Reason == "config" {
				for _, other := range c.order {
					if other != i {
						c.add(other, step{kind: stepStale, at: now})
					}
				}
			}
			c.ready[i] = false
			c.add(i, step{kind: stepBegan, at: now})
		} else {
			if c.ready[i] || b.id == "" || now.change {
				return errors.New("no place for ready")
			}
			c.ready[i] = true
			c.add(i, step{kind: stepReady, at: now, more: m.More})
		}
		settled := b.event == "ready" && !strings.Contains(b.id, "!")
		for _, i := range c.order {
			if settled && !c.ready[i] {
				return errors.New("the last ready, and a stream has not been ready")
			}
			if settled {
				c.add(i, step{kind: stepSettled, at: now})
			}
		}
		c.settled.Store(settled)
		return nil
	}
	return errors.New("a stream that was not asked for")
}

func (c *rowClient) add(i int, s step) { c.steps[i] = append(c.steps[i], s) }

// formed is what a message says.
type formed struct {
	table int
	op    string
	form
}

// formsKnown keeps what messages say by their bytes: the same rows come again and again.
type formsKnown struct{ m sync.Map }

var forms formsKnown

// keyTexts are the texts of hashed keys, for messages.
var keyTexts sync.Map

func hashKey(text string) uint64 {
	h := maphash.String(hashSeed, text)
	if _, ok := keyTexts.Load(h); !ok {
		keyTexts.Store(h, text)
	}
	return h
}

// hashRow is never 0.
func hashRow(text string) uint64 { return maphash.String(hashSeed, text) | 1 }

func (k *formsKnown) of(tables *schema, data []byte) (formed, error) {
	raw := maphash.Bytes(hashSeed, data)
	if f, ok := k.m.Load(raw); ok {
		return f.(formed), nil
	}
	m, _, err := readMessage(data)
	if err != nil {
		return formed{}, err
	}
	f := formed{table: tables.index(m.Table), op: m.Op}
	if f.table < 0 || m.key == nil || (m.Op == "delete") != (m.row == nil) {
		return formed{}, errors.New("a message without what it needs")
	}
	f.key = hashKey(fmt.Sprint(m.key))
	if m.old != nil {
		f.old = hashKey(fmt.Sprint(m.old))
	}
	switch m.Op {
	case "row", "insert", "update":
		f.row = hashRow(fmt.Sprint(m.row))
	case "delete":
		f.old = f.key
	default:
		return formed{}, errors.New("an op that is none of these")
	}
	k.m.Store(raw, f)
	return f, nil
}
