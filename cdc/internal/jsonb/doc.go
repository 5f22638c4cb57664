// Package jsonb reads MySQL's binary JSON: a document as text (Append), and a document
// with the changes that binlog_row_value_options=PARTIAL_JSON logs (AppendPatched).
//
// Its input is whatever a server sent. Offsets may be forged, so the work is bounded by
// the document's length, its depth by maxDepth, and nothing is read past its end.
package jsonb
