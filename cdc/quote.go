package cdc

import "rowcast/cdc/internal/format"

// AppendQuoted adds s as a JSON string. Invalid UTF-8 becomes U+FFFD; control
// characters are escaped, so that no raw line break is ever written; <, > and &
// are not.
func AppendQuoted[S []byte | string](dst []byte, s S) []byte { return format.AppendQuoted(dst, s) }
