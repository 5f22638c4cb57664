package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"rowcast/cdc"
	"rowcast/filters"
	"rowcast/stream"
)

// config is config.toml as an operator writes it: see config.toml at the root
// of the repository, which explains every key.
type config struct {
	Source sourceConfig    `toml:"source"`
	HTTP   httpConfig      `toml:"http"`
	Admin  adminConfig     `toml:"admin"`
	Stream streamConfig    `toml:"stream"`
	Values valuesConfig    `toml:"values"`
	Tables []filters.Table `toml:"table"`

	file    string            // for messages
	onDisk  bool              // and to be read again when it changes
	sum     [sha256.Size]byte // of its text
	lines   map[string]int    // of keys: stream.ping → 12, table.0.where → 31
	fromEnv map[string]string // keys that a variable sets → what it says
}

type sourceConfig struct {
	Addr         sourceAddr `toml:"addr"`
	User         string     `toml:"user"`
	Password     secret     `toml:"password"`
	PasswordFile string     `toml:"password_file"`
	TLS          tlsMode    `toml:"tls"`
	TLSCA        string     `toml:"tls_ca"`
	TLSCert      string     `toml:"tls_cert"`
	TLSKey       string     `toml:"tls_key"`
	ServerID     uint32     `toml:"server_id"`
}

type httpConfig struct {
	Listen      listenAddr `toml:"listen"`
	CORSOrigins []string   `toml:"cors_origins"`
	Hosts       []string   `toml:"hosts"`
}

type adminConfig struct {
	Listen listenAddr `toml:"listen"`
}

type streamConfig struct {
	Heartbeat  duration `toml:"heartbeat"`
	Retry      duration `toml:"retry"`
	Padding    size     `toml:"padding"`
	Ping       string   `toml:"ping"`
	History    size     `toml:"history"`
	MaxReplays int      `toml:"max_replays"`
	MaxClients int      `toml:"max_clients"`
	RowsMemory size     `toml:"rows_memory"`
	MaxQueries int      `toml:"max_queries"`
}

type valuesConfig struct {
	Bigint  numberForm `toml:"bigint"`
	Decimal numberForm `toml:"decimal"`
	MaskKey secret     `toml:"mask_key"`
}

func defaultConfig() *config {
	s := stream.DefaultConfig()
	return &config{
		Source: sourceConfig{Addr: "127.0.0.1:3306", User: "rowcast", TLS: "preferred"},
		HTTP:   httpConfig{Listen: "127.0.0.1:8080"},
		Admin:  adminConfig{Listen: "127.0.0.1:9090"},
		Stream: streamConfig{
			Heartbeat: duration(s.Heartbeat), Retry: duration(s.Retry), Padding: size(s.Padding), Ping: s.Ping,
			History: size(s.History), MaxReplays: s.MaxReplays, MaxClients: s.MaxClients,
			RowsMemory: size(s.RowsMemory), MaxQueries: s.MaxQueries,
		},
		Values: valuesConfig{Bigint: "number", Decimal: "string"},
		lines:  map[string]int{},
	}
}

// loadConfig reads a file and the ROWCAST_… variables of env, which win. The
// error names the first mistake and its place.
func loadConfig(file string, env []string) (*config, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, explainUnreadable(file, err)
	}
	c, err := parseConfig(file, string(text), env)
	if err == nil {
		c.onDisk, c.sum = true, sha256.Sum256(text)
	}
	return c, err
}

func explainUnreadable(file string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: there is no such file; write one, or name another with --config (`rowcast demo` needs none)", file)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: this account may not read it; change its owner or mode with chown or chmod", file)
	}
	return fmt.Errorf("%s: %s; give the path of a config file with --config", file, reason(err))
}

