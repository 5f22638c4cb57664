package row

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"rowcast/cdc/internal/format"
	"rowcast/cdc/internal/jsonb"
	"rowcast/cdc/internal/wire"
)

// appendJSON adds a value that is not NULL. b is exactly the value's bytes; a
// fixed value has p.size of them.
func (p *plan) appendJSON(dst, b []byte, f *Format) ([]byte, error) {
	switch p.render {
	case asUTF8:
		return format.AppendQuotedBytes(dst, b), nil
	case asInt64, asUint64:
		if f.BigintString {
			return append(p.appendNumber(append(dst, '"'), b), '"'), nil
		}
		return p.appendNumber(dst, b), nil
	case asInt32:
		return format.AppendInt(dst, int64(int32(binary.LittleEndian.Uint32(b)))), nil
	case asDecimal:
		if !f.DecimalNumber {
			return append(format.AppendDecimal(append(dst, '"'), b, int(p.meta>>8), int(p.meta&0xff)), '"'), nil
		}
	case asDate, asTime, asOldTime:
		return append(p.appendTemporal(append(dst, '"'), b, 'T'), '"'), nil
	case asDatetime, asOldDatetime:
		return append(p.appendTemporal(append(dst, '"'), b, 'T'), '"'), nil
	case asTimestamp, asOldTimestamp:
		return append(p.appendTemporal(append(dst, '"'), b, 'T'), 'Z', '"'), nil
	case asText:
		return p.cs.AppendQuoted(dst, b), nil
	case asBytes, asBinary:
		return append(p.appendBase64(append(dst, '"'), b), '"'), nil
	case asEnum:
		i := wire.UintLE(b)
		if i == 0 {
			return append(dst, '"', '"'), nil
		}
		if i > uint64(len(p.quoted)) {
			return dst, p.noLabel(i)
		}
		return append(dst, p.quoted[i-1]...), nil
	case asSet:
		return p.appendSet(dst, b)
	case asJSON:
		return jsonb.Append(dst, b, true)
	case asJSONText:
		return p.appendJSONText(dst, b), nil
	case asJSONSelected:
		return compacted(dst, b), nil
	case asUUID, asINET4, asINET6:
		dst, err := p.appendAddress(append(dst, '"'), b)
		return append(dst, '"'), err
	}
	return p.appendCommon(dst, b)
}

// appendText is appendJSON for Image.AppendText.
func (p *plan) appendText(dst, b []byte) ([]byte, error) {
	switch p.render {
	case asUTF8:
		return format.AppendValidUTF8(dst, b), nil
	case asText, asJSONText:
		return p.cs.AppendUTF8(dst, b), nil
	case asBytes, asJSONSelected:
		return append(dst, b...), nil
	case asBinary:
		return append(append(dst, b...), make([]byte, max(0, int(p.size)-len(b)))...), nil
	case asDate, asTime, asOldTime, asDatetime, asOldDatetime, asTimestamp, asOldTimestamp:
		return p.appendTemporal(dst, b, ' '), nil
	case asEnum:
		i := wire.UintLE(b)
		if i == 0 {
			return dst, nil
		}
		if i > uint64(len(p.labels)) {
			return dst, p.noLabel(i)
		}
		return append(dst, p.labels[i-1]...), nil
	case asSet:
		return p.appendSetText(dst, b)
	case asJSON:
		return jsonb.Append(dst, b, false)
	case asUUID, asINET4, asINET6:
		return p.appendAddress(dst, b)
	}
	return p.appendCommon(dst, b)
}

// appendCommon adds what is the same as JSON and as text.
func (p *plan) appendCommon(dst, b []byte) ([]byte, error) {
	switch p.render {
	case asFloat:
		return format.AppendFloat(dst, float64(math.Float32frombits(binary.LittleEndian.Uint32(b))), 32)
	case asDouble:
		return format.AppendFloat(dst, math.Float64frombits(binary.LittleEndian.Uint64(b)), 64)
	case asDecimal:
		return format.AppendDecimal(dst, b, int(p.meta>>8), int(p.meta&0xff)), nil
	case asGeometry:
		return appendGeometry(dst, b)
	case asVector:
		return format.AppendVector(dst, b)
	case asNothing:
		return dst, errors.New(p.reason)
	}
	return p.appendNumber(dst, b), nil
}

