package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"rowcast/filters"
)

// config is config.toml as an operator writes it: see config.toml at the root
// of the repository, which explains every key. A field's range tag holds the
// smallest and the largest value that is allowed.
type config struct {
	Source sourceConfig    `toml:"source"`
	HTTP   httpConfig      `toml:"http"`
	Admin  adminConfig     `toml:"admin"`
	Stream streamConfig    `toml:"stream"`
	Values valuesConfig    `toml:"values"`
	Tables []filters.Table `toml:"table"`

	file   string            // for messages
	onDisk bool              // and to be read again when it changes
	sum    [sha256.Size]byte // of its text
	lines  map[string]int    // of keys, for messages
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
	CORSOrigins []origin   `toml:"cors_origins"`
	Hosts       []hostName `toml:"hosts"`
}

type adminConfig struct {
	Listen listenAddr `toml:"listen"`
}

type streamConfig struct {
	Heartbeat  duration  `toml:"heartbeat" range:"100ms 1h"`
	Retry      duration  `toml:"retry" range:"1ms 1h"`
	Padding    size      `toml:"padding" range:"0B 1MiB"`
	Ping       eventName `toml:"ping"`
	History    size      `toml:"history" range:"64KiB 64GiB"`
	MaxReplays int       `toml:"max_replays" range:"1 1000"`
	MaxClients int       `toml:"max_clients" range:"1 10000000"`
}

type valuesConfig struct {
	Bigint  numberForm `toml:"bigint"`
	Decimal numberForm `toml:"decimal"`
	MaskKey secret     `toml:"mask_key"`
}

func defaultConfig() *config {
	return &config{
		Source: sourceConfig{Addr: "127.0.0.1:3306", User: "rowcast", TLS: "preferred"},
		HTTP:   httpConfig{Listen: "127.0.0.1:8080"},
		Admin:  adminConfig{Listen: "127.0.0.1:9090"},
		Stream: streamConfig{
			Heartbeat:  duration(15 * time.Second),
			Retry:      duration(2 * time.Second),
			History:    64 << 20,
			MaxReplays: 4,
			MaxClients: 100_000,
		},
		Values: valuesConfig{Bigint: "number", Decimal: "string"},
	}
}

// loadConfig reads a file and the ROWCAST_… variables of env, which win. The
// error names every mistake, one a line, each with its place.
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
		return fmt.Errorf("%s: this account may not read it; chown or chmod the file so that it can", file)
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("%s: %w; give the path of a config file with --config", file, err)
}

func parseConfig(file, text string, env []string) (*config, error) {
	c := defaultConfig()
	c.file = file
	d, err := newDecoder(file, text)
	if err != nil {
		return nil, err
	}
	c.lines = d.lines
	d.decode(c)
	d.environment(c, env)
	c.check(d)
	if err := d.mistakes(); err != nil {
		return nil, err
	}
	return c, nil
}

// check judges what keys mean together.
func (c *config) check(d *decoder) {
	s := &c.Source
	if s.Password != "" && s.PasswordFile != "" {
		switch fromFile := d.fromEnv["source.password_file"]; {
		case fromFile == d.fromEnv["source.password"]:
			d.fail("source.password_file", "password is given as well; keep one of the two")
		case fromFile:
			s.Password = ""
		default:
			s.PasswordFile = ""
		}
	}
	if s.PasswordFile != "" {
		s.readPassword(d)
	}
	if (s.TLSCert == "") != (s.TLSKey == "") {
		d.fail("source.tls_cert", "tls_cert and tls_key belong together; give both or neither")
	}
	if s.TLS == "off" && s.TLSCA+s.TLSCert != "" {
		d.fail("source.tls", `it is "off", so that tls_ca, tls_cert and tls_key do nothing; choose "verify-full" or remove them`)
	}
	for _, path := range []struct{ key, file string }{{"source.tls_ca", s.TLSCA}, {"source.tls_cert", s.TLSCert}, {"source.tls_key", s.TLSKey}} {
		if path.file != "" {
			if f, err := os.Open(path.file); err != nil {
				d.fail(path.key, "can't read %s: %s; check the path and its permissions", path.file, reason(err))
			} else {
				_ = f.Close()
			}
		}
	}
	if len(c.HTTP.CORSOrigins) > 1 && slices.Contains(c.HTTP.CORSOrigins, "*") {
		d.fail("http.cors_origins", `"*" stands alone; remove it or the other origins`)
	}
	if c.HTTP.Listen == "" {
		d.fail("http.listen", "it is empty, so that nobody could connect; write host:port, as 127.0.0.1:8080")
	}
	if c.Admin.Listen == c.HTTP.Listen && !strings.HasSuffix(string(c.HTTP.Listen), ":0") && c.HTTP.Listen != "" {
		d.fail("admin.listen", `%s is where [http] listens; choose another port, or "" for no admin listener`, c.Admin.Listen)
	}
	if len(c.Tables) == 0 && d.lines["table"] == 0 {
		d.errs = append(d.errs, mistake{text: d.file + `: no [[table]], so that nothing would be published; add one with name = "schema.table"`})
	}
}

func (s *sourceConfig) readPassword(d *decoder) {
	text, err := os.ReadFile(s.PasswordFile)
	if err != nil {
		d.fail("source.password_file", "can't read %s: %s; check the path and its permissions", s.PasswordFile, reason(err))
		return
	}
	s.Password = secret(strings.TrimRight(string(text), "\r\n"))
}

// reason is an error without the path, which the message has already.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}