func parseConfig(file, text string, env []string) (*config, error) {
	c := defaultConfig()
	c.file = file
	var err error
	if c.fromEnv, err = variables(env); err == nil {
		err = c.decode(text)
	}
	if err == nil {
		err = c.setVariables()
	}
	if err == nil {
		err = c.check()
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// check checks values, and how they go together.
func (c *config) check() error {
	s := &c.Source
	if s.Password != "" && s.PasswordFile != "" {
		_, byVariable := c.fromEnv["source.password"]
		_, fileByVariable := c.fromEnv["source.password_file"]
		switch {
		case byVariable == fileByVariable:
			return c.mistake("source.password_file", "password is set as well; keep one of the two")
		case byVariable:
			s.PasswordFile = ""
		default:
			s.Password = ""
		}
	}
	if s.PasswordFile != "" {
		text, err := os.ReadFile(s.PasswordFile)
		if err != nil {
			return c.mistake("source.password_file", "can't read %s: %s; check the path and its permissions", s.PasswordFile, reason(err))
		}
		s.Password = secret(strings.TrimRight(string(text), "\r\n"))
	}
	if (s.TLSCert == "") != (s.TLSKey == "") {
		return c.mistake("source.tls_cert", "tls_cert and tls_key belong together; set both or neither")
	}
	if s.TLS == "off" && s.TLSCA+s.TLSCert != "" {
		return c.mistake("source.tls", `"off" makes tls_ca, tls_cert and tls_key useless; choose "verify-full", or remove them`)
	}
	for _, path := range []struct{ key, file string }{{"source.tls_ca", s.TLSCA}, {"source.tls_cert", s.TLSCert}, {"source.tls_key", s.TLSKey}} {
		if path.file != "" {
			f, err := os.Open(path.file)
			if err != nil {
				return c.mistake(path.key, "can't read %s: %s; check the path and its permissions", path.file, reason(err))
			}
			_ = f.Close()
		}
	}
	if c.HTTP.Listen == "" {
		return c.mistake("http.listen", "must not be empty; write host:port, as 127.0.0.1:8080")
	}
	if c.Admin.Listen == c.HTTP.Listen && !strings.HasSuffix(string(c.HTTP.Listen), ":0") {
		return c.mistake("admin.listen", `%s is taken by [http] listen; choose another port, or "" for no admin listener`, c.Admin.Listen)
	}
	var field *stream.FieldError
	if err := c.stream().Validate(); errors.As(err, &field) {
		return c.mistake(field.Key, "%s", field.Msg)
	}
	if len(c.Tables) == 0 {
		return fmt.Errorf(`%s: there is no [[table]], so nothing would be published; add one with name = "schema.table"`, c.file)
	}
	return nil
}

// reason is an error without the path, which the message has already.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// source is what [source] says, in cdc's words.
func (c *config) source(log *slog.Logger) cdc.Config {
	s := &c.Source
	return cdc.Config{
		Addr: string(s.Addr), User: s.User, Password: string(s.Password),
		TLS: string(s.TLS), TLSCA: s.TLSCA, TLSCert: s.TLSCert, TLSKey: s.TLSKey,
		ServerID: s.ServerID, Logger: log,
	}
}

// stream is what [stream] and [http] say, in stream's words.
func (c *config) stream() stream.Config {
	s := &c.Stream
	return stream.Config{
		Heartbeat: time.Duration(s.Heartbeat), Retry: time.Duration(s.Retry),
		Padding: int(s.Padding), Ping: s.Ping, History: int64(s.History),
		MaxReplays: s.MaxReplays, MaxClients: s.MaxClients,
		RowsMemory: int64(s.RowsMemory), MaxQueries: s.MaxQueries,
		Listen: string(c.HTTP.Listen), AdminListen: string(c.Admin.Listen),
		Hosts: c.HTTP.Hosts, CORSOrigins: c.HTTP.CORSOrigins, Version: version(),
	}
}

// compile checks the [[table]] entries as far as possible without a server.
func (c *config) compile() (*filters.Set, error) {
	v := &c.Values
	set, err := filters.Compile(c.Tables, filters.Options{
		BigintString: v.Bigint == "string", DecimalNumber: v.Decimal == "number", MaskKey: string(v.MaskKey),
	})
	if err != nil {
		return nil, c.placed(err)
	}
	return set, nil
}

// placed gives mistakes of [[table]] entries their line in the file.
func (c *config) placed(err error) error {
	var errs []error
	for _, e := range flatten(err) {
		var entry *filters.Error
		if !errors.As(e, &entry) {
			errs = append(errs, fmt.Errorf("%s: %w", c.file, e))
			continue
		}
		line := entry.Line
		for i := range c.Tables {
			if at := c.lines[fmt.Sprintf("table.%d.%s", i, entry.Key)]; at > 0 && c.Tables[i].Line == line {
				line = at
				break
			}
		}
		errs = append(errs, fmt.Errorf("%s:%d: table.%s: %s", c.file, line, entry.Key, entry.Msg))
	}
	return errors.Join(errs...)
}
