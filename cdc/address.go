package cdc

import (
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

// appendINET6 writes as MariaDB does: as everybody, and IPv4-compatible addresses
// (::1.2.3.4) dotted as well as IPv4-mapped ones.
func appendINET6(dst []byte, v [16]byte) []byte {
	addr := netip.AddrFrom16(v)
	for _, x := range v[:12] {
		if x != 0 {
			return addr.AppendTo(dst)
		}
	}
	if v[12] == 0 && v[13] == 0 {
		return addr.AppendTo(dst)
	}
	dst = append(dst, ':', ':')
	for i, x := range v[12:] {
		if i > 0 {
			dst = append(dst, '.')
		}
		dst = strconv.AppendUint(dst, uint64(x), 10)
	}
	return dst
}
