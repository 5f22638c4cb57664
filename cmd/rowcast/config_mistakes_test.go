package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

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
		"string without quotes": {
			text: "[http]\nlisten = localhost\n",
			want: `c.toml:2: expected value but found "localhost" instead; write strings in quotes, as "…"`,
		},
		"password without quotes": {
			text: "[source]\npassword = hunter2\n",
			want: `c.toml:2: password: its value can't be read; write strings in quotes, as "…"`,
		},
		"address with an account": {
			text: "[source]\naddr = \"mysql://root:hunter2@db:3306/draft\"" + someTable,
			want: `c.toml:2: source.addr: it holds an account; write host:port only, and give user and password by their own keys`,
		},
		"host with port": {
			text: "[http]\nhosts = [\"rows.example.org:443\"]" + someTable,
			want: `c.toml:2: http.hosts: "rows.example.org:443" is no host name; write it without scheme, port and path, as "rows.example.org"`,
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
			want: `c.toml:2: http.hosts: "https://example.org" is no host name; write it without scheme, port and path, as "rows.example.org"`,
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
