package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Tests, files and make targets that the docs name exist.
func TestDocsNames(t *testing.T) {
	tests, makefile := testNames(t), document(t, root+"Makefile")
	name := regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w+`)
	file := regexp.MustCompile(`^(?:cdc|filters|stream|cmd|internal|docs)/[\w./*-]*$`)
	target := regexp.MustCompile(`^make ([a-z]+)\b`)
	for _, page := range documents(t) {
		for _, test := range name.FindAllString(document(t, page), -1) {
			if !tests[test] {
				t.Errorf("%s: there is no %s", page, test)
			}
		}
	}
	for _, line := range typed(t) {
		if file.MatchString(line) {
			if found, err := filepath.Glob(root + line); err != nil || len(found) == 0 {
				t.Errorf("there is no %s: %v", line, err)
			}
		}
		if m := target.FindStringSubmatch(line); m != nil && !strings.Contains(makefile, "\n"+m[1]+":") {
			t.Errorf("the Makefile has no target %s", m[1])
		}
	}
}

func testNames(t testing.TB) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git"):
			return filepath.SkipDir
		case strings.HasSuffix(path, "_test.go"):
			for _, m := range function.FindAllStringSubmatch(document(t, path), -1) {
				names[m[1]] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// What the HTML of the README takes from the client module is there.
func TestDocsModule(t *testing.T) {
	types := document(t, root+"stream/web/rowcast.d.ts")
	imports, options := 0, regexp.MustCompile(`(?m)(?:^ +|\{ )(on[A-Z]\w+|load|params): `)
	for _, s := range chosen(t, "html") {
		m := regexp.MustCompile(`import \{ ([^}]*) \} from`).FindStringSubmatch(s.text)
		if m == nil {
			continue
		}
		for _, name := range strings.Split(m[1], ", ") {
			if imports++; !strings.Contains(types, "export function "+name+"<") {
				t.Errorf("%s:%d: rowcast.js has no %s", s.file, s.line, name)
			}
		}
		for _, option := range options.FindAllStringSubmatch(s.text, -1) {
			if !regexp.MustCompile(`  ` + option[1] + `\?[(:]`).MatchString(types) {
				t.Errorf("%s:%d: rowcast.js has no option %s", s.file, s.line, option[1])
			}
		}
	}
	if imports == 0 {
		t.Error("nobody imports it")
	}
}

// Links lead to files that are there, and to headings that they have.
func TestDocsLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	_, prose := snippets(t)
	for page, text := range prose {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			path, anchor, _ := strings.Cut(m[1], "#")
			to := page
			if path != "" {
				to = filepath.Join(filepath.Dir(page), path)
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: %s: %v", page, m[1], err)
			} else if anchor != "" && !anchors(document(t, to))[anchor] {
				t.Errorf("%s: %s has no heading %s", page, to, anchor)
			}
		}
	}
}

// anchors are what headings are linked by.
func anchors(text string) map[string]bool {
	dropped := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	found := map[string]bool{}
	for line := range strings.Lines(text) {
		if heading := strings.TrimLeft(line, "#"); heading != line {
			name := dropped.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), "")
			found[strings.ReplaceAll(name, " ", "-")] = true
		}
	}
	return found
}

// The unit is well-formed, and leaves rowcast the time that it gives it to drain.
func TestDocsUnit(t *testing.T) {
	section, unit := "", map[string]string{}
	for line := range strings.Lines(document(t, root+"docs/rowcast.service")) {
		line = strings.TrimSpace(line)
		switch name, value, ok := strings.Cut(line, "="); {
		case line == "", strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
			section = line
		case !ok || section == "" || strings.ContainsAny(name, " \t"):
			t.Errorf("%q is no setting", line)
		default:
			if _, twice := unit[section+name]; twice {
				t.Errorf("%s stands there twice", name)
			}
			unit[section+name] = value
		}
	}
	for name, want := range map[string]string{
		"[Unit]Description": `.+`, "[Service]ExecStart": `^/usr/local/bin/rowcast serve `, "[Service]ExecReload": `-HUP \$MAINPID$`,
		"[Service]LimitNOFILE": `^\d{5,}$`, "[Service]TimeoutStopSec": `^\d+s$`, "[Install]WantedBy": `^multi-user.target$`,
		"[Service]Environment": `^ROWCAST_SOURCE_PASSWORD_FILE=%d/password$`, "[Service]LoadCredential": `^password:/`,
	} {
		if !regexp.MustCompile(want).MatchString(unit[name]) {
			t.Errorf("%s is %q, want %s", name, unit[name], want)
		}
	}
	_, drain, _ := strings.Cut(unit["[Service]ExecStart"], "--drain ")
	if d, err := time.ParseDuration(drain); err != nil || unit["[Service]TimeoutStopSec"] <= d.String() {
		t.Errorf("TimeoutStopSec %s leaves no time after --drain %s: %v", unit["[Service]TimeoutStopSec"], drain, err)
	}
}

// The dashboard is JSON, each panel asks for something, and no two share a place.
func TestDocsDashboard(t *testing.T) {
	var board struct {
		Title  string
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(document(t, root+"docs/grafana.json")), &board); err != nil {
		t.Fatal(err)
	}
	if board.Title == "" || len(board.Panels) == 0 {
		t.Error("the dashboard is empty")
	}
	ids, places := map[int]bool{}, map[string]bool{}
	for _, p := range board.Panels {
		place := fmt.Sprint(p.GridPos)
		if ids[p.ID] || places[place] || p.Title == "" || len(p.Targets) == 0 {
			t.Errorf("panel %d, %q", p.ID, p.Title)
		}
		ids[p.ID], places[place] = true, true
		for _, target := range p.Targets {
			if !strings.Contains(target.Expr, "rowcast_") && !strings.Contains(target.Expr, "process_") {
				t.Errorf("panel %q asks for %q", p.Title, target.Expr)
			}
		}
	}
}
