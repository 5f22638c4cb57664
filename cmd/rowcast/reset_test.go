package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rowcast/internal/throwaway"
)

// wantReset resumes with an id that can't be served, and sees the stream go on
// after the reset.
func wantReset(t *testing.T, s *throwaway.Server, i *instance, id, reason string) {
	t.Helper()
	c := subscribe(t, i.url+"/events/picks", id)
	first := c.wait(t, 1)[0]
	var said struct{ Reason, LastEventID, Message string }
	if err := json.Unmarshal([]byte(first.data), &said); err != nil || first.event != "reset" {
		t.Fatalf("%s: %+v, %v", id, first, err)
	}
	if !slices.Contains(strings.Split(reason, "|"), said.Reason) || said.LastEventID != id || said.Message == "" || first.id == "" || strings.Contains(first.id, ".0~") {
		t.Errorf("%s: %s with id %s, want reason %s and a checkpoint", id, first.data, first.id, reason)
	}
	insertPick(t, s, 7, "after the reset")
	next := c.wait(t, 2)[1]
	if next.event != "" || next.row(t).Row["player"] != "after the reset" {
		t.Errorf("after the reset comes %+v", next)
	}
	c.close()
}

// ids of one change before and one after a rotation.
func oldAndNew(t *testing.T, s *throwaway.Server, i *instance) (before, after string) {
	t.Helper()
	c := subscribe(t, i.url+"/events/picks", "").begun(t)
	insertPick(t, s, 1, "old")
	before = c.wait(t, 1)[0].id
	exec(t, s, "FLUSH BINARY LOGS")
	insertPick(t, s, 1, "new")
	after = c.wait(t, 2)[1].id
	c.close()
	return before, after
}

// nextSecond waits until the clock shows another one.
func nextSecond(t testing.TB) {
	t.Helper()
	now := time.Now().Unix()
	poll(t, "the next second", func() string {
		if time.Now().Unix() == now {
			return "it is still the same"
		}
		return ""
	})
}

func TestPurgeAndReset(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		config := configFor(s, twoStreams)
		i := launch(t, config).ready(t)
		before, after := oldAndNew(t, s, i)
		i.stop()
		exec(t, s, "PURGE BINARY LOGS TO 'binlog.000002'")

		i = launch(t, config).ready(t)
		wantReset(t, s, i, before, "purged")
		rest := subscribe(t, i.url+"/events/picks", after).wait(t, 1)
		if got := players(t, rest); got[0] != "after the reset" {
			t.Errorf("an id that was not purged: %v", got)
		}
		i.stop()

		resetBinlog(t, s)
		i = launch(t, config).ready(t)
		wantReset(t, s, i, before, "foreign")
		wantReset(t, s, i, after, "foreign|ahead") // there is no second file yet
	})
}

// RESET while rowcast reads, and nothing is written: the server lets the dump
// hang, and a client of the old binlog must not be served from memory.
func TestResumeAfterResetWhileReading(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		i := launch(t, configFor(s, twoStreams)).ready(t)
		insertPick(t, s, 1, "old")
		c := subscribe(t, i.url+"/events/picks", "").begun(t)
		insertPick(t, s, 1, "older")
		id := c.wait(t, 1)[0].id
		resetBinlog(t, s)
		late := subscribe(t, i.url+"/events/picks", id)
		for _, c := range []*sseClient{c, late} {
			c.until(t, "a reset", func() bool {
				return len(c.events) > 0 && strings.Contains(c.events[len(c.events)-1].data, `"foreign"`)
			})
		}
		insertPick(t, s, 1, "new")
		late.until(t, "what came after the RESET", func() bool {
			return strings.Contains(late.events[len(late.events)-1].data, "new")
		})
	})
}

// RESET while rowcast reads: clients get a reset, and go on.
func TestResetWhileReading(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		i := launch(t, configFor(s, twoStreams)).ready(t)
		oldAndNew(t, s, i)
		c := subscribe(t, i.url+"/events/picks", "").begun(t)
		resetBinlog(t, s)
		if first := c.wait(t, 1)[0]; first.event != "reset" {
			t.Errorf("%+v", first)
		}
		poll(t, "an event after the reset", func() string {
			insertPick(t, s, 1, "after")
			if events := c.data(); events[len(events)-1].event == "" {
				return ""
			}
			return fmt.Sprint(c.data())
		})
	})
}

// resetBinlog begins the binlog anew. Lineages are whole seconds: the new first file
// must not begin in the old one's.
func resetBinlog(t *testing.T, s *throwaway.Server) {
	t.Helper()
	nextSecond(t)
	if err := s.ResetBinlog(); err != nil {
		t.Fatal(err)
	}
}

func TestIDsOfOthers(t *testing.T) {
	ids, newer := map[throwaway.Flavor]string{}, map[throwaway.Flavor]string{}
	servers := map[throwaway.Flavor]*throwaway.Server{}
	instances := map[throwaway.Flavor]*instance{}
	for _, f := range throwaway.Flavors {
		s := draft(t, f)
		resetBinlog(t, s) // two that were begun in one second have one lineage
		i := launch(t, configFor(s, twoStreams)).ready(t)
		ids[f], newer[f] = oldAndNew(t, s, i)
		servers[f], instances[f] = s, i
	}
	for _, f := range throwaway.Flavors {
		for of, id := range ids {
			if of != f {
				wantReset(t, servers[f], instances[f], id, "foreign")
			}
		}
		file, _, _ := strings.Cut(ids[f], "/")
		_, lineage, _ := strings.Cut(ids[f], "~")
		newest, _, _ := strings.Cut(newer[f], "/")
		_, newestLineage, _ := strings.Cut(newer[f], "~")
		for id, reason := range map[string]string{
			"garbage":                               "invalid",
			"gtid/0-1-2":                            "invalid",
			"binlog.000001/0/0.0":                   "invalid",
			"../../etc/passwd.1/4":                  "invalid",
			file + "/5~" + lineage:                  "invalid",
			newest + "/4294967295~" + newestLineage: "ahead",
			// Begun no earlier than the newest: what was lost of this binlog, not another's.
			"binlog.000099/4~" + newestLineage: "ahead",
		} {
			wantReset(t, servers[f], instances[f], id, reason)
		}
		c := subscribe(t, instances[f].url+"/events/picks", strings.Repeat("9", 3000)+".000001/4")
		if first := c.wait(t, 1)[0]; first.event != "reset" || !strings.Contains(first.data, `"invalid"`) {
			t.Errorf("a long id: %.200s", first.data)
		}
		c.close()
	}
}
