package main

import (
	"errors"
	"fmt"
	"iter"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"rowcast/filters"
	"rowcast/internal/nearest"
)

// decode fills the config from a text. The library gives the line of a mistake
// only where the text is not TOML at all. So it gets the text statement by
// statement, each below the header that it stands under: a mistake is on the line
// of its statement, and the first one that is found is the first in the file.
func (c *config) decode(text string) error {
	text = strings.TrimPrefix(text, "\ufeff") // the byte order mark of Windows' editors
	if _, err := toml.Decode(text, new(map[string]any)); err != nil {
		return c.explainTOML(text, err)
	}
	s := statement{entry: -1}
	for s.line, s.text = range tomlStatements(text) {
		if path, isHeader := headerOf(s.text); isHeader {
			s.header, s.entry = "", -1
			switch {
			case path == "[[table]]":
				c.Tables = append(c.Tables, filters.Table{Line: s.line})
				s.entry = len(c.Tables) - 1
			case strings.HasPrefix(path, "table.") && len(c.Tables) > 0: // [table.mask]
				s.header, s.entry = "[[table]]\n", len(c.Tables)-1
			}
			if err := c.take(&s); err != nil {
				return err
			}
			s.header += s.text
		} else if err := c.take(&s); err != nil {
			return err
		}
	}
	return nil
}

// statement is a header, or a key and its value.
type statement struct {
	header string // what it stands under, as TOML
	entry  int    // which [[table]] that is, or -1
	line   int
	text   string
}

// path names a key of the statement, as config.lines does.
func (s *statement) path(key string) string {
	if rest, ok := strings.CutPrefix(key, "table."); ok && s.entry >= 0 {
		return fmt.Sprintf("table.%d.%s", s.entry, rest)
	}
	return key
}

// tomlStatements are the parts of a TOML text that are TOML by themselves, and the
// lines on which they begin: values go on over several lines.
func tomlStatements(text string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		lines := strings.SplitAfter(text, "\n")
		for from, to := 0, 1; from < len(lines); from, to = to, to+1 {
			part := lines[from]
			for ; to < len(lines); to++ {
				if _, err := toml.Decode(part, new(map[string]any)); err == nil {
					break
				}
				part += lines[to]
			}
			if !yield(from+1, part) {
				return
			}
		}
	}
}

// headerOf is table.mask for [table.mask], and [[table]] for that.
func headerOf(text string) (path string, isHeader bool) {
	md, err := toml.Decode(text, new(map[string]any))
	if err != nil || len(md.Keys()) == 0 || !strings.HasPrefix(strings.TrimLeft(text, " \t"), "[") {
		return "", false
	}
	key := md.Keys()[len(md.Keys())-1]
	if md.Type(key...) == "ArrayHash" {
		return "[[" + key.String() + "]]", true
	}
	return key.String(), true
}

// take decodes one statement.
func (c *config) take(s *statement) error {
	above, _ := toml.Decode(s.header, new(map[string]any)) // it was taken before
	md, err := toml.Decode(s.header+s.text, new(map[string]any))
	if err != nil {
		return fmt.Errorf("%s:%d: %w", c.file, s.line, err) // the text as a whole could be read
	}
	keys := md.Keys()[len(above.Keys()):]
	for _, key := range keys {
		for i := range key {
			if path := s.path(key[:i+1].String()); c.lines[path] == 0 {
				c.lines[path] = s.line
			}
		}
	}
	if len(keys) == 1 {
		if _, ok := c.fromEnv[keys[0].String()]; ok {
			return nil // what the file says does not matter
		}
	}
	for _, key := range keys {
		t, err := c.typeOf(s, key)
		if err != nil {
			return err
		}
		want, form := formOf(t, key)
		if found := md.Type(key...); !slices.Contains(want, found) {
			return c.mistake(s.path(key.String()), "must be %s, not %s", form, foundNames[found])
		}
	}
	// The entry at hand is all that the library sees of [[table]].
	all := c.Tables
	if s.entry >= 0 {
		c.Tables = all[s.entry:]
	}
	_, err = toml.Decode(s.header+s.text, c)
	c.Tables = all
	var parse toml.ParseError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &parse):
		return c.mistake(s.path(parse.LastKey), "%s", strings.Replace(parse.Message, " for uint32", "; allowed: 0 to 4294967295", 1))
	}
	return c.mistake(s.path(keys[len(keys)-1].String()), `must be a list of strings in quotes, as ["a", "b"]`) // all else was looked at before
}

