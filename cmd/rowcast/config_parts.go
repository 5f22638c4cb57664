package main

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"rowcast/cdc"
	"rowcast/filters"
	"rowcast/stream"
)

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
	conf := stream.Config{
		Heartbeat: time.Duration(s.Heartbeat), Retry: time.Duration(s.Retry),
		Padding: int(s.Padding), Ping: string(s.Ping), History: int64(s.History),
		MaxReplays: s.MaxReplays, MaxClients: s.MaxClients,
		Listen: string(c.HTTP.Listen), AdminListen: string(c.Admin.Listen), Version: version(),
	}
	for _, h := range c.HTTP.Hosts {
		conf.Hosts = append(conf.Hosts, string(h))
	}
	for _, o := range c.HTTP.CORSOrigins {
		conf.CORSOrigins = append(conf.CORSOrigins, string(o))
	}
	return conf
}

// compile judges the [[table]] entries as far as that goes without a server.
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

// flatten takes joined errors apart.
func flatten(err error) []error {
	if u, ok := err.(unfit); ok {
		return flatten(u.error)
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, flatten(e)...)
	}
	return all
}
