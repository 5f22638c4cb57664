package soak

import (
	"bytes"
	"context"
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

// record is one event that a subscriber got.
type record struct {
	at    at
	table int
	hash  uint64 // of its essence
}

// turn is the start of a subscriber's sequence, or a reset.
type turn struct {
	records int // how many there were before
	from    id
	reason  string
	message string
	when    time.Time
}

// subscriber is one browser tab: a subscription that it holds on to through all
// that happens, and what it has seen.
type subscriber struct {
	*schema
	name    string
	rng     *rand.Rand
	streams []int          // of tables
	binds   map[int]string // the values of their parameters
	twins   map[int]bool   // of these streams it asks for the twin as well; true: before the stream
	mirror  *mirror
	rows    *rowClient // it begins with rows
	fail    func(format string, args ...any)

	lastID  string
	last    id
	half    *block // the first of two events of one change, of which the second is to come
	turns   []turn
	records []record
	lineage map[uint32]uint32
	points  map[group]bool // checkpoints that it was given
	retry   time.Duration
	recent  []string // the last events, for messages

	reached     atomic.Uint64 // file<<32 | pos of last
	events      atomic.Int64
	gaveUp      atomic.Bool // a promise was broken, and nothing more was read
	connects    int
	disconnects int
	sentAway    int
	kinds       map[string]int
}

// newSubscriber of streams, with the first of the values that their parameters may have.
func newSubscriber(tables *schema, name string, rng *rand.Rand, fail func(format string, args ...any), streams ...int) *subscriber {
	s := &subscriber{schema: tables, name: name, rng: rng, fail: fail, streams: streams, binds: map[int]string{}, twins: map[int]bool{},
		lineage: map[uint32]uint32{}, points: map[group]bool{}, kinds: map[string]int{}, retry: 20 * time.Millisecond}
	for _, i := range streams {
		if where := tables.tables[i].where; where != nil {
			s.binds[i] = where.binds[0]
		}
		if tables.tables[i].twin() && rng.IntN(3) > 0 {
			s.twins[i] = rng.IntN(2) == 0
		}
	}
	return s
}

// bindAny takes any of the values that parameters may have.
func (s *subscriber) bindAny() {
	for _, i := range s.streams {
		if where := s.tables[i].where; where != nil {
			s.binds[i] = where.binds[s.rng.IntN(len(where.binds))]
		}
	}
}

// essence of an event, and the table that it names.
type essence struct {
	table string
	hash  uint64
}

// essences keeps the essence of each event by its bytes: every subscriber gets
// the same ones, so each is parsed once.
type essences struct{ m sync.Map }

func (e *essences) of(data []byte) (essence, error) {
	raw := maphash.Bytes(hashSeed, data)
	if h, ok := e.m.Load(raw); ok {
		return h.(essence), nil
	}
	m, text, err := readMessage(data)
	if err != nil {
		return essence{}, err
	}
	h := essence{m.Table, maphash.String(hashSeed, text)}
	e.m.Store(raw, h)
	return h, nil
}

var known essences

// path is the URL after the host, without a last id.
func (s *subscriber) path() string {
	if s.rows != nil {
		return s.rows.path()
	}
	q := url.Values{}
	for _, i := range s.streams {
		t := s.tables[i]
		first, twins := s.twins[i]
		if twins && first {
			q.Add("table", t.name+twinSuffix)
		}
		q.Add("table", t.name)
		if twins && !first {
			q.Add("table", t.name+twinSuffix)
		}
		if p := t.where; p != nil && (p.required || s.binds[i] != p.binds[0] || s.rng.IntN(2) == 0) {
			q.Set(p.param, s.binds[i])
		}
	}
	if len(q["table"]) == 1 && s.rng.IntN(2) == 0 {
		name := q.Get("table")
		q.Del("table")
		return "/events/" + url.PathEscape(name) + "?" + q.Encode()
	}
	return "/events?" + q.Encode()
}

// take notes a complete block. An error is a broken promise.
func (s *subscriber) take(b *block) error {
	if b.retry != "" {
		ms, _ := strconv.Atoi(b.retry)
		s.retry = time.Duration(ms) * time.Millisecond
	}
	if s.rows != nil {
		return s.rows.take(b)
	}
	if b.id == "" {
		return nil
	}
	now, err := readID(b.id)
	if err != nil {
		return err
	}
	if b.event == "reset" {
		s.lineage = map[uint32]uint32{} // it may be another binlog now
	}
	if known, ok := s.lineage[now.file]; ok && known != now.lineage {
		return fmt.Errorf("id %s: the file's lineage was %08x before", b.id, known)
	}
	s.lineage[now.file] = now.lineage
	switch {
	case b.event == "reset":
		var why struct{ Reason string }
		_ = json.Unmarshal(b.data, &why)
		if why.Reason == "schema" && len(s.turns) > 0 && now.compare(s.last) < 0 {
			return fmt.Errorf("reset with id %s after %s", b.id, s.lastID)
		}
		s.turns = append(s.turns, turn{len(s.records), now, why.Reason, string(b.data), time.Now()})
	case b.event != "" && b.event != "twin":
		return fmt.Errorf("id %s: event %q", b.id, b.event)
	case len(s.turns) == 0:
		if now.change || b.hasData {
			return fmt.Errorf("the first id is %s, which is not a checkpoint", b.id)
		}
		s.turns = []turn{{from: now}}
	case b.hasData && now.compare(s.last) <= 0 || now.compare(s.last) < 0:
		return fmt.Errorf("id %s came after %s", b.id, s.lastID)
	}
	if s.mirror != nil { // what came before is all that there was
		s.mirror.look(now, len(s.turns), b.event == "reset")
	}
	switch {
	case b.event == "reset":
		s.half = nil // it speaks of all of the group
	case s.half != nil && !b.hasData && b.id != s.lastID:
		return fmt.Errorf("id %s came after one of two events of a change, %s", b.id, s.lastID)
	}
	s.lastID, s.last = b.id, now
	s.reached.Store(uint64(now.file)<<32 | uint64(now.pos))
	if !now.change {
		s.points[now.group()] = true
	}
	if b.event == "reset" || !b.hasData {
		return nil
	}
	if !now.change {
		return fmt.Errorf("data with a checkpoint's id %s: %s", b.id, b.data)
	}
	return s.note(b, now)
}

func (s *subscriber) note(b *block, now id) error {
	e, err := known.of(b.data)
	if err != nil {
		return fmt.Errorf("id %s: %q: %w", b.id, b.data, err)
	}
	i := s.index(e.table)
	if i < 0 || !s.wants(i) {
		return fmt.Errorf("id %s: a table that was not asked for: %s", b.id, b.data)
	}
	if second, err := s.pair(b, now, i); second || err != nil {
		return err
	}
	if !s.tables[i].copyOnly {
		s.records = append(s.records, record{now.at, i, e.hash})
	}
	s.events.Add(1)
	if s.recent = append(s.recent, b.id+" "+string(b.data)); len(s.recent) > 6 {
		s.recent = s.recent[1:]
	}
	if s.mirror != nil {
		return s.mirror.apply(i, b.data)
	}
	return nil
}

// pair checks the events of changes that are two: they come one after the other, in the
// order of the request, and say the same.
func (s *subscriber) pair(b *block, now id, table int) (second bool, err error) {
	twinFirst, twins := s.twins[table]
	first := s.half
	s.half = nil
	switch twin := b.event == "twin"; {
	case first != nil && (b.id != first.id+".1" || twin == (first.event == "twin") || !bytes.Equal(b.data, first.data)):
		return false, fmt.Errorf("after %s %q %s came %s %q %s, which is not the other event of the change", first.id, first.event, first.data, b.id, b.event, b.data)
	case first != nil:
		return true, nil
	case now.nth != 0 || twin != (twins && twinFirst):
		return false, fmt.Errorf("id %s, event %q: not the first event of a change", b.id, b.event)
	case twins:
		s.half = &block{id: b.id, event: b.event, data: bytes.Clone(b.data)}
	}
	return false, nil
}

// run connects again and again until calm ends in quiet: then it stays until ctx ends.
func (s *subscriber) run(ctx, storm context.Context, addrs []string) {
	for ctx.Err() == nil {
		addr := addrs[s.rng.IntN(len(addrs))]
		calm := storm.Err() != nil
		err := s.session(ctx, addr, calm)
		if errors.Is(err, errBroken) {
			s.gaveUp.Store(true)
			s.fail("%s: %v; before that: %s", s.name, err, strings.Join(s.recent, " | "))
			return
		}
		s.disconnects++
		wait := max(s.retry, 10*time.Millisecond)
		if !pause(ctx, between(s.rng, wait/2, wait)) {
			return
		}
	}
}
