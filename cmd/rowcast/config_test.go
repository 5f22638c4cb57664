package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
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

// Each mistake that an operator makes, with the whole of what is said.
func TestConfigMistakes(t *testing.T) {
	dir := t.TempDir()
	closed := filepath.Join(dir, "closed")
	if err := os.WriteFile(closed, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		text string
		env  []string
		want string
	}{
		"syntax": {
			text: "[source]\naddr = 127.0.0.1:3306\n",
			want: `c.toml:2: `,
		},
		"unknown key": {
			text: "[source]\naddress = \"db:3306\"" + someTable,
			want: `c.toml:2: source.address: unknown key in [source], did you mean addr?; allowed: addr, user, password, password_file, tls, tls_ca, tls_cert, tls_key, server_id`,
		},
		"unknown section": {
			text: "[sauce]\nuser = \"x\"" + someTable,
			want: `c.toml:1: sauce: unknown key in the file, did you mean source?; allowed: source, http, admin, stream, values, table`,
		},
		"unknown key of a table": {
			text: someTable + "colums = [\"id\"]\n",
			want: `c.toml:4: table.colums: unknown key in [[table]], did you mean columns?; allowed: name, as, on, columns, mask, where, params, event, data, text, before`,
		},
		"one bracket": {
			text: "[table]\nname = \"a.b\"\n",
			want: `c.toml:1: table: each entry begins with [[table]], in two brackets, not [table]`,
		},
		"no table": {
			text: "[stream]\n",
			want: `c.toml: no [[table]], so that nothing would be published; add one with name = "schema.table"`,
		},
		"section as value": {
			text: "stream = 5\n" + someTable,
			want: `c.toml:1: stream: it must be a section, written [stream], not the number 5`,
		},
		"duration without unit": {
			text: "[stream]\nheartbeat = \"15\"" + someTable,
			want: `c.toml:2: stream.heartbeat: "15" is no duration; write a number with a unit, as "15s" (units: ms, s, m, h)`,
		},
		"duration as number": {
			text: "[stream]\nheartbeat = 15" + someTable,
			want: `c.toml:2: stream.heartbeat: it must be a string in quotes, as "15s", not the number 15`,
		},
		"duration out of range": {
			text: "[stream]\nheartbeat = \"10ms\"" + someTable,
			want: `c.toml:2: stream.heartbeat: 10ms is out of range; write a value from 100ms to 1h`,
		},
		"size without unit": {
			text: "[stream]\nhistory = \"64\"" + someTable,
			want: `c.toml:2: stream.history: "64" is no size; write a whole number with a unit, as "64MiB" (units: B, KiB, MiB, GiB)`,
		},
		"size with wrong unit": {
			text: "[stream]\nhistory = \"64 megs\"" + someTable,
			want: `c.toml:2: stream.history: "64 megs" is no size; write a whole number with a unit, as "64MiB" (units: B, KiB, MiB, GiB)`,
		},
		"size out of range": {
			text: "[stream]\nhistory = \"1TB\"\npadding = \"1GiB\"" + someTable,
			want: "c.toml:2: stream.history: \"1TB\" is no size; write a whole number with a unit, as \"64MiB\" (units: B, KiB, MiB, GiB)\n" +
				"c.toml:3: stream.padding: 1GiB is out of range; write a value from 0B to 1MiB",
		},
		"number in quotes": {
			text: "[stream]\nmax_replays = \"4\"" + someTable,
			want: `c.toml:2: stream.max_replays: it must be a whole number without quotes, not a string`,
		},
		"fraction": {
			text: "[stream]\nmax_replays = 4.5" + someTable,
			want: `c.toml:2: stream.max_replays: it must be a whole number without quotes, not the number 4.5`,
		},
		"number out of range": {
			text: "[stream]\nmax_replays = 0\nmax_clients = -1" + someTable,
			want: "c.toml:2: stream.max_replays: 0 is out of range; write a value from 1 to 1000\n" +
				"c.toml:3: stream.max_clients: -1 is out of range; write a value from 1 to 10000000",
		},
		"server_id out of range": {
			text: "[source]\nserver_id = -1" + someTable,
			want: `c.toml:2: source.server_id: -1 is not from 0 to 4294967295`,
		},
		"bool in quotes": {
			text: someTable + "before = \"yes\"\n",
			want: `c.toml:4: table.before: it must be true or false, without quotes, not a string`,
		},
		"string without list": {
			text: someTable + "on = \"insert\"\n",
			want: `c.toml:4: table.on: it must be a list in brackets, as ["a", "b"], not a string`,
		},
		"number in a list": {
			text: someTable + "columns = [\n  \"id\",\n  7,\n]\n",
			want: `c.toml:6: table.columns: it must be a string in quotes, as "…", not the number 7`,
		},
		"number as parameter": {
			text: someTable + "params = { round = 0 }\n",
			want: `c.toml:4: table.params.round: it must be a string in quotes, as "…", not the number 0`,
		},
		"mask as string": {
			text: someTable + "mask = \"null\"\n",
			want: `c.toml:4: table.mask: it must be a table of strings, as { name = "…" }, not a string`,
		},
		"date": {
			text: "[source]\nuser = 2026-11-21" + someTable,
			want: `c.toml:2: source.user: it must be a string in quotes, as "…", not a date or time`,
		},
		"tls": {
			text: "[source]\ntls = \"verify_full\"" + someTable,
			want: `c.toml:2: source.tls: "verify_full" is not allowed; write "off", "preferred", "required", "verify-ca" or "verify-full"; did you mean "verify-full"?`,
		},
		"bigint": {
			text: "[values]\nbigint = \"text\"" + someTable,
			want: `c.toml:2: values.bigint: "text" is not allowed; write "number" or "string"`,
		},
		"address without port": {
			text: "[source]\naddr = \"db\"" + someTable,
			want: `c.toml:2: source.addr: "db" has no port; write "db:3306", or the absolute path of a socket`,
		},
		"address as URL": {
			text: "[source]\naddr = \"mysql://db:3306\"" + someTable,
			want: `c.toml:2: source.addr: "mysql://db:3306" is no address; write host:port, as "127.0.0.1:3306" or "[::1]:3306", or the absolute path of a socket`,
		},
		"port": {
			text: "[http]\nlisten = \"127.0.0.1:80800\"" + someTable,
			want: `c.toml:2: http.listen: port "80800" is not a number from 0 to 65535`,
		},
		"listen without port": {
			text: "[http]\nlisten = \"8080\"" + someTable,
			want: `c.toml:2: http.listen: "8080" is no address; write host:port, as "127.0.0.1:8080", or ":8080" for every interface`,
		},
		"listen twice": {
			text: "[http]\nlisten = \":80\"\n[admin]\nlisten = \":80\"" + someTable,
			want: `c.toml:4: admin.listen: :80 is where [http] listens; choose another port, or "" for no admin listener`,
		},
		"listen nowhere": {
			text: "[http]\nlisten = \"\"" + someTable,
			want: `c.toml:2: http.listen: it is empty, so that nobody could connect; write host:port, as 127.0.0.1:8080`,
		},
		"origin with path": {
			text: "[http]\ncors_origins = [\"https://example.org/\"]" + someTable,
			want: `c.toml:2: http.cors_origins: "https://example.org/" is more than an origin, or not in lower case; write "https://example.org"`,
		},
		"origin without scheme": {
			text: "[http]\ncors_origins = [\"example.org\"]" + someTable,
			want: `c.toml:2: http.cors_origins: "example.org" is no origin; write scheme://host or scheme://host:port, as "https://example.org", or "*" alone`,
		},
		"origin null": {
			text: "[http]\ncors_origins = [\"null\"]" + someTable,
			want: `c.toml:2: http.cors_origins: "null" is no origin; write scheme://host or scheme://host:port, as "https://example.org", or "*" alone`,
		},
		"origins and star": {
			text: "[http]\ncors_origins = [\"*\", \"https://example.org\"]" + someTable,
			want: `c.toml:2: http.cors_origins: "*" stands alone; remove it or the other origins`,
		},
		"host with scheme": {
			text: "[http]\nhosts = [\"https://example.org\"]" + someTable,
			want: `c.toml:2: http.hosts: "https://example.org" is no host name; write it without scheme and path, as "rows.example.org"`,
		},
		"ping named reset": {
			text: "[stream]\nping = \"reset\"" + someTable,
			want: `c.toml:2: stream.ping: "reset" is taken by the notice that exactness was lost; choose another name`,
		},
		"ping with line break": {
			text: "[stream]\nping = \"a\\nb\"" + someTable,
			want: `c.toml:2: stream.ping: an event name can't hold a line break`,
		},
		"two passwords": {
			text: "[source]\npassword = \"hush\"\npassword_file = \"x\"" + someTable,
			want: "c.toml:3: source.password_file: password is given as well; keep one of the two\n" +
				"c.toml:3: source.password_file: can't read x: no such file or directory; check the path and its permissions",
		},
		"password file away": {
			text: "[source]\npassword_file = \"/nowhere\"" + someTable,
			want: `c.toml:2: source.password_file: can't read /nowhere: no such file or directory; check the path and its permissions`,
		},
		"half a certificate": {
			text: "[source]\ntls_cert = " + strconv.Quote(closed) + someTable,
			want: `c.toml:2: source.tls_cert: tls_cert and tls_key belong together; give both or neither`,
		},
		"certificates without tls": {
			text: "[source]\ntls = \"off\"\ntls_ca = " + strconv.Quote(closed) + someTable,
			want: `c.toml:2: source.tls: it is "off", so that tls_ca, tls_cert and tls_key do nothing; choose "verify-full" or remove them`,
		},
		"unknown variable": {
			text: someTable,
			env:  []string{"ROWCAST_SOURCE_PASWORD=hush"},
			want: `environment: ROWCAST_SOURCE_PASWORD sets no key, did you mean ROWCAST_SOURCE_PASSWORD?; unset it`,
		},
		"bad variable": {
			text: someTable,
			env:  []string{"ROWCAST_STREAM_MAX_REPLAYS=many", "ROWCAST_SOURCE_SERVER_ID=-7", "ROWCAST_STREAM_RETRY=5"},
			want: "ROWCAST_STREAM_MAX_REPLAYS: \"many\" is no whole number\n" +
				"ROWCAST_SOURCE_SERVER_ID: \"-7\" is no whole number from 0 to 4294967295\n" +
				`ROWCAST_STREAM_RETRY: "5" is no duration; write a number with a unit, as "15s" (units: ms, s, m, h)`,
		},
		"many at once": {
			text: "[source]\nuser = 5\n\n[stream]\nhistroy = \"1MiB\"\nretry = \"2\"\n\n[[table]]\nname = \"a.b\"\n\n[[table]]\nname = \"a.c\"\nbefor = true\n",
			want: `c.toml:2: source.user: it must be a string in quotes, as "…", not the number 5` + "\n" +
				`c.toml:5: stream.histroy: unknown key in [stream], did you mean history?; allowed: heartbeat, retry, padding, ping, history, max_replays, max_clients` + "\n" +
				`c.toml:6: stream.retry: "2" is no duration; write a number with a unit, as "15s" (units: ms, s, m, h)` + "\n" +
				`c.toml:13: table.befor: unknown key in [[table]], did you mean before?; allowed: name, as, on, columns, mask, where, params, event, data, text, before`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseConfig("c.toml", tc.text, tc.env)
			if err == nil {
				t.Fatal("no error")
			}
			if got := err.Error(); got != tc.want && (name != "syntax" || !strings.HasPrefix(got, tc.want) || strings.Contains(got, "\n")) {
				t.Errorf("\n got %s\nwant %s", got, tc.want)
			}
		})
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

func TestNearest(t *testing.T) {
	names := []string{"insert", "update", "delete"}
	for word, want := range map[string]string{"isnert": "insert", "Updated": "update", "delte": "delete", "x": "", "truncate": ""} {
		if got := nearest(word, names); got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
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
