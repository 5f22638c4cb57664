package stream

import "rowcast/stream/internal/history"

// Source is where changes come from; *cdc.Source is one.
type Source = history.Source

// later says that the client is to come back: 200, a jittered retry, a close.
type later = history.Later
