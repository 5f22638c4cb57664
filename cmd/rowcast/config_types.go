package main

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"rowcast/internal/nearest"
)

// The types of values in config.toml. UnmarshalText errors read on from
// "file:line: key: ".

// secret is never printed, whatever formats it.
type secret string

func (secret) String() string               { return "(secret)" }
func (secret) GoString() string             { return "(secret)" }
func (secret) MarshalText() ([]byte, error) { return []byte("(secret)"), nil }

type duration time.Duration

func (d *duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(strings.ReplaceAll(string(text), " ", ""))
	if err != nil {
		return fmt.Errorf(`%q is not a duration; write a number with a unit, as "15s" (units: ms, s, m, h)`, text)
	}
	*d = duration(v)
	return nil
}

// size is a number of bytes.
type size int64

var sizeUnits = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"B", 1}}

func (s *size) UnmarshalText(text []byte) error {
	bad := fmt.Errorf(`%q is not a size; write a whole number with a unit, as "64MiB" (units: B, KiB, MiB, GiB)`, text)
	for _, unit := range sizeUnits {
		digits, ok := cutSuffixFold(string(text), unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > (1<<62)/unit.bytes {
			return bad
		}
		*s = size(n * unit.bytes)
		return nil
	}
	return bad
}

func cutSuffixFold(s, suffix string) (string, bool) {
	if len(s) < len(suffix) || !strings.EqualFold(s[len(s)-len(suffix):], suffix) {
		return s, false
	}
	return s[:len(s)-len(suffix)], true
}

type tlsMode string

func (m *tlsMode) UnmarshalText(text []byte) error {
	return oneOf((*string)(m), text, "off", "preferred", "required", "verify-ca", "verify-full")
}

type numberForm string

func (f *numberForm) UnmarshalText(text []byte) error {
	return oneOf((*string)(f), text, "number", "string")
}

func oneOf(dst *string, text []byte, allowed ...string) error {
	for _, a := range allowed {
		if a == string(text) {
			*dst = a
			return nil
		}
	}
	hint := ""
	if near := nearest.Name(string(text), allowed); near != "" {
		hint = fmt.Sprintf("; did you mean %q?", near)
	}
	return fmt.Errorf("%q is not allowed; write %s%s", text, orList(allowed), hint)
}

// orList is `"a", "b" or "c"`.
func orList(words []string) string {
	var b strings.Builder
	for i, word := range words {
		switch {
		case i > 0 && i == len(words)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(strconv.Quote(word))
	}
	return b.String()
}

// sourceAddr is host:port of the database, or the absolute path of its socket.
type sourceAddr string

func (a *sourceAddr) UnmarshalText(text []byte) error {
	s := string(text)
	if filepath.IsAbs(s) {
		*a = sourceAddr(s)
		return nil
	}
	host, port, err := net.SplitHostPort(s)
	switch {
	case strings.Contains(s, "@"): // not shown: what stands before it is often a password
		return errors.New(`must not contain an account; write host:port only, and set user and password by their own keys`)
	case s == "" || err == nil && host == "":
		return fmt.Errorf(`%q names no host; write host:port, as "127.0.0.1:3306", or the absolute path of a socket`, s)
	case err != nil && strings.Contains(err.Error(), "missing port"):
		return fmt.Errorf(`%q has no port; write %q, or the absolute path of a socket`, s, net.JoinHostPort(strings.Trim(s, "[]"), "3306"))
	case err != nil:
		return fmt.Errorf(`%q is not an address; write host:port, as "127.0.0.1:3306" or "[::1]:3306", or the absolute path of a socket`, s)
	}
	if err := checkPort(port, 1); err != nil {
		return err
	}
	*a = sourceAddr(s)
	return nil
}

func checkPort(port string, least int) error {
	if n, err := strconv.Atoi(port); err != nil || n < least || n > 65535 {
		return fmt.Errorf("port %q is not a number from %d to 65535", port, least)
	}
	return nil
}

// listenAddr is host:port to listen on, or "" for not at all; an empty host is
// every interface, port 0 any free port.
type listenAddr string

func (a *listenAddr) UnmarshalText(text []byte) error {
	s := string(text)
	if s != "" {
		_, port, err := net.SplitHostPort(s)
		if err != nil {
			return fmt.Errorf(`%q is not an address; write host:port, as "127.0.0.1:8080", or ":8080" for every interface`, s)
		}
		if err := checkPort(port, 0); err != nil {
			return err
		}
	}
	*a = listenAddr(s)
	return nil
}
