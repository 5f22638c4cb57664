package stream

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

const minHistory = 64 << 10

// Config is what an operator chooses. The zero value of a number or duration
// means its default.
type Config struct {
	Heartbeat  time.Duration // every client hears something this often
	Retry      time.Duration // what clients wait before they come back
	Padding    int           // bytes of comment at the start of a response
	Ping       string        // name of a ping event; empty: none
	History    int64         // bytes of recent frames kept in memory
	MaxReplays int           // binlog readers for clients older than History
	MaxClients int
	RowsMemory int64 // bytes of tables' rows kept for clients that begin
	MaxQueries int   // for such rows at a time

	Listen      string   // the address that is served, host:port: loopback ones check Host
	AdminListen string   // the same for Admin
	Hosts       []string // names accepted in Host on a loopback address, beside loopback's own
	CORSOrigins []string // exact origins, or only "*"

	Version string // of the program, for the page and metrics; may be empty
}

// DefaultConfig is what holds where an operator chooses nothing.
func DefaultConfig() Config {
	return Config{
		Heartbeat: 15 * time.Second, Retry: 2 * time.Second, History: 64 << 20, MaxReplays: 4, MaxClients: 100_000,
		RowsMemory: 64 << 20, MaxQueries: 2,
	}
}

func (c Config) withDefaults() Config {
	d := DefaultConfig()
	c.Heartbeat, c.Retry = cmp.Or(c.Heartbeat, d.Heartbeat), cmp.Or(c.Retry, d.Retry)
	c.History = cmp.Or(c.History, d.History)
	c.MaxReplays, c.MaxClients = cmp.Or(c.MaxReplays, d.MaxReplays), cmp.Or(c.MaxClients, d.MaxClients)
	c.RowsMemory, c.MaxQueries = cmp.Or(c.RowsMemory, d.RowsMemory), cmp.Or(c.MaxQueries, d.MaxQueries)
	return c
}

// FieldError is a value of a Config that can't be used.
type FieldError struct {
	Key string // as in config.toml: "stream.heartbeat"
	Msg string // what it must be
}

func (e *FieldError) Error() string { return e.Key + ": " + e.Msg }

// Validate returns a *FieldError for the first value that can't be used.
func (c Config) Validate() error {
	for _, n := range []struct {
		key              string
		value, low, high int64
		text             string // of the bounds
	}{
		{"stream.heartbeat", int64(c.Heartbeat), int64(100 * time.Millisecond), int64(time.Hour), "100ms to 1h"},
		{"stream.retry", int64(c.Retry), int64(time.Millisecond), int64(time.Hour), "1ms to 1h"},
		{"stream.padding", int64(c.Padding), 0, 1 << 20, "0B to 1MiB"},
		{"stream.history", c.History, minHistory, 64 << 30, "64KiB to 64GiB"},
		{"stream.max_replays", int64(c.MaxReplays), 1, 1000, "1 to 1000"},
		{"stream.max_clients", int64(c.MaxClients), 1, 10_000_000, "1 to 10000000"},
		{"stream.rows_memory", c.RowsMemory, 1 << 20, 64 << 30, "1MiB to 64GiB"},
		{"stream.max_queries", int64(c.MaxQueries), 1, 64, "1 to 64"},
	} {
		if n.value < n.low || n.value > n.high {
			return &FieldError{n.key, "out of range; allowed: " + n.text}
		}
	}
	switch {
	case strings.ContainsAny(c.Ping, "\r\n\x00"):
		return &FieldError{"stream.ping", "an event name can't contain a line break"}
	case slices.Contains(reservedEvents, c.Ping):
		return &FieldError{"stream.ping", fmt.Sprintf("%q is reserved; choose another name", c.Ping)}
	case len(c.CORSOrigins) > 1 && slices.Contains(c.CORSOrigins, "*"):
		return &FieldError{"http.cors_origins", `"*" must stand alone; remove it or the other origins`}
	}
	for _, o := range c.CORSOrigins {
		if msg := originMistake(o); msg != "" {
			return &FieldError{"http.cors_origins", msg}
		}
	}
	for _, h := range c.Hosts {
		if _, _, err := net.SplitHostPort(h); h == "" || err == nil || strings.ContainsAny(h, "/ *\t\r\n") {
			return &FieldError{"http.hosts", fmt.Sprintf(`%q is not a host name; write it without scheme, port and path, as "rows.example.org"`, h)}
		}
	}
	return nil
}

// reservedEvents would be taken for something else: what rowcast itself sends, and
// what EventSource fires.
var reservedEvents = []string{"reset", "rows", "ready", "auth", "error", "open"}

// originMistake says why o is not what a browser sends in Origin, or "*".
func originMistake(o string) string {
	if o == "*" {
		return ""
	}
	u, err := url.Parse(o)
	if err != nil || u.Scheme == "" || u.Host == "" || strings.ContainsRune(u.Host, '*') || u.User != nil {
		return fmt.Sprintf(`%q is not an origin; write scheme://host or scheme://host:port, as "https://example.org", or "*" alone`, o)
	}
	if exact := u.Scheme + "://" + strings.ToLower(u.Host); exact != o {
		return fmt.Sprintf(`%q is more than an origin, or not in lower case; write %q`, o, exact)
	}
	return ""
}

// onLoopback tells whether addr, host:port, can be reached from this machine only.
func onLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	return loopbackHost(host)
}

func loopbackHost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
