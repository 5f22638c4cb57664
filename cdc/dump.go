package cdc

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
)

const (
	// readTimeout is how long a dump may stay silent. A server with nothing to send is
	// asked for a heartbeat four times in that time.
	readTimeout = 20 * time.Second
	// readBuffer holds what the server sends in one go; most events are then
	// looked at where they lie, without a copy.
	readBuffer = 256 << 10
	headerSize = replication.EventHeaderSize
	maxOffset  = 1<<32 - 1
	maxEvent   = 1<<30 + 1<<20 // max_allowed_packet ends at 1 GiB
)

// dump is one COM_BINLOG_DUMP connection. go-mysql connects and authenticates;
// the events are read here rather than by its BinlogSyncer, which asks the
// server to leave the checksums away, allocates for each event, and dials the
// database again when it is closed.
type dump struct {
	packets
	conn     *client.Conn
	over     bool // the server ended it, or the network did
	checksum bool
}

// openDump starts a dump at file/pos. c becomes the dump's, also on error.
func openDump(c *client.Conn, flavor Flavor, as replica, file string, pos uint32, patience time.Duration) (*dump, error) {
	d := &dump{conn: c}
	d.patience = patience
	if err := d.request(flavor, as, file, pos); err != nil {
		d.conn.Close()
		return nil, fmt.Errorf("ask for the binlog from %s/%d: %w", file, pos, explain(err))
	}
	d.open(c.Conn.Conn, readBuffer)
	d.sizeOf = eventSize
	return d, nil
}

func (d *dump) request(flavor Flavor, as replica, file string, pos uint32) error {
	beat := (d.patience / 4).Nanoseconds()
	set := []string{
		"SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = @@global.binlog_checksum",
		fmt.Sprintf("SET @master_heartbeat_period = %d, @source_heartbeat_period = %d", beat, beat),
		fmt.Sprintf("SET @slave_uuid = '%s', @replica_uuid = '%s'", as.uuid, as.uuid),
	}
	if flavor == MariaDB {
		set = append(set, "SET @mariadb_slave_capability = 4") // knows GTID events: without it they come disguised
	}
	for _, q := range set {
		if _, err := d.conn.Execute(q); err != nil {
			return err
		}
	}
	if err := d.command(registration(as.id)); err != nil {
		return err
	}
	if _, err := d.conn.ReadOKPacket(); err != nil {
		return err
	}
	p := make([]byte, 4+11, 4+11+len(file))
	p[4] = mysql.COM_BINLOG_DUMP
	binary.LittleEndian.PutUint32(p[5:], pos)
	binary.LittleEndian.PutUint32(p[11:], as.id)
	if err := d.command(append(p, file...)); err != nil {
		return err
	}
	d.seq = d.conn.Sequence
	return nil
}

func (d *dump) command(p []byte) error {
	d.conn.ResetSequence()
	return d.conn.WritePacket(p)
}

// registration is COM_REGISTER_SLAVE: it makes rowcast visible in SHOW REPLICAS.
func registration(id uint32) []byte {
	const name = "rowcast"
	p := make([]byte, 4, 64)
	p = append(p, mysql.COM_REGISTER_SLAVE)
	p = binary.LittleEndian.AppendUint32(p, id)
	p = append(append(p, byte(len(name))), name...)
	p = append(p, 0, 0)                           // no user, no password: SHOW REPLICAS may print them
	p = binary.LittleEndian.AppendUint16(p, 0)    // port
	p = binary.LittleEndian.AppendUint32(p, 0)    // rank
	return binary.LittleEndian.AppendUint32(p, 0) // source id
}

// eventSize is the size of the packet that holds a whole event, by how it begins.
func eventSize(head []byte) int { return int(min(1+binary.LittleEndian.Uint32(head[10:]), maxEvent)) }

// next reads one event. Errors of the server are *mysql.MyError.
func (d *dump) next(e *event) error {
	p, err := d.packet()
	if err == errSilent {
		return err
	}
	if err != nil {
		d.over = true
		return err
	}
	if len(p) == 0 {
		return fmt.Errorf("%w: an empty packet", ErrCorrupt)
	}
	switch p[0] {
	case mysql.OK_HEADER:
		return d.parse(p[1:], e)
	case mysql.ERR_HEADER:
		d.over = true
		return plainError(d.conn.HandleErrorPacket(p))
	case mysql.EOF_HEADER:
		d.over = true
		return io.EOF // the server's end of the dump: it shuts down
	}
	return fmt.Errorf("%w: a packet begins with byte %#x", ErrCorrupt, p[0])
}

// parse splits an event and verifies its checksum.
func (d *dump) parse(p []byte, e *event) error {
	if err := parseHeader(p, e); err != nil {
		return err
	}
	if int64(e.size) != int64(len(p)) {
		return fmt.Errorf("%w: %v of %d bytes says that it has %d", ErrCorrupt, e.typ, len(p), e.size)
	}
	switch {
	case e.typ == replication.FORMAT_DESCRIPTION_EVENT:
		if len(p) < headerSize+57+5 {
			return fmt.Errorf("%w: format description of %d bytes", ErrCorrupt, len(p))
		}
		d.checksum = p[len(p)-5] == byte(replication.BINLOG_CHECKSUM_ALG_CRC32)
		if d.checksum && !checksumFits(p) {
			return fmt.Errorf("%w: checksum of the format description does not fit", ErrCorrupt)
		}
		e.body = p[headerSize : len(p)-5]
	case e.typ == replication.ROTATE_EVENT && e.time == 0:
		// A fake rotate event comes before the format description that would say
		// whether it has a checksum.
		e.body = p[headerSize:]
		if len(e.body) > 12 && checksumFits(p) {
			e.body = e.body[:len(e.body)-4]
		}
	case d.checksum:
		if len(p) < headerSize+4 || !checksumFits(p) {
			return fmt.Errorf("%w: checksum of %v that ends at offset %d does not fit", ErrCorrupt, e.typ, e.logPos)
		}
		e.body = p[headerSize : len(p)-4]
	default:
		e.body = p[headerSize:]
	}
	return nil
}

func checksumFits(p []byte) bool {
	n := len(p) - 4
	return crc32.ChecksumIEEE(p[:n]) == binary.LittleEndian.Uint32(p[n:])
}