// typeOf is the type of a key, or the error that there is no such key. The
// library would take keys in upper case as well.
func (c *config) typeOf(s *statement, key toml.Key) (reflect.Type, error) {
	t := reflect.TypeFor[config]()
	for i, word := range key {
		if t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		switch t.Kind() {
		case reflect.Struct:
			names, types := keysOf(t)
			at := slices.Index(names, word)
			if at < 0 {
				where := "the file"
				switch {
				case s.entry >= 0:
					where = "[[table]]"
				case i > 0:
					where = "[" + key[:i].String() + "]"
				}
				return nil, c.mistake(s.path(key[:i+1].String()), "unknown key in %s%s; allowed: %s", where, didYouMean(word, names), strings.Join(names, ", "))
			}
			t = types[at]
		case reflect.Map:
			t = t.Elem()
		default:
			return nil, c.mistake(s.path(key[:i].String()), "must be a value, not a table")
		}
	}
	return t, nil
}

// keysOf are the keys that a section takes, and their types.
func keysOf(t reflect.Type) (names []string, types []reflect.Type) {
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("toml"); name != "" && name != "-" {
			names, types = append(names, name), append(types, t.Field(i).Type)
		}
	}
	return names, types
}

// formOf says which of TOML's types a key may have, and how a value is written. The
// library would take a number for a string, and no notice of a string where a
// map belongs.
func formOf(t reflect.Type, key toml.Key) (names []string, form string) {
	switch t { // what is something else in Go
	case reflect.TypeFor[duration]():
		return []string{"String"}, `a string in quotes, as "15s"`
	case reflect.TypeFor[size]():
		return []string{"String"}, `a string in quotes, as "64MiB"`
	case reflect.TypeFor[filters.RowsConfig]():
		return []string{"Integer", "String"}, `a whole number without quotes, or "all"`
	}
	switch t.Kind() {
	case reflect.Bool:
		return []string{"Bool"}, "true or false, without quotes"
	case reflect.Int, reflect.Uint32:
		return []string{"Integer"}, "a whole number without quotes"
	case reflect.Struct:
		return []string{"Hash"}, "a section, written [" + key.String() + "]"
	case reflect.Map:
		return []string{"Hash"}, `a table of strings, as { name = "…" }`
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Struct {
			return []string{"ArrayHash"}, "entries that each begin with [[" + key.String() + "]], in two brackets"
		}
		return []string{"Array"}, `a list in brackets, as ["a", "b"]`
	}
	return []string{"String"}, `a string in quotes, as "…"`
}

var foundNames = map[string]string{
	"String": "a string", "Integer": "a number", "Float": "a number with a fraction", "Bool": "true or false without quotes",
	"Datetime": "a date or time", "Array": "a list", "Hash": "a table", "ArrayHash": "a list of tables",
}

// explainTOML adds what to do, and leaves out what it says of a secret's value:
// the message goes to logs and to /readyz.
func (c *config) explainTOML(text string, err error) error {
	var parse toml.ParseError
	if !errors.As(err, &parse) {
		return fmt.Errorf("%s: %w", c.file, err)
	}
	message := strings.Join(strings.Fields(parse.Message), " ")
	line := ""
	if lines := strings.Split(text, "\n"); parse.Position.Line >= 1 && parse.Position.Line <= len(lines) {
		line = lines[parse.Position.Line-1]
	}
	key, _, isKey := strings.Cut(line, "=")
	key = strings.TrimSpace(key)
	switch {
	case isKey && (strings.Contains(key, "password") || strings.Contains(key, "mask_key") || strings.Contains(line, "@")):
		message = key + `: its value can't be read; write strings in quotes, as "…"`
	case strings.HasPrefix(message, "expected value but found"):
		message += `; write strings in quotes, as "…"`
	}
	return fmt.Errorf("%s:%d: %s", c.file, parse.Position.Line, message)
}

// mistake is an error at a key, or at its variable where that has set it.
func (c *config) mistake(key, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	if _, ok := c.fromEnv[key]; ok {
		return errors.New(envName(key) + ": " + text)
	}
	place := c.file
	if line := c.line(key); line > 0 {
		place += ":" + strconv.Itoa(line)
	}
	return errors.New(place + ": " + entryNumber.ReplaceAllString(key, "table.") + ": " + text)
}

var entryNumber = regexp.MustCompile(`^table\.\d+\.`)

// line is where a key is, or else what it is in.
func (c *config) line(key string) int {
	for {
		if line := c.lines[key]; line > 0 {
			return line
		}
		at := strings.LastIndexByte(key, '.')
		if at < 0 {
			return 0
		}
		key = key[:at]
	}
}

func didYouMean(word string, names []string) string {
	if near := nearest.Name(word, names); near != "" {
		return ", did you mean " + near + "?"
	}
	return ""
}
