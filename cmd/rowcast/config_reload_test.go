package main

import (
	"crypto/sha256"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"rowcast/internal/throwaway"
)

// streamsAre waits until /streams lists just those names.
func streamsAre(t testing.TB, i *instance, names ...string) {
	t.Helper()
	poll(t, "streams "+strings.Join(names, ", "), func() string {
		_, text := get(t, i.url+"/streams")
		if strings.Count(text, `"name":"`)-strings.Count(text, `"params"`) < len(names) {
			return "it says: " + text
		}
		for _, name := range names {
			if !strings.Contains(text, `"name":"`+name+`"`) {
				return "it says: " + text
			}
		}
		return ""
	})
}

func replaceFile(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file+"~", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+"~", file); err != nil {
		t.Fatal(err)
	}
}

func TestReload(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		base := configFor(s, "[[table]]\nname = \"draft.picks\"\nas = \"picks\"\n")
		i := launch(t, base).ready(t)
		c := subscribe(t, i.url+"/events/picks", "").begun(t)
		insertPick(t, s, 1, "p0")
		c.wait(t, 1)

		// Written in place: a stream comes.
		if err := os.WriteFile(i.file, []byte(base+"[[table]]\nname = \"draft.teams\"\nas = \"teams\"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		streamsAre(t, i, "picks", "teams")

		// Renamed over: bad ones change nothing and are reported.
		for text, want := range map[string]string{
			base + "[stream]\nretri = \"1s\"\n":                          "did you mean retry?",
			base + "columns = [\"plyer\"]\n":                             "plyer",
			base + "[[table]]\nname = \"draft.nowhere\"\n":               "there is no table nowhere",
			base + "[[table]]\nname = \"draft.picks\"\nas = \"picks\"\n": "picks",
		} {
			replaceFile(t, i.file, text)
			poll(t, "the mistake to be told", func() string {
				if _, text := get(t, i.url+"/readyz"); !strings.Contains(text, want) {
					return "it says: " + text
				}
				return ""
			})
			streamsAre(t, i, "picks", "teams")
		}

		// A good one takes the complaint back, and changes what picks sends.
		replaceFile(t, i.file, base+"columns = [\"player\"]\n")
		poll(t, "the reload", func() string {
			if _, text := get(t, i.url+"/readyz"); strings.Contains(text, "table.") {
				return "it says: " + text
			}
			if _, text := get(t, i.url+"/streams"); strings.Contains(text, "teams") {
				return "it says: " + text
			}
			return ""
		})
		insertPick(t, s, 1, "p1")
		events := c.wait(t, 2)
		numbered(t, players(t, events), 2)
		if strings.Contains(events[1].data, "round") || !strings.Contains(events[0].data, "round") {
			t.Errorf("%v", events)
		}

		// The stream goes.
		replaceFile(t, i.file, configFor(s, "[[table]]\nname = \"draft.teams\"\nas = \"teams\"\n"))
		c.until(t, "the end", func() bool { return c.ended })
		if last := c.data()[2]; last.event != "reset" || !strings.Contains(last.data, `"schema"`) {
			t.Errorf("%v", last)
		}
		if c := subscribe(t, i.url+"/events/picks", ""); c.status != http.StatusNotFound {
			t.Errorf("status %d", c.status)
		}
	})
}

// The ways in which a file gets another content.
func TestWatch(t *testing.T) {
	dir := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, path string) {
		t.Helper()
		if err := os.Symlink(to, path+"~"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+"~", path); err != nil {
			t.Fatal(err)
		}
	}
	// A config map: config.toml → ..data/config.toml, ..data → a dated folder.
	write(filepath.Join(dir, "..1", "config.toml"), "one")
	link("..1", filepath.Join(dir, "..data"))
	file := filepath.Join(dir, "config.toml")
	link(filepath.Join("..data", "config.toml"), file)

	w, err := watchFile(file, sha256.Sum256([]byte("one")), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	told := func(what string) {
		t.Helper()
		select {
		case <-w.changed:
		case <-time.After(testPatience):
			t.Fatalf("%s was not noticed", what)
		}
	}
	write(filepath.Join(dir, "..2", "config.toml"), "two")
	link("..2", filepath.Join(dir, "..data"))
	told("a swapped link")
	write(filepath.Join(dir, "..2", "config.toml"), "three")
	told("a change after the links")
	write(filepath.Join(dir, "..2", "config.toml"), "three") // the same again
	replaceFile(t, file, "four")
	told("a file renamed over the link")
	replaceFile(t, file, "five")
	told("a file renamed over the file")
	write(file, "six")
	told("a file written in place")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	told("a file removed")
	write(file, "six")
	told("its return")

	// A log in the same folder that never rests.
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(settle / 10)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-tick.C:
				_ = os.WriteFile(filepath.Join(dir, "access.log"), []byte(strconv.Itoa(n)), 0o600)
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	replaceFile(t, file, "seven")
	told("a change in a busy folder")
	link("..1", filepath.Join(dir, "..data"))
	link(filepath.Join("..data", "config.toml"), file)
	told("links that came into a busy folder")
	link("..2", filepath.Join(dir, "..data"))
	told("a link swapped in a busy folder")
	replaceFile(t, file, "six")
	told("the file's return in a busy folder")

	// What changed between reading and watching.
	late, err := watchFile(file, sha256.Sum256([]byte("five")), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	select {
	case <-late.changed:
	case <-time.After(testPatience):
		t.Fatal("a change before the watch was not noticed")
	}
}
