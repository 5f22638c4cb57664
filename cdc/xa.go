package cdc

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// parsePrepare reads an XA_PREPARE event. xid is spelled as XA COMMIT statements
// are logged, in lower case.
func parsePrepare(body []byte) (xid string, onePhase bool, err error) {
	if len(body) >= 13 {
		format := int32(binary.LittleEndian.Uint32(body[1:]))
		gtrid, bqual := binary.LittleEndian.Uint32(body[5:]), binary.LittleEndian.Uint32(body[9:])
		if gtrid <= 64 && bqual <= 64 && len(body) >= 13+int(gtrid)+int(bqual) {
			data := body[13:]
			return fmt.Sprintf("x'%x',x'%x',%d", data[:gtrid], data[gtrid:gtrid+bqual], format), body[0] != 0, nil
		}
	}
	return "", false, fmt.Errorf("%w: XA PREPARE event of %d bytes", ErrCorrupt, len(body))
}

// xidOf is the xid of a logged XA COMMIT or XA ROLLBACK, from what follows the verb.
func xidOf(text []byte) string {
	text = bytes.TrimSuffix(bytes.TrimSpace(text), []byte("ONE PHASE"))
	return string(bytes.ToLower(bytes.TrimSpace(text)))
}
