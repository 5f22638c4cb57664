package cdc

import "encoding/json"

// appendJSONText adds a JSON document that MariaDB keeps as text: as it is, save
// for line breaks between its parts. A text that is no valid document is a string.
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
