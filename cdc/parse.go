package cdc

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// ParsePosition reads an id. What it accepts, String writes back byte for byte;
// everything else is refused with an error that wraps ErrBadID.
func ParsePosition(id string) (Position, error) {
	p, err := parse(id)
	if err != nil {
		if len(id) > 80 {
			id = id[:80] + "…"
		}
		return Position{}, fmt.Errorf("%w %q: %w; an id looks like binlog.000042/15873/0.0~67a1f3b2", ErrBadID, id, err)
	}
	return p, nil
}

func parse(id string) (p Position, err error) {
	switch {
	case id == "":
		return p, errors.New("it is empty")
	case len(id) > maxID:
		return p, fmt.Errorf("it has %d bytes, at most %d are allowed", len(id), maxID)
	case strings.HasPrefix(id, "gtid/"):
		return p, errors.New("ids that begin with gtid/ are reserved")
	}
	rest := id
	if at := strings.IndexByte(rest, '~'); at >= 0 {
		if p.lineage, err = parseLineage(rest[at+1:]); err != nil {
			return p, err
		}
		p.checked, rest = true, rest[:at]
	}
	name, rest, ok := strings.Cut(rest, "/")
	if !ok {
		return p, errors.New("there is no / behind the binlog file's name")
	}
	if p.file, err = decodeFile(name); err != nil {
		return p, err
	}
	if p.number, err = fileNumber(p.file); err != nil {
		return p, err
	}
	pos, ordinals, isChange := strings.Cut(rest, "/")
	if p.pos, err = parseNumber("offset", pos); err != nil {
		return p, err
	}
	if p.pos < firstPos {
		return p, fmt.Errorf("offset %d is before the first event, which is at %d", p.pos, firstPos)
	}
	if !isChange {
		return p, nil
	}
	event, row, ok := strings.Cut(ordinals, ".")
	if !ok {
		return p, errors.New("there is no event.row behind the offset")
	}
	p.kind = atChange
	if p.event, err = parseNumber("event", event); err != nil {
		return p, err
	}
	p.row, err = parseNumber("row", row)
	return p, err
}

// parseNumber takes the one way of writing a number: digits, no sign, no leading zero.
func parseNumber(what, s string) (uint32, error) {
	if s == "" || len(s) > 10 || s[0] == '0' && s != "0" {
		return 0, fmt.Errorf("%s %q is not a plain decimal number", what, s)
	}
	var n uint64
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, fmt.Errorf("%s %q is not a plain decimal number", what, s)
		}
		n = n*10 + uint64(s[i]-'0')
	}
	if n > math.MaxUint32 {
		return 0, fmt.Errorf("%s %s is over %d", what, s, uint32(math.MaxUint32))
	}
	return uint32(n), nil
}

func parseLineage(s string) (uint32, error) {
	var n uint32
	for i := 0; i < len(s); i++ {
		d := strings.IndexByte("0123456789abcdef", s[i])
		if d < 0 {
			return 0, fmt.Errorf("lineage %q is not 8 lower-case hex digits", s)
		}
		n = n<<4 | uint32(d)
	}
	if len(s) != 8 {
		return 0, fmt.Errorf("lineage %q is not 8 lower-case hex digits", s)
	}
	return n, nil
}

func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-'
}

// decodeFile undoes the percent-encoding of Append, and only that: an id has one spelling.
func decodeFile(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			if i+2 >= len(s) {
				return "", errors.New("a percent-encoded byte is cut short")
			}
			hi, lo := strings.IndexByte("0123456789ABCDEF", s[i+1]), strings.IndexByte("0123456789ABCDEF", s[i+2])
			if c = byte(hi<<4 | lo&15); hi < 0 || lo < 0 || plain(c) {
				return "", fmt.Errorf("%q is not how a byte of a file name is encoded", s[i:i+3])
			}
			i += 2
		} else if !plain(c) {
			return "", fmt.Errorf("byte %q of the file name must be percent-encoded", c)
		}
		b.WriteByte(c)
	}
	return b.String(), nil
}

// fileNumber checks a binlog file's name, which is client input and becomes part
// of a command to the server, and returns the number it ends with.
func fileNumber(file string) (uint64, error) {
	digits := file[strings.LastIndexByte(file, '.')+1:]
	if len(file) > maxFile || len(digits) == len(file) || digits == "" || len(digits) > 18 {
		return 0, fmt.Errorf("%q is not the name of a binlog file, which ends in a dot and a number", file)
	}
	for i := 0; i < len(file)-len(digits); i++ {
		if c := file[i]; c < ' ' || c == '/' || c == '\\' || c == 0x7f {
			return 0, fmt.Errorf("byte %q can't be in the name of a binlog file", c)
		}
	}
	var n uint64
	for i := 0; i < len(digits); i++ {
		if digits[i] < '0' || digits[i] > '9' {
			return 0, fmt.Errorf("%q is not the name of a binlog file, which ends in a dot and a number", file)
		}
		n = n*10 + uint64(digits[i]-'0')
	}
	return n, nil
}
