package row

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
)

// appendAddress adds MariaDB's UUID, INET4 or INET6 as text. The binlog has them
// as BINARY, without trailing zeros, a UUID in the order in which it is written.
func (p *plan) appendAddress(dst, b []byte) ([]byte, error) {
	var v [16]byte
	if len(b) > int(p.size) {
		return dst, fmt.Errorf("%d bytes of %d", len(b), p.size)
	}
	copy(v[:], b)
	switch p.render {
	case asUUID:
		const hex = "0123456789abcdef"
		for i, x := range v {
			if i == 4 || i == 6 || i == 8 || i == 10 {
				dst = append(dst, '-')
			}
			dst = append(dst, hex[x>>4], hex[x&15])
		}
		return dst, nil
	case asINET4:
		return netip.AddrFrom4([4]byte(v[:4])).AppendTo(dst), nil
	}
	return appendINET6(dst, v), nil
}

// appendINET6 writes as MariaDB does: the first longest run of zero groups, be it
// one alone, becomes ::, and an IPv4-mapped or IPv4-compatible address ends in
// dotted form.
func appendINET6(dst []byte, v [16]byte) []byte {
	var words [8]uint16
	for i := range words {
		words[i] = binary.BigEndian.Uint16(v[2*i:])
	}
	gap, length := zeroRun(words)
	for i := 0; i < 8; i++ {
		switch {
		case i == gap:
			if i == 0 {
				dst = append(dst, ':')
			}
			dst = append(dst, ':')
			i += length - 1
		case i == 6 && gap == 0 && (length == 6 || length == 5 && words[5] == 0xffff):
			return netip.AddrFrom4([4]byte(v[12:])).AppendTo(dst)
		default:
			dst = strconv.AppendUint(dst, uint64(words[i]), 16)
			if i < 7 {
				dst = append(dst, ':')
			}
		}
	}
	return dst
}

// zeroRun is where the first longest run of zeros begins, -1 where there is none.
func zeroRun(words [8]uint16) (start, length int) {
	start = -1
	for i := 0; i < 8; {
		n := 0
		for i+n < 8 && words[i+n] == 0 {
			n++
		}
		if n > length {
			start, length = i, n
		}
		i += n + 1
	}
	return start, length
}
