package soak

import (
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
	at   at
	hash uint64 // of its essence
}

// turn is where a subscriber's sequence begins anew: at its start, or by a reset.
type turn struct {
	records int // how many there were before
	from    id  // a checkpoint
	reason  string
	message string
}

// subscriber is one browser tab: a subscription that it holds on to through all
// that happens, and what it has seen.
type subscriber struct {
	name    string
	rng     *rand.Rand
	streams []int // of tables
	g       int32 // the bind value of stream p
	mirror  *mirror
	fail    func(format string, args ...any)

	lastID  string
	last    id
	turns   []turn
	records []record
	lineage map[uint32]uint32
	points  map[[2]uint32]bool // checkpoints that it was told
	retry   time.Duration
	recent  []string // the last events, for messages

	reached     atomic.Uint64 // file<<32 | pos of last
	events      atomic.Int64
	connects    int
	disconnects int
	sentAway    int
	kinds       map[string]int
}

// essences keeps the essence of each event by its bytes: every subscriber gets
// the same ones, so each is parsed once.
type essences struct{ m sync.Map }

func (e *essences) of(data []byte) (uint64, error) {
	raw := maphash.Bytes(hashSeed, data)
	if h, ok := e.m.Load(raw); ok {
		return h.(uint64), nil
	}
	_, text, err := readMessage(data)
	if err != nil {
		return 0, err
	}
	h := maphash.String(hashSeed, text)
	e.m.Store(raw, h)
	return h, nil
}

var known essences

// path is the URL behind the host, without a last id.
func (s *subscriber) path() string {
	q := url.Values{}
	for _, i := range s.streams {
		q.Add("table", tables[i].name)
		if tables[i].where && (s.g != 0 || s.rng.IntN(2) == 0) {
			q.Set("g", strconv.Itoa(int(s.g)))
		}
	}
	if len(s.streams) == 1 && s.rng.IntN(2) == 0 {
		name := q.Get("table")
		q.Del("table")
		return "/events/" + name + "?" + q.Encode()
	}
	return "/events?" + q.Encode()
}

// take notes a complete block. An error is a broken promise.
func (s *subscriber) take(b *block) error {
	if b.retry != "" {
		ms, _ := strconv.Atoi(b.retry)
		s.retry = time.Duration(ms) * time.Millisecond
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
		var why struct{ Reason, LastEventID, Message string }
		_ = json.Unmarshal(b.data, &why)
		s.turns = append(s.turns, turn{len(s.records), now, why.Reason, string(b.data)})
		if s.mirror != nil {
			s.mirror.lost = true
		}
	case b.event != "":
		return fmt.Errorf("id %s: event %q", b.id, b.event)
	case len(s.turns) == 0:
		if now.change || b.hasData {
			return fmt.Errorf("the first id is %s, which is no checkpoint", b.id)
		}
		s.turns = []turn{{from: now}}
	case b.hasData && now.compare(s.last) <= 0 || now.compare(s.last) < 0:
		return fmt.Errorf("id %s came behind %s", b.id, s.lastID)
	}
	s.lastID, s.last = b.id, now
	s.reached.Store(uint64(now.file)<<32 | uint64(now.pos))
	if !now.change {
		s.points[[2]uint32{now.file, now.pos}] = true
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
	hash, err := known.of(b.data)
	if err != nil {
		return fmt.Errorf("id %s: %q: %w", b.id, b.data, err)
	}
	s.records = append(s.records, record{now.at, hash})
	s.events.Add(1)
	if s.recent = append(s.recent, b.id+" "+string(b.data)); len(s.recent) > 6 {
		s.recent = s.recent[1:]
	}
	if s.mirror != nil {
		return s.mirror.apply(b.data)
	}
	return nil
}

// run connects again and again until calm ends in quiet: then it stays until ctx ends.
func (s *subscriber) run(ctx, storm context.Context, addrs []string) {
	for ctx.Err() == nil {
		addr := addrs[s.rng.IntN(len(addrs))]
		calm := storm.Err() != nil
		err := s.session(ctx, addr, calm)
		if errors.Is(err, errBroken) {
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
