package fanout

import "strconv"

// lastChunk ends a response.
const lastChunk = "0\r\n\r\n"

// appendChunkHead appends what stands before n bytes of a chunk of HTTP/1.1; a line
// end stands after them.
func appendChunkHead(b []byte, n int) []byte {
	return append(strconv.AppendInt(b, int64(n), 16), "\r\n"...)
}

// chunkOf makes one chunk of data.
func chunkOf(data []byte) []byte {
	b := appendChunkHead(make([]byte, 0, len(data)+16), len(data))
	return append(append(b, data...), "\r\n"...)
}
