package stream

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
)

// Defaults of Config; what config.toml calls [stream] and [http].
const (
	DefaultHeartbeat  = 15 * time.Second
	DefaultRetry      = 2 * time.Second
	DefaultHistory    = 64 << 20
	DefaultMaxReplays = 4
	DefaultMaxClients = 100_000

	maxPadding = 1 << 20
	minHistory = 64 << 10
)

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

	Listen      string   // the address that is served, host:port: loopback ones check Host
	AdminListen string   // the same for Admin
	Hosts       []string // names accepted in Host on a loopback address, beside loopback's own
	CORSOrigins []string // exact origins, or only "*"

	Version string // of the program, for the page and metrics; may be empty
}

func (c Config) withDefaults() Config {
	if c.Heartbeat == 0 {
		c.Heartbeat = DefaultHeartbeat
	}
	if c.Retry == 0 {
		c.Retry = DefaultRetry
	}
	if c.History == 0 {
		c.History = DefaultHistory
	}
	if c.MaxReplays == 0 {
		c.MaxReplays = DefaultMaxReplays
	}
	if c.MaxClients == 0 {
		c.MaxClients = DefaultMaxClients
	}
	return c
}

// Validate names everything that is wrong, in the words of config.toml. Values
// that are zero get their defaults and are right.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Heartbeat < 100*time.Millisecond || c.Heartbeat > time.Hour {
		bad("[stream] heartbeat = %q: allowed is 100ms to 1h", c.Heartbeat)
	}
	if c.Retry < time.Millisecond || c.Retry > time.Hour {
		bad("[stream] retry = %q: allowed is 1ms to 1h", c.Retry)
	}
	if c.Padding < 0 || c.Padding > maxPadding {
		bad("[stream] padding = %d bytes: allowed is 0 to %d", c.Padding, maxPadding)
	}
	if strings.ContainsAny(c.Ping, "\r\n\x00") {
		bad("[stream] ping = %q: an event name is one line", c.Ping)
	}
	if c.History < minHistory {
		bad("[stream] history = %d bytes: at least %d are needed", c.History, minHistory)
	}
	if c.MaxReplays < 1 || c.MaxReplays > 1000 {
		bad("[stream] max_replays = %d: allowed is 1 to 1000", c.MaxReplays)
	}
	if c.MaxClients < 1 {
		bad("[stream] max_clients = %d: at least 1", c.MaxClients)
	}
	for _, o := range c.CORSOrigins {
		if err := checkOrigin(o, len(c.CORSOrigins)); err != nil {
			errs = append(errs, err)
		}
	}
	for _, h := range c.Hosts {
		if h == "" || strings.ContainsAny(h, "/ \t\r\n") {
			bad("[http] hosts: %q is not a host name", h)
		}
	}
	return errors.Join(errs...)
}

func checkOrigin(o string, among int) error {
	if o == "*" {
		if among > 1 {
			return errors.New(`[http] cors_origins: "*" stands alone or not at all`)
		}
		return nil
	}
	u, err := url.Parse(o)
	if err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != o {
		return fmt.Errorf(`[http] cors_origins: %q is not an origin; write it as the browser sends it, like "https://app.example.com"`, o)
	}
	return nil
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
