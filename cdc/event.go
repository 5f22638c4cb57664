package cdc

import (
	"encoding/binary"
	"fmt"

	"github.com/go-mysql-org/go-mysql/replication"
)

// event is one binlog event. body lies between the header and the checksum. It is
// valid until the next event is read, and for good if it is larger than keepBuffer.
type event struct {
	typ    replication.EventType
	time   uint32 // seconds since 1970
	size   uint32 // header, body and checksum
	logPos uint32 // offset of the next event, modulo 4 GiB; 0 where the server does not say
	flags  uint16
	body   []byte
}

func (e *event) artificial() bool { return e.flags&replication.LOG_EVENT_ARTIFICIAL_F != 0 }

func (e *event) class() *eventClass { return &classes[e.typ] }

func (e *event) beginsGroup() bool { return e.class().kind == beginsGroup }

func parseHeader(p []byte, e *event) error {
	if len(p) < headerSize {
		return fmt.Errorf("%w: %d bytes are too few for an event", ErrCorrupt, len(p))
	}
	e.time = binary.LittleEndian.Uint32(p)
	e.typ = replication.EventType(p[4])
	e.size = binary.LittleEndian.Uint32(p[9:])
	e.logPos = binary.LittleEndian.Uint32(p[13:])
	e.flags = binary.LittleEndian.Uint16(p[17:])
	return nil
}

// eventKind is what an event is to a reader.
type eventKind uint8

const (
	unknownEvent eventKind = iota // may hold rows
	noRows                        // and nothing else that matters here
	heartbeat
	beginsGroup // MySQL writes a GTID or anonymous GTID event first, MariaDB its own
	statement
	mapsTable
	rowsOfTable
	commits
	prepares
	unpacks // a compressed transaction
	incident
)

// eventClass is what an event's type says of it.
type eventClass struct {
	kind   eventKind
	inside bool // no dump from the start of a group begins with it
	op     Op   // of rows

	version2, partial, compressed bool // the forms that rows events have
}

// Rows event types that go-mysql has no names for. MariaDB numbers them so for
// row format 2, which it reserves but does not write.
const (
	mariaWriteCompressed2  = 169
	mariaUpdateCompressed2 = 170
	mariaDeleteCompressed2 = 171
)

// classes has every event type that there is.
var classes = [256]eventClass{
	replication.GTID_EVENT:             {kind: beginsGroup},
	replication.ANONYMOUS_GTID_EVENT:   {kind: beginsGroup},
	replication.GTID_TAGGED_LOG_EVENT:  {kind: beginsGroup},
	replication.MARIADB_GTID_EVENT:     {kind: beginsGroup},
	replication.HEARTBEAT_EVENT:        {kind: heartbeat},
	replication.HEARTBEAT_LOG_EVENT_V2: {kind: heartbeat},

	replication.QUERY_EVENT:                    {kind: statement, inside: true},
	replication.MARIADB_QUERY_COMPRESSED_EVENT: {kind: statement, inside: true},
	replication.EXECUTE_LOAD_QUERY_EVENT:       {kind: statement, inside: true},
	replication.TABLE_MAP_EVENT:                {kind: mapsTable, inside: true},
	replication.XID_EVENT:                      {kind: commits, inside: true},
	replication.XA_PREPARE_LOG_EVENT:           {kind: prepares, inside: true},
	replication.TRANSACTION_PAYLOAD_EVENT:      {kind: unpacks, inside: true},
	replication.INCIDENT_EVENT:                 {kind: incident},

	// These are of a file, or of no group.
	replication.FORMAT_DESCRIPTION_EVENT:        {kind: noRows},
	replication.ROTATE_EVENT:                    {kind: noRows},
	replication.STOP_EVENT:                      {kind: noRows},
	replication.PREVIOUS_GTIDS_EVENT:            {kind: noRows},
	replication.MARIADB_GTID_LIST_EVENT:         {kind: noRows},
	replication.MARIADB_BINLOG_CHECKPOINT_EVENT: {kind: noRows},
	replication.MARIADB_START_ENCRYPTION_EVENT:  {kind: noRows},
	replication.TRANSACTION_CONTEXT_EVENT:       {kind: noRows},
	replication.VIEW_CHANGE_EVENT:               {kind: noRows},
	replication.IGNORABLE_EVENT:                 {kind: noRows},
	replication.DELETE_FILE_EVENT:               {kind: noRows},

	// The statements that use these are seen as such.
	replication.ROWS_QUERY_EVENT:            {kind: noRows, inside: true},
	replication.MARIADB_ANNOTATE_ROWS_EVENT: {kind: noRows, inside: true},
	replication.INTVAR_EVENT:                {kind: noRows, inside: true},
	replication.RAND_EVENT:                  {kind: noRows, inside: true},
	replication.USER_VAR_EVENT:              {kind: noRows, inside: true},
	replication.BEGIN_LOAD_QUERY_EVENT:      {kind: noRows, inside: true},
	replication.APPEND_BLOCK_EVENT:          {kind: noRows, inside: true},

	replication.WRITE_ROWS_EVENTv1:                      {kind: rowsOfTable, inside: true, op: Insert},
	replication.UPDATE_ROWS_EVENTv1:                     {kind: rowsOfTable, inside: true, op: Update},
	replication.DELETE_ROWS_EVENTv1:                     {kind: rowsOfTable, inside: true, op: Delete},
	replication.WRITE_ROWS_EVENTv2:                      {kind: rowsOfTable, inside: true, op: Insert, version2: true},
	replication.UPDATE_ROWS_EVENTv2:                     {kind: rowsOfTable, inside: true, op: Update, version2: true},
	replication.DELETE_ROWS_EVENTv2:                     {kind: rowsOfTable, inside: true, op: Delete, version2: true},
	replication.PARTIAL_UPDATE_ROWS_EVENT:               {kind: rowsOfTable, inside: true, op: Update, version2: true, partial: true},
	replication.MARIADB_WRITE_ROWS_COMPRESSED_EVENT_V1:  {kind: rowsOfTable, inside: true, op: Insert, compressed: true},
	replication.MARIADB_UPDATE_ROWS_COMPRESSED_EVENT_V1: {kind: rowsOfTable, inside: true, op: Update, compressed: true},
	replication.MARIADB_DELETE_ROWS_COMPRESSED_EVENT_V1: {kind: rowsOfTable, inside: true, op: Delete, compressed: true},
	mariaWriteCompressed2:                               {kind: rowsOfTable, inside: true, op: Insert, compressed: true, version2: true},
	mariaUpdateCompressed2:                              {kind: rowsOfTable, inside: true, op: Update, compressed: true, version2: true},
	mariaDeleteCompressed2:                              {kind: rowsOfTable, inside: true, op: Delete, compressed: true, version2: true},
}
