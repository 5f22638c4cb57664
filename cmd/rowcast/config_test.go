package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
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
	want.lines, want.fromEnv = got.lines, got.fromEnv
	want.Source.Password = "rowcast"
	want.HTTP.CORSOrigins, want.HTTP.Hosts = []string{}, []string{}
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
	for _, setting := range got.settings() {
		_, name, _ := strings.Cut(setting.key, ".")
		if !strings.Contains(string(text), name+" = ") {
			t.Errorf("%s is missing", setting.key)
		}
	}
	some := filepath.Join(t.TempDir(), "some")
	if err := os.WriteFile(some, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	all = regexp.MustCompile(`/etc/rowcast/[a-z.]+`).ReplaceAllLiteralString(all, some)
	if _, err = parseConfig("config.toml", all, nil); err != nil {
		t.Error(err)
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
	if want := "c.toml: this account may not read it; change its owner or mode with chown or chmod"; err.Error() != want {
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
		"ROWCAST_STREAM_ROWS_MEMORY=2MiB", "ROWCAST_STREAM_MAX_QUERIES=64",
		"ROWCAST_HTTP_CORS_ORIGINS=https://a.example, https://b.example", "ROWCAST_CONFIG=c.toml", "HOME=/",
		"KUBERNETES_SERVICE_HOST=10.0.0.1", "ROWCAST_PORT=tcp://10.0.0.2:80", "ROWCAST_SERVICE_HOST=10.0.0.2",
		"ROWCAST_HTTP_PORT=tcp://10.0.0.2:80", "ROWCAST_HTTP_PORT_80_TCP_ADDR=10.0.0.2", "ROWCAST_HTTP_SERVICE_PORT_WEB=80", "ROWCAST_NGINX_DIR=/tmp",
	})
	if err != nil {
		t.Fatal(err)
	}
	s := c.Source
	if s.Addr != "db:3307" || s.User != "a" || s.Password != "p " || s.ServerID != 7 || c.Stream.MaxReplays != 9 ||
		c.Stream.Heartbeat != duration(time.Minute) || c.Stream.History != 1<<30 || len(c.HTTP.CORSOrigins) != 2 ||
		c.stream().RowsMemory != 2<<20 || c.stream().MaxQueries != 64 {
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

// Windows' editors begin a file with a byte order mark, be it before a header.
func TestConfigByteOrderMark(t *testing.T) {
	if _, err := parseConfig("c.toml", "\ufeff[source]\naddr = \"db:3306\"\n"+someTable, nil); err != nil {
		t.Error(err)
	}
}

// Each key has its line, however it is written.
func TestConfigLines(t *testing.T) {
	c := defaultConfig()
	err := c.decode(strings.Join([]string{
		`# one`,
		`http.listen = ":80"`,
		`[stream] # [b]`,
		`"ping" = "x # \" ] }" # c`,
		`'history' = "1MiB"`,
		`[source]`,
		`user = """`,
		`[admin]`,
		`listen = 1"""""`,
		`tls_ca = ""`,
		`[[table]]`,
		`columns = [ "]", # d`,
		`  'y',`,
		`]`,
		`name = '''`,
		`z = 1''' # e`,
		`params = { x = "}", y = "[" }`,
		`[ table . "mask" ]`,
		`email = "null"`,
		``,
		`[["table"]]`,
		`name = "a.b"`,
		`mask.phone = "null"`,
	}, "\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{
		"http": 2, "http.listen": 2, "stream": 3, "stream.ping": 4, "stream.history": 5, "source": 6, "source.user": 7, "source.tls_ca": 10,
		"table": 11, "table.0.columns": 12, "table.0.name": 15, "table.0.params": 17, "table.0.params.x": 17, "table.0.params.y": 17,
		"table.0.mask": 18, "table.0.mask.email": 19, "table.1.name": 22, "table.1.mask": 23, "table.1.mask.phone": 23,
	}
	if !reflect.DeepEqual(c.lines, want) {
		t.Errorf("%v", c.lines)
	}
	if c.Tables[0].Line != 11 || c.Tables[1].Line != 21 || c.Tables[0].Mask["email"] != "null" || c.Tables[1].Mask["phone"] != "null" ||
		len(c.Tables[0].Columns) != 2 || c.Source.User != "[admin]\r\nlisten = 1\"\"" || c.HTTP.Listen != ":80" {
		t.Errorf("%+v", c)
	}
}

// FuzzConfig: no text makes the reader panic, its statements hold the keys of
// the whole in their order, and each key is on the line of its statement.
func FuzzConfig(f *testing.F) {
	text, err := os.ReadFile("../../config.toml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add("a.b = '''\nx'''\n[[c]]\n[c.d]\ne = [{f = 1}, 2]\n")
	f.Add("\"a\\u0062\" = 1\n'' = 2")
	f.Add("[a]\r\nb = [ # c\r\n 1,\r\n]\r\n[a.d]\r\ne = \"\"\"\\\n  f = 1\"\"\"\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = parseConfig("c.toml", text, nil)
		whole, err := toml.Decode(text, new(map[string]any))
		if err != nil {
			return
		}
		var got, want []string
		for _, key := range whole.Keys() {
			want = append(want, key[len(key)-1])
		}
		line := 1
		for at, part := range tomlStatements(text) {
			md, err := toml.Decode(part, new(map[string]any))
			if err != nil || at != line {
				t.Fatalf("line %d, not %d: %q: %v", at, line, part, err)
			}
			line += strings.Count(part, "\n")
			for _, key := range md.Keys() {
				got = append(got, key[len(key)-1])
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("keys %q, not %q", got, want)
		}
	})
}

func TestUnits(t *testing.T) {
	for text, want := range map[string]size{"0B": 0, "1KiB": 1024, "64 MiB": 64 << 20, "1gib": 1 << 30, "10kb": 10_000, "12B": 12} {
		var s size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%s: %d, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "B", "-1B", "1.5MiB", "99999999999GiB", "1e3B"} {
		var s size
		if s.UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q is accepted as %d", text, s)
		}
	}
	for text, want := range map[string]time.Duration{"15s": 15 * time.Second, "90s": 90 * time.Second, "1h30m": 90 * time.Minute, "250ms": 250 * time.Millisecond, "1 h": time.Hour} {
		var d duration
		if err := d.UnmarshalText([]byte(text)); err != nil || time.Duration(d) != want {
			t.Errorf("%s: %d, %v", text, d, err)
		}
	}
}
