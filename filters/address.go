package filters

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
)

// addressSizes are MariaDB's types for addresses and identifiers. They are
// compared as the bytes that they are: as a text each has many spellings.
var addressSizes = map[string]int{"UUID": 16, "INET4": 4, "INET6": 16}

var zeros [16]byte

var errNoAddress = errors.New("not an address")

// parseAddress reads a literal as the server does.
func parseAddress(decl, s string) ([]byte, error) {
	if decl == "UUID" {
		if strings.HasPrefix(s, "-") || strings.HasSuffix(s, "-") {
			return nil, errNoAddress
		}
		b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
		if err != nil || len(b) != addressSizes[decl] {
			return nil, errNoAddress
		}
		return b, nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" || a.Is4() != (decl == "INET4") {
		return nil, errNoAddress
	}
	return a.AsSlice(), nil
}
