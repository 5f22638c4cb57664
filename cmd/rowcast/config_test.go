package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
)

const someTable = "\n[[table]]\nname = \"draft.picks\"\n"

func TestConfigReference(t *testing.T) {
	text, err := os.ReadFile("../../config.toml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseConfig("config.toml", string(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := defaultConfig()
	want.file = "config.toml"
	want.lines = got.lines
	want.Source.Password = "rowcast"
	want.HTTP.CORSOrigins, want.HTTP.Hosts = []origin{}, []hostName{}
	if len(got.Tables) != 1 || got.Tables[0].Name != "draft.picks" || got.Tables[0].As != "picks" || got.Tables[0].Line == 0 {
		t.Errorf("tables: %+v", got.Tables)
	}
	want.Tables = got.Tables
	if !reflect.DeepEqual(got, want) {
		t.Errorf("config.toml shows other values than the defaults:\n got %+v\nwant %+v", got, want)
	}

	// What it shows in comments is right too, and every key is there.
	var lines []string
	for line := range strings.Lines(string(text)) {
		if key, _, ok := strings.Cut(line, " = "); ok && strings.HasPrefix(key, "# ") && !strings.Contains(key[2:], " ") {
			if key == "# password_file" {
				continue // password stands there
			}
			line = line[2:]
		}
		lines = append(lines, line)
	}
	all := strings.Join(lines, "")
	for _, section := range fields(reflect.ValueOf(got).Elem()) {
		if section.value.Kind() != reflect.Struct {
			continue
		}
		for _, f := range fields(section.value) {
			if !strings.Contains(string(text), f.name+" = ") {
				t.Errorf("%s.%s is missing", section.name, f.name)
			}
		}
	}
	_, err = parseConfig("config.toml", all, nil)
	for _, line := range strings.Split(fmt.Sprint(err), "\n") {
		if err != nil && !strings.Contains(line, "can't read /etc/rowcast/") {
			t.Error(line)
		}
	}
}

func TestConfigUnreadable(t *testing.T) {
	dir := t.TempDir()
	for file, want := range map[string]string{
		filepath.Join(dir, "none.toml"): "there is no such file; write one, or name another with --config (`rowcast demo` needs none)",
		dir:                             "is a directory; give the path of a config file with --config",
	} {
		if _, err := loadConfig(file, nil); err == nil || err.Error() != file+": "+want {
			t.Errorf("got %v, want %s: %s", err, file, want)
		}
	}
	err := explainUnreadable("c.toml", &os.PathError{Op: "open", Path: "c.toml", Err: os.ErrPermission})
	if want := "c.toml: this account may not read it; chown or chmod the file so that it can"; err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestConfigEnvironment(t *testing.T) {
	text := "[source]\naddr = \"wrong\"\nuser = \"a\"\npassword = \"b\"\n" + someTable
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("p \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := parseConfig("c.toml", text, []string{
		"ROWCAST_SOURCE_ADDR=db:3307", "ROWCAST_SOURCE_PASSWORD_FILE=" + file, "ROWCAST_SOURCE_SERVER_ID=7",
		"ROWCAST_STREAM_MAX_REPLAYS=9", "ROWCAST_STREAM_HEARTBEAT=1m", "ROWCAST_STREAM_HISTORY=1GiB",
		"ROWCAST_HTTP_CORS_ORIGINS=https://a.example, https://b.example", "ROWCAST_CONFIG=c.toml", "HOME=/",
		"KUBERNETES_SERVICE_HOST=10.0.0.1", "ROWCAST_PORT=tcp://10.0.0.2:80", "ROWCAST_SERVICE_HOST=10.0.0.2",
		"ROWCAST_HTTP_PORT=tcp://10.0.0.2:80", "ROWCAST_HTTP_PORT_80_TCP_ADDR=10.0.0.2", "ROWCAST_HTTP_SERVICE_PORT_WEB=80", "ROWCAST_NGINX_DIR=/tmp",
	})
	if err != nil {
		t.Fatal(err)
	}
	s := c.Source
	if s.Addr != "db:3307" || s.User != "a" || s.Password != "p " || s.ServerID != 7 || c.Stream.MaxReplays != 9 ||
		c.Stream.Heartbeat != duration(time.Minute) || c.Stream.History != 1<<30 || len(c.HTTP.CORSOrigins) != 2 {
		t.Errorf("%+v", c)
	}
	if shown := fmt.Sprintf("%v %+v %#v", c.Source, c.Source, c.Source.Password); strings.Contains(shown, "p ") && !strings.Contains(shown, "(secret)") {
		t.Errorf("the password is shown: %s", shown)
	}
}

// What a value is must never be told when it may be a secret.
func TestConfigKeepsSecrets(t *testing.T) {
	for _, text := range []string{
		"[source]\npassword = 1234567" + someTable,
		"[source]\npassword = \"1234567\"\npassword_file = \"1\"" + someTable,
		"[values]\nmask_key = [\"1234567\"]" + someTable,
	} {
		if _, err := parseConfig("c.toml", text, nil); err == nil || strings.Contains(err.Error(), "1234567") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestKeyLines(t *testing.T) {
	text := `# one
top.dotted = 1
[a] # [b]
"quoted key" = "x # \" ] }" # c
list = [ "]", # d
  'y',
]
multi = """
z = 1
"""""
last = '''
z = 1''' # e
[[t]]
in = { x = "}", y.z = [1, { w = 2 }] }
[[t]]
[t.sub]
k = 1
`
	lines := keyLines(text)
	for key, want := range map[string]int{
		"top": 2, "top.dotted": 2, "a": 3, "a.quoted key": 4, "a.list": 5, "a.list.1": 6, "a.multi": 8,
		"a.last": 11, "t": 13, "t.0": 13, "t.0.in": 14, "t.0.in.y.z": 14, "t.0.in.y.z.1.w": 14,
		"t.1": 15, "t.1.sub": 16, "t.1.sub.k": 17, "z": 0, "a.z": 0,
	} {
		if lines[key] != want {
			t.Errorf("%s: line %d, want %d", key, lines[key], want)
		}
	}
}

// FuzzConfig: no text makes the reader panic, and each key that the parser
// sees has a line.
func FuzzConfig(f *testing.F) {
	text, err := os.ReadFile("../../config.toml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add("a.b = '''\nx'''\n[[c]]\n[c.d]\ne = [{f = 1}, 2]\n")
	f.Add("\"a\\u0062\" = 1\n'' = 2")
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = parseConfig("c.toml", text, nil)
		var tree map[string]any
		lines := keyLines(text)
		if _, err := toml.Decode(text, &tree); err != nil {
			return
		}
		for key := range tree {
			if lines[key] == 0 && plainKey(key) {
				t.Errorf("no line for %q", key)
			}
		}
	})
}

func plainKey(key string) bool {
	return key != "" && strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

func TestUnits(t *testing.T) {
	for text, want := range map[string]size{"0B": 0, "1KiB": 1024, "64 MiB": 64 << 20, "1gib": 1 << 30, "10kb": 10_000, "12B": 12} {
		var s size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%s: %d, %v", text, s, err)
		}
		var again size
		if err := errors.Join(again.UnmarshalText([]byte(s.String()))); err != nil || again != s {
			t.Errorf("%s is written as %s", text, s)
		}
	}
	for _, text := range []string{"", "B", "-1B", "1.5MiB", "99999999999GiB", "1e3B"} {
		var s size
		if s.UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q is accepted as %s", text, s)
		}
	}
	for text, want := range map[string]string{"15s": "15s", "90s": "1m30s", "1h": "1h", "1h30m": "1h30m", "2m": "2m", "250ms": "250ms", "1 h": "1h"} {
		var d duration
		if err := d.UnmarshalText([]byte(text)); err != nil || d.String() != want {
			t.Errorf("%s: %s, %v", text, d, err)
		}
	}
}
