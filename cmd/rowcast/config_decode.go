package main

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"rowcast/internal/nearest"
)

// decoder fills a config from a TOML tree and collects every mistake with its
// line: an operator who made three shall hear of three.
type decoder struct {
	file    string
	tree    map[string]any
	lines   map[string]int
	fromEnv map[string]bool // keys that a variable has set
	errs    []mistake
}

type mistake struct {
	line int
	text string
}

// newDecoder fails only where the file is no TOML at all.
func newDecoder(file, text string) (*decoder, error) {
	d := &decoder{file: file, fromEnv: map[string]bool{}}
	if _, err := toml.Decode(text, &d.tree); err != nil {
		var parse toml.ParseError
		if errors.As(err, &parse) {
			return nil, fmt.Errorf("%s:%d: %s", file, parse.Position.Line, explainTOML(text, parse))
		}
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	d.lines = keyLines(text)
	return d, nil
}

// explainTOML adds what to do, and leaves out what it says of a secret's value:
// the message goes to logs and to /readyz.
func explainTOML(text string, err toml.ParseError) string {
	message := strings.Join(strings.Fields(err.Message), " ")
	line := ""
	if lines := strings.Split(text, "\n"); err.Position.Line >= 1 && err.Position.Line <= len(lines) {
		line = lines[err.Position.Line-1]
	}
	key, _, isKey := strings.Cut(line, "=")
	key = strings.TrimSpace(key)
	switch {
	case isKey && (strings.Contains(key, "password") || strings.Contains(key, "mask_key") || strings.Contains(line, "@")):
		return key + `: its value can't be read; write strings in quotes, as "…"`
	case strings.HasPrefix(message, "expected value but found"):
		return message + `; write strings in quotes, as "…"`
	}
	return message
}

// fail notes a mistake at a key, or at its variable where that has set it.
func (d *decoder) fail(key, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if d.fromEnv[key] {
		d.errs = append(d.errs, mistake{text: envName(key) + ": " + text})
		return
	}
	line := d.line(key)
	place := d.file
	if line > 0 {
		place += ":" + strconv.Itoa(line)
	}
	d.errs = append(d.errs, mistake{line, place + ": " + shownKey(key) + ": " + text})
}

// line is where key stands, or else what it is in.
func (d *decoder) line(key string) int {
	for {
		if line := d.lines[key]; line > 0 {
			return line
		}
		at := strings.LastIndexByte(key, '.')
		if at < 0 {
			return 0
		}
		key = key[:at]
	}
}

// shownKey leaves the numbers of entries and items out: the line says which.
func shownKey(key string) string {
	words := strings.Split(key, ".")
	words = slices.DeleteFunc(words, func(w string) bool { _, err := strconv.Atoi(w); return err == nil })
	return strings.Join(words, ".")
}

func (d *decoder) mistakes() error {
	slices.SortStableFunc(d.errs, func(a, b mistake) int { return a.line - b.line })
	var errs []error
	for _, m := range d.errs {
		errs = append(errs, errors.New(m.text))
	}
	return errors.Join(errs...)
}

func (d *decoder) decode(c *config) {
	d.table("", d.tree, reflect.ValueOf(c).Elem())
}

// field is a key that a struct takes.
type field struct {
	name  string
	value reflect.Value
	bound string // its range tag
}

func fields(v reflect.Value) []field {
	var all []field
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if name := f.Tag.Get("toml"); name != "" && name != "-" {
			all = append(all, field{name, v.Field(i), f.Tag.Get("range")})
		}
	}
	return all
}

func (d *decoder) table(path string, tree map[string]any, v reflect.Value) {
	known := fields(v)
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		at := join(path, key)
		i := slices.IndexFunc(known, func(f field) bool { return f.name == key })
		if i < 0 {
			d.unknown(path, key, known)
			continue
		}
		if d.value(at, tree[key], known[i].value) {
			d.inRange(at, known[i])
		}
	}
}

func (d *decoder) unknown(path, key string, known []field) {
	var names []string
	for _, f := range known {
		names = append(names, f.name)
	}
	where := "[" + path + "]"
	switch {
	case path == "":
		where = "the file"
	case strings.HasPrefix(path, "table."):
		where = "[[table]]"
	}
	d.fail(join(path, key), "unknown key in %s%s; allowed: %s", where, didYouMean(key, names), strings.Join(names, ", "))
}

func didYouMean(word string, names []string) string {
	if near := nearest.Name(word, names); near != "" {
		return ", did you mean " + near + "?"
	}
	return ""
}
