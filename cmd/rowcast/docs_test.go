package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// What the docs show is tried: here and in docs_names_test.go without a server,
// in docs_server_test.go on real ones, in docs_proxy_test.go behind nginx.

const root = "../../"

// snippet is one block of code.
type snippet struct {
	file   string
	line   int
	labels []string // what stands after ```; none: an indented block
	text   string
}

func (s snippet) is(language string, more ...string) bool {
	if len(s.labels) == 0 || s.labels[0] != language {
		return false
	}
	for _, m := range more {
		if !slices.Contains(s.labels[1:], m) {
			return false
		}
	}
	return true
}

func documents(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(root + "docs/*.md")
	if err != nil || len(files) < 3 {
		t.Fatalf("docs/ holds %d pages: %v", len(files), err)
	}
	return append(files, root+"README.md", root+"CHANGELOG.md")
}

func document(t testing.TB, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// snippets are the blocks of all pages; prose is what stands between them.
func snippets(t testing.TB) (blocks []snippet, prose map[string]string) {
	t.Helper()
	prose = map[string]string{}
	for _, file := range documents(t) {
		fenced, last := false, ""
		n := 0
		for line := range strings.Lines(document(t, file)) {
			n++
			label, fence := strings.CutPrefix(line, "```")
			indented := !fenced && strings.HasPrefix(line, "    ")
			switch {
			case fence:
				if fenced = !fenced; fenced {
					blocks = append(blocks, snippet{file: file, line: n, labels: strings.Fields(label)})
				}
			case indented && last != "indented":
				blocks = append(blocks, snippet{file: file, line: n, text: line[4:]})
			case indented:
				blocks[len(blocks)-1].text += line[4:]
			case fenced:
				blocks[len(blocks)-1].text += line
			default:
				prose[file] += line
			}
			if last = ""; indented {
				last = "indented"
			}
		}
		if fenced {
			t.Errorf("%s: a ``` is not closed", file)
		}
	}
	return blocks, prose
}

// chosen are the blocks of a language, and fails where there are none.
func chosen(t testing.TB, language string, more ...string) (blocks []snippet) {
	t.Helper()
	all, _ := snippets(t)
	for _, s := range all {
		if s.is(language, more...) {
			blocks = append(blocks, s)
		}
	}
	if len(blocks) == 0 {
		t.Fatalf("the docs hold no %s %v", language, more)
	}
	return blocks
}

func TestDocsConfigs(t *testing.T) {
	some := filepath.Join(t.TempDir(), "some")
	if err := os.WriteFile(some, []byte("p\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := regexp.MustCompile(`(?m)^(password_file|tls_\w+) = "[^"]*"`)
	for _, s := range chosen(t, "toml") {
		text := path.ReplaceAllString(s.text, `$1 = "`+some+`"`)
		if !strings.Contains(text, "[[table]]") {
			text += "[[table]]\nname = \"draft.picks\"\n"
		}
		conf, err := parseConfig(s.file, text, []string{"ROWCAST_VALUES_MASK_KEY=k"})
		if err == nil {
			_, err = conf.compile()
		}
		if err != nil {
			t.Errorf("line %d: %v", s.line, err)
		}
	}
}

var inlineCode = regexp.MustCompile("`([^`\n]+)`")

// lines are what a reader may type: each line of unlabelled blocks, and code within sentences.
func typed(t testing.TB) (lines []string) {
	t.Helper()
	blocks, prose := snippets(t)
	for _, s := range blocks {
		if len(s.labels) == 0 || s.is("sh") {
			lines = append(lines, strings.Split(s.text, "\n")...)
		}
	}
	for _, text := range prose {
		for _, m := range inlineCode.FindAllStringSubmatch(text, -1) {
			lines = append(lines, m[1])
		}
	}
	return lines
}

var (
	shellBreak = regexp.MustCompile(`\s#.*|\s*(?:\||&&|;)\s*`)
	assignment = regexp.MustCompile(`^[A-Z_]+=`)
)

// rowcastArgs are the arguments of each rowcast that a line runs.
func rowcastArgs(line string) (calls [][]string) {
	for _, part := range shellBreak.Split(line, -1) {
		words := strings.Fields(part)
		for len(words) > 0 && assignment.MatchString(words[0]) {
			words = words[1:]
		}
		at := -1
		for i, word := range words {
			program := word == "rowcast" || strings.HasSuffix(word, "/rowcast")
			container := words[0] == "docker" && i > 1 && (words[1] == "run" || words[1] == "exec")
			if program && (i == 0 || container) {
				at = i
			}
		}
		if at >= 0 {
			calls = append(calls, words[at+1:])
		}
	}
	return calls
}

func TestDocsCommandLines(t *testing.T) {
	lines := typed(t)
	for line := range strings.Lines(document(t, root+"docs/rowcast.service")) {
		if command, ok := strings.CutPrefix(line, "ExecStart="); ok {
			lines = append(lines, command)
		}
	}
	seen := map[string]bool{}
	for _, line := range lines {
		for _, args := range rowcastArgs(line) {
			parser, err := kong.New(&commands{}, kong.Name("rowcast"), kong.Exit(func(int) {}))
			if err != nil {
				t.Fatal(err)
			}
			if err = knownCommand(parser, args); err == nil {
				_, err = parser.Parse(args)
			}
			if err != nil {
				t.Errorf("rowcast %s: %v", strings.Join(args, " "), err)
			}
			if len(args) > 0 {
				seen[args[0]] = true
			}
		}
	}
	for _, command := range []string{"serve", "check", "tail", "explain", "demo", "health"} {
		if !seen[command] {
			t.Errorf("the docs show no rowcast %s", command)
		}
	}
}