// appendNumber adds an integer, BIT or YEAR.
func (p *plan) appendNumber(dst, b []byte) []byte {
	switch p.render {
	case asInt8:
		return format.AppendInt(dst, int64(int8(b[0])))
	case asInt16:
		return format.AppendInt(dst, int64(int16(binary.LittleEndian.Uint16(b))))
	case asInt24:
		return format.AppendInt(dst, int64(int32(wire.UintLE(b)<<8))>>8)
	case asInt32:
		return format.AppendInt(dst, int64(int32(binary.LittleEndian.Uint32(b))))
	case asInt64:
		return format.AppendInt(dst, int64(binary.LittleEndian.Uint64(b)))
	case asYear:
		if b[0] == 0 {
			return append(dst, '0') // SELECT prints 0000, which is no JSON number
		}
		return format.AppendUint(dst, uint64(b[0])+1900)
	case asBit:
		return format.AppendUint(dst, wire.UintBE(b))
	}
	return format.AppendUint(dst, wire.UintLE(b))
}

// integer is what appendNumber writes, as bits.
func (p *plan) integer(b []byte) int64 {
	switch p.render {
	case asInt8:
		return int64(int8(b[0]))
	case asInt16:
		return int64(int16(binary.LittleEndian.Uint16(b)))
	case asInt24:
		return int64(int32(wire.UintLE(b)<<8)) >> 8
	case asInt32:
		return int64(int32(binary.LittleEndian.Uint32(b)))
	case asInt64, asUint64:
		return int64(binary.LittleEndian.Uint64(b))
	case asUint8, asUint16, asUint24, asUint32:
		return int64(wire.UintLE(b))
	case asBit:
		return int64(wire.UintBE(b))
	case asYear:
		if b[0] != 0 {
			return int64(b[0]) + 1900
		}
	}
	return 0
}

func (p *plan) appendBase64(dst, b []byte) []byte {
	if pad := int(p.size) - len(b); p.render == asBinary && pad > 0 {
		var buf [255]byte // BINARY has no more
		n := copy(buf[:], b)
		b = buf[:min(n+pad, len(buf))]
	}
	return base64.StdEncoding.AppendEncode(dst, b)
}

func (p *plan) noLabel(i uint64) error {
	return fmt.Errorf("value %d of %d labels", i, len(p.labels))
}

func (p *plan) appendSet(dst, b []byte) ([]byte, error) {
	v := wire.UintLE(b)
	if n := len(p.quoted); n < 64 && v>>n != 0 {
		return dst, p.noLabel(v)
	}
	dst = append(dst, '[')
	comma := false
	for i := 0; v != 0; i, v = i+1, v>>1 {
		if v&1 == 0 {
			continue
		}
		if comma {
			dst = append(dst, ',')
		}
		dst, comma = append(dst, p.quoted[i]...), true
	}
	return append(dst, ']'), nil
}

func (p *plan) appendSetText(dst, b []byte) ([]byte, error) {
	v := wire.UintLE(b)
	if n := len(p.labels); n < 64 && v>>n != 0 {
		return dst, p.noLabel(v)
	}
	comma := false
	for i := 0; v != 0; i, v = i+1, v>>1 {
		if v&1 == 0 {
			continue
		}
		if comma {
			dst = append(dst, ',')
		}
		dst, comma = append(dst, p.labels[i]...), true
	}
	return dst, nil
}

// appendJSONText adds a JSON document that MariaDB keeps as text: as it is, save
// for line breaks between its parts. A text that is not a valid document is a string.
func (p *plan) appendJSONText(dst, b []byte) []byte {
	start := len(dst)
	dst = p.cs.AppendUTF8(dst, b)
	text := dst[start:]
	if !json.Valid(text) {
		return p.cs.AppendQuoted(dst[:start], b)
	}
	// Inside strings no raw control character is valid, so these stand between the parts.
	for i, c := range text {
		if c < ' ' {
			text[i] = ' '
		}
	}
	return dst
}
