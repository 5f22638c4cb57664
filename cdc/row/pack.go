package row

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"unicode/utf8"

	"rowcast/cdc/internal/format"
	"rowcast/cdc/internal/wire"
)

// errText: SELECT printed something else than the column's type can be.
var errText = errors.New("not a value of the column")

// pack adds a value that is not NULL as a rows event has it, without a length, from the
// text that SELECT printed of plan.selected. It is the inverse of appendText but for
// what appendText makes readable.
func (p *plan) pack(dst, v []byte) ([]byte, error) {
	switch p.render {
	case asUTF8, asText, asBytes, asJSONSelected, asJSONText, asGeometry, asVector:
		return append(dst, v...), nil
	case asBinary:
		return append(dst, p.trimmed(v)...), nil
	case asInt8, asInt16, asInt24, asInt32, asInt64:
		return p.packSigned(dst, v)
	case asUint8, asUint16, asUint24, asUint32, asUint64, asEnum, asSet:
		n, ok := parseUint(v)
		if !ok || p.size < 8 && n>>(8*p.size) != 0 || p.render == asEnum && n > uint64(len(p.labels)) || p.render == asSet && n>>len(p.labels) != 0 {
			return dst, errText
		}
		return p.appendLE(dst, n), nil
	case asBit:
		if len(v) != int(p.size) {
			return dst, errText
		}
		return append(dst, v...), nil
	case asYear:
		n, ok := parseUint(v)
		switch {
		case ok && n == 0:
			return append(dst, 0), nil
		case ok && n > 1900 && n <= 1900+math.MaxUint8:
			return append(dst, byte(n-1900)), nil
		}
		return dst, errText
	case asFloat, asDouble:
		return p.packFloat(dst, v)
	case asDecimal:
		out, ok := format.PackDecimal(dst, v, int(p.meta>>8), int(p.meta&0xff))
		if !ok {
			return dst, errText
		}
		return out, nil
	case asUUID, asINET4, asINET6:
		return p.packAddress(dst, v)
	}
	return p.packTemporal(dst, v)
}

func (p *plan) appendLE(dst []byte, n uint64) []byte {
	for range p.size {
		dst = append(dst, byte(n))
		n >>= 8
	}
	return dst
}

func (p *plan) packSigned(dst, v []byte) ([]byte, error) {
	minus := len(v) > 0 && v[0] == '-'
	if minus {
		v = v[1:]
	}
	n, ok := parseUint(v)
	top := uint64(1) << (8*p.size - 1)
	switch {
	case !ok || n > top || n == top && !minus:
		return dst, errText
	case minus:
		n = -n
	}
	return p.appendLE(dst, n), nil
}

// parseUint reads decimal digits and nothing else.
func parseUint(b []byte) (n uint64, ok bool) {
	if len(b) == 0 {
		return 0, false
	}
	for _, c := range b {
		d := uint64(c - '0')
		if d > 9 || n > (math.MaxUint64-9)/10 && n > (math.MaxUint64-d)/10 {
			return 0, false
		}
		n = 10*n + d
	}
	return n, true
}

func (p *plan) packFloat(dst, v []byte) ([]byte, error) {
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return dst, errText
	}
	if p.render == asDouble {
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f)), nil
	}
	narrow := float32(f)
	if float64(narrow) != f {
		return dst, errText
	}
	return binary.LittleEndian.AppendUint32(dst, math.Float32bits(narrow)), nil
}

func (p *plan) packAddress(dst, v []byte) ([]byte, error) {
	var b [16]byte
	if p.render == asUUID {
		if !parseUUID(&b, v) {
			return dst, errText
		}
		return append(dst, p.trimmed(b[:])...), nil
	}
	a, err := netip.ParseAddr(string(v))
	if err != nil || a.Zone() != "" || a.Is4() != (p.render == asINET4) {
		return dst, errText
	}
	if b = a.As16(); a.Is4() {
		return append(dst, p.trimmed(b[12:])...), nil
	}
	return append(dst, p.trimmed(b[:])...), nil
}

// parseUUID reads 8-4-4-4-12 hex digits.
func parseUUID(to *[16]byte, v []byte) bool {
	if len(v) != 36 {
		return false
	}
	i := 0
	for at := 0; at < len(v); {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			if v[at] != '-' {
				return false
			}
			at++
		}
		if _, err := hex.Decode(to[i:i+1], v[at:at+2]); err != nil {
			return false
		}
		i, at = i+1, at+2
	}
	return true
}

// appendLiteral adds a value that is not NULL for Image.AppendLiteral.
func (p *plan) appendLiteral(dst, b []byte) ([]byte, error) {
	switch p.render {
	case asUTF8:
		if !utf8.Valid(b) {
			return dst, errText
		}
		return appendHex(append(dst, "_utf8mb4 "...), b), nil
	case asText, asJSONText:
		return appendHex(append(append(append(dst, '_'), p.cs.String()...), ' '), b), nil
	case asBytes:
		return appendHex(dst, b), nil
	case asBinary:
		var whole [255]byte // BINARY has no more
		return appendHex(dst, whole[:max(copy(whole[:], b), min(int(p.size), len(whole)))]), nil
	case asFloat:
		return appendDouble(dst, float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
	case asDouble:
		return appendDouble(dst, math.Float64frombits(binary.LittleEndian.Uint64(b)))
	case asEnum, asSet:
		if _, err := p.appendText(nil, b); err != nil {
			return dst, err
		}
		return format.AppendUint(dst, wire.UintLE(b)), nil
	case asDecimal, asDate, asTime, asOldTime, asDatetime, asOldDatetime, asTimestamp, asOldTimestamp, asUUID, asINET4, asINET6:
		return p.appendQuoted(dst, b)
	}
	return p.appendNumber(dst, b), nil
}

// appendQuoted adds a value whose text has neither quotes nor backslashes. A value that
// the server would not print, as of a made-up record, is an error.
func (p *plan) appendQuoted(dst, b []byte) ([]byte, error) {
	start := len(dst)
	dst = append(dst, '\'')
	dst, err := p.appendText(dst, b)
	if err != nil {
		return dst[:start], err
	}
	if again, err := p.pack(nil, dst[start+1:]); err != nil || !bytes.Equal(again, p.trimmed(b)) {
		return dst[:start], errText
	}
	if p.render == asDecimal { // a string would be compared as a double
		return append(dst[:start], dst[start+1:]...), nil
	}
	return append(dst, '\''), nil
}

// appendDouble adds a literal that the server reads as the same double.
func appendDouble(dst []byte, v float64) ([]byte, error) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return dst, fmt.Errorf("%v is not a value of the column", v)
	}
	return strconv.AppendFloat(dst, v, 'e', -1, 64), nil
}

func appendHex(dst, b []byte) []byte {
	return append(hex.AppendEncode(append(dst, "x'"...), b), '\'')
}
