package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Each mistake that an operator makes, with the whole message. Of several it is
// that of the first.
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
			want: `c.toml:2: source.addr: must not contain an account; write host:port only, and set user and password by their own keys`,
		},
		"host with port": {
			text: "[http]\nhosts = [\"rows.example.org:443\"]" + someTable,
			want: `c.toml:2: http.hosts: "rows.example.org:443" is not a host name; write it without scheme, port and path, as "rows.example.org"`,
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
			want: `c.toml:4: table.colums: unknown key in [[table]], did you mean columns?; allowed: name, as, on, columns, mask, where, params, event, data, text, before, rows, order`,
		},
		"unknown key of rows": {
			text: someTable + "rows = 5\nordr = \"id\"\n",
			want: `c.toml:5: table.ordr: unknown key in [[table]], did you mean order?; allowed: name, as, on, columns, mask, where, params, event, data, text, before, rows, order`,
		},
		"rows of another kind": {
			text: someTable + "rows = 5.5\n",
			want: `c.toml:4: table.rows: must be a whole number without quotes, or "all", not a number with a fraction`,
		},
		"rows in quotes": {
			text: someTable + "rows = \"50\"\n",
			want: `c.toml:4: table.rows: "50" is not allowed; write a number without quotes, or "all"`,
		},
		"rows misspelled": {
			text: someTable + "rows = \"al\"\n",
			want: `c.toml:4: table.rows: "al" is not allowed; write a number without quotes, or "all"; did you mean "all"?`,
		},
		"too many rows": {
			text: someTable + "rows = 1000001\n",
			want: `c.toml:4: table.rows: 1000001 is out of range; write a number from 0 to 1000000, or "all"`,
		},
		"one bracket": {
			text: "[table]\nname = \"a.b\"\n",
			want: `c.toml:1: table: must be entries that each begin with [[table]], in two brackets, not a table`,
		},
		"no table": {
			text: "[stream]\n",
			want: `c.toml: there is no [[table]], so nothing would be published; add one with name = "schema.table"`,
		},
		"section as value": {
			text: "stream = 5\n" + someTable,
			want: `c.toml:1: stream: must be a section, written [stream], not a number`,
		},
		"duration without unit": {
			text: "[stream]\nheartbeat = \"15\"" + someTable,
			want: `c.toml:2: stream.heartbeat: "15" is not a duration; write a number with a unit, as "15s" (units: ms, s, m, h)`,
		},
		"duration as number": {
			text: "[stream]\nheartbeat = 15" + someTable,
			want: `c.toml:2: stream.heartbeat: must be a string in quotes, as "15s", not a number`,
		},
		"duration out of range": {
			text: "[stream]\nheartbeat = \"10ms\"" + someTable,
			want: `c.toml:2: stream.heartbeat: out of range; allowed: 100ms to 1h`,
		},
		"size without unit": {
			text: "[stream]\nhistory = \"64\"" + someTable,
			want: `c.toml:2: stream.history: "64" is not a size; write a whole number with a unit, as "64MiB" (units: B, KiB, MiB, GiB)`,
		},
		"size with wrong unit": {
			text: "[stream]\nhistory = \"64 megs\"" + someTable,
			want: `c.toml:2: stream.history: "64 megs" is not a size; write a whole number with a unit, as "64MiB" (units: B, KiB, MiB, GiB)`,
		},
		"size out of range": {
			text: "[stream]\nhistory = \"1TB\"\npadding = \"1GiB\"" + someTable,
			want: `c.toml:2: stream.history: "1TB" is not a size; write a whole number with a unit, as "64MiB" (units: B, KiB, MiB, GiB)`,
		},
		"number in quotes": {
			text: "[stream]\nmax_replays = \"4\"" + someTable,
			want: `c.toml:2: stream.max_replays: must be a whole number without quotes, not a string`,
		},
		"fraction": {
			text: "[stream]\nmax_replays = 4.5" + someTable,
			want: `c.toml:2: stream.max_replays: must be a whole number without quotes, not a number with a fraction`,
		},
		"number out of range": {
			text: "[stream]\nmax_replays = 0\nmax_clients = -1" + someTable,
			want: `c.toml:2: stream.max_replays: out of range; allowed: 1 to 1000`,
		},
		"memory of rows out of range": {
			text: "[stream]\nrows_memory = \"1000KiB\"" + someTable,
			want: `c.toml:2: stream.rows_memory: out of range; allowed: 1MiB to 64GiB`,
		},
		"queries out of range": {
			text: "[stream]\nmax_queries = 65" + someTable,
			want: `c.toml:2: stream.max_queries: out of range; allowed: 1 to 64`,
		},
		"ping like an event of rows": {
			text: "[stream]\nping = \"ready\"" + someTable,
			want: `c.toml:2: stream.ping: "ready" is reserved; choose another name`,
		},
		"server_id out of range": {
			text: "[source]\nserver_id = -1" + someTable,
			want: `c.toml:2: source.server_id: -1 is out of range; allowed: 0 to 4294967295`,
		},
		"bool in quotes": {
			text: someTable + "before = \"yes\"\n",
			want: `c.toml:4: table.before: must be true or false, without quotes, not a string`,
		},
		"string without list": {
			text: someTable + "on = \"insert\"\n",
			want: `c.toml:4: table.on: must be a list in brackets, as ["a", "b"], not a string`,
		},
		"number in a list": {
			text: someTable + "columns = [\n  \"id\",\n  7,\n]\n",
			want: `c.toml:4: table.columns: must be a list of strings in quotes, as ["a", "b"]`,
		},
		"number as parameter": {
			text: someTable + "params = { round = 0 }\n",
			want: `c.toml:4: table.params.round: must be a string in quotes, as "…", not a number`,
		},
		"mask as string": {
			text: someTable + "mask = \"null\"\n",
			want: `c.toml:4: table.mask: must be a table of strings, as { name = "…" }, not a string`,
		},
		"date": {
			text: "[source]\nuser = 2026-11-21" + someTable,
			want: `c.toml:2: source.user: must be a string in quotes, as "…", not a date or time`,
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
			want: `c.toml:2: source.addr: "mysql://db:3306" is not an address; write host:port, as "127.0.0.1:3306" or "[::1]:3306", or the absolute path of a socket`,
		},
		"port": {
			text: "[http]\nlisten = \"127.0.0.1:80800\"" + someTable,
			want: `c.toml:2: http.listen: port "80800" is not a number from 0 to 65535`,
		},
		"listen without port": {
			text: "[http]\nlisten = \"8080\"" + someTable,
			want: `c.toml:2: http.listen: "8080" is not an address; write host:port, as "127.0.0.1:8080", or ":8080" for every interface`,
		},
		"listen twice": {
			text: "[http]\nlisten = \":80\"\n[admin]\nlisten = \":80\"" + someTable,
			want: `c.toml:4: admin.listen: :80 is taken by [http] listen; choose another port, or "" for no admin listener`,
		},
		"listen nowhere": {
			text: "[http]\nlisten = \"\"" + someTable,
			want: `c.toml:2: http.listen: must not be empty; write host:port, as 127.0.0.1:8080`,
		},
		"origin with path": {
			text: "[http]\ncors_origins = [\"https://example.org/\"]" + someTable,
			want: `c.toml:2: http.cors_origins: "https://example.org/" is more than an origin, or not in lower case; write "https://example.org"`,
		},
		"origin without scheme": {
			text: "[http]\ncors_origins = [\"example.org\"]" + someTable,
			want: `c.toml:2: http.cors_origins: "example.org" is not an origin; write scheme://host or scheme://host:port, as "https://example.org", or "*" alone`,
		},
		"origin null": {
			text: "[http]\ncors_origins = [\"null\"]" + someTable,
			want: `c.toml:2: http.cors_origins: "null" is not an origin; write scheme://host or scheme://host:port, as "https://example.org", or "*" alone`,
		},
		"origins and star": {
			text: "[http]\ncors_origins = [\"*\", \"https://example.org\"]" + someTable,
			want: `c.toml:2: http.cors_origins: "*" must stand alone; remove it or the other origins`,
		},
		"host with scheme": {
			text: "[http]\nhosts = [\"https://example.org\"]" + someTable,
			want: `c.toml:2: http.hosts: "https://example.org" is not a host name; write it without scheme, port and path, as "rows.example.org"`,
		},
		"ping named reset": {
			text: "[stream]\nping = \"reset\"" + someTable,
			want: `c.toml:2: stream.ping: "reset" is reserved; choose another name`,
		},
		"ping with line break": {
			text: "[stream]\nping = \"a\\nb\"" + someTable,
			want: `c.toml:2: stream.ping: an event name can't contain a line break`,
		},
		"two passwords": {
			text: "[source]\npassword = \"hush\"\npassword_file = \"x\"" + someTable,
			want: `c.toml:3: source.password_file: password is set as well; keep one of the two`,
		},
		"password file away": {
			text: "[source]\npassword_file = \"/nowhere\"" + someTable,
			want: `c.toml:2: source.password_file: can't read /nowhere: no such file or directory; check the path and its permissions`,
		},
		"half a certificate": {
			text: "[source]\ntls_cert = " + strconv.Quote(closed) + someTable,
			want: `c.toml:2: source.tls_cert: tls_cert and tls_key belong together; set both or neither`,
		},
		"certificates without tls": {
			text: "[source]\ntls = \"off\"\ntls_ca = " + strconv.Quote(closed) + someTable,
			want: `c.toml:2: source.tls: "off" makes tls_ca, tls_cert and tls_key useless; choose "verify-full", or remove them`,
		},
		"unknown variable": {
			text: someTable,
			env:  []string{"ROWCAST_SOURCE_PASWORD=hush"},
			want: `environment: ROWCAST_SOURCE_PASWORD is not a setting, did you mean ROWCAST_SOURCE_PASSWORD?; unset it`,
		},
		"bad variable": {
			text: someTable,
			env:  []string{"ROWCAST_STREAM_MAX_REPLAYS=many", "ROWCAST_SOURCE_SERVER_ID=-7", "ROWCAST_STREAM_RETRY=5"},
			want: `ROWCAST_SOURCE_SERVER_ID: "-7" is not a whole number from 0 to 4294967295`,
		},
		"key in upper case": {
			text: "[stream]\nHeartbeat = \"15s\"" + someTable,
			want: `c.toml:2: stream.Heartbeat: unknown key in [stream], did you mean heartbeat?; allowed: heartbeat, retry, padding, ping, history, max_replays, max_clients, rows_memory, max_queries`,
		},
		"size of the second": {
			text: "[stream]\nhistory = \"1MiB\"\npadding = \"1GiB\"" + someTable,
			want: `c.toml:3: stream.padding: out of range; allowed: 0B to 1MiB`,
		},
		"unknown key in the second entry": {
			text: someTable + "befor = true\n" + someTable + "before = true\nbefore_ = true\n",
			want: `c.toml:4: table.befor: unknown key in [[table]], did you mean before?; allowed: name, as, on, columns, mask, where, params, event, data, text, before, rows, order`,
		},
		"quoted and dotted": {
			text: "\"http\".'listn' = \":80\"" + someTable,
			want: `c.toml:1: http.listn: unknown key in [http], did you mean listen?; allowed: listen, cors_origins, hosts`,
		},
		"inline section": {
			text: "http = { listen = \":80\", host = [] }" + someTable,
			want: `c.toml:1: http.host: unknown key in [http], did you mean hosts?; allowed: listen, cors_origins, hosts`,
		},
		"inline entries": {
			text: "table = [{ name = \"a.b\", mask = \"null\" }, { name = \"a.c\", mask = {} }]\n",
			want: `c.toml:1: table: must be entries that each begin with [[table]], in two brackets, not a list`,
		},
		"below a value": {
			text: "[source]\nuser.name = \"x\"" + someTable,
			want: `c.toml:2: source.user: must be a value, not a table`,
		},
		"mask with a header of its own": {
			text: someTable + "[table.mask]\nemail = 5\n" + someTable,
			want: `c.toml:5: table.mask.email: must be a string in quotes, as "…", not a number`,
		},
		"after strings of many lines": {
			text: someTable + "where = \"\"\"\nid\n[stream]\n> 5\n\"\"\"\ntext = '''\n\"\"\"'''\n[[table]]\nnam = \"a\"\n",
			want: `c.toml:12: table.nam: unknown key in [[table]], did you mean name?; allowed: name, as, on, columns, mask, where, params, event, data, text, before, rows, order`,
		},
		"many at once": {
			text: "[source]\nuser = 5\n\n[stream]\nhistroy = \"1MiB\"\nretry = \"2\"\n\n[[table]]\nname = \"a.b\"\n\n[[table]]\nname = \"a.c\"\nbefor = true\n",
			want: `c.toml:2: source.user: must be a string in quotes, as "…", not a number`,
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
