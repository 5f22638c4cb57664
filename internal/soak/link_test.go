package soak

import (
	"io"
	"net"
	"time"
)

func (l *link) close() {
	l.client.Close()
	l.target.Close()
}

// up forwards what the client says, and looks for dump commands.
func (l *link) up() {
	buf := make([]byte, 16<<10)
	for {
		n, err := l.client.Read(buf)
		if n >= 5 && buf[3] == 0 && buf[4] == 0x12 && int(buf[0])+4 == n && !l.dumping.Load() { // COM_BINLOG_DUMP
			l.dumping.Store(true)
			l.cutter.Store(l.p.cutterOf(int(l.p.dumps.Add(1))))
			open := l.p.open.Add(1)
			for most := l.p.most.Load(); open > most && !l.p.most.CompareAndSwap(most, open); most = l.p.most.Load() {
			}
		}
		if n > 0 {
			if _, werr := l.target.Write(buf[:n]); werr != nil {
				l.close()
				return
			}
		}
		if err == io.EOF {
			_ = l.target.(*net.TCPConn).CloseWrite()
			return
		}
		if err != nil {
			l.close()
			return
		}
	}
}

// downward forwards what the target says, as the fate has it.
func (l *link) downward() {
	defer l.close()
	f := l.fate
	buf := make([]byte, 32<<10)
	var sent int64
	for {
		n, err := l.target.Read(buf)
		l.p.down.Add(int64(n))
		piece, last := buf[:n], false
		if limit := f.cutDown; limit > 0 && sent+int64(n) >= limit {
			piece, last = buf[:limit-sent], true
		}
		if cutter := l.cutter.Load(); cutter != nil {
			if keep := cutter.cut(piece); keep < len(piece) || cutter.over {
				piece, last = piece[:keep], true
			}
		}
		if !l.hand(piece) {
			return
		}
		sent += int64(len(piece))
		switch {
		case last && f.half:
			_ = l.client.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, l.target) // until one of them gives up
			return
		case last:
			return
		case f.blackAfter > 0 && sent >= f.blackAfter:
			_, _ = io.Copy(io.Discard, l.target)
			<-l.p.ctx.Done()
			return
		}
		if err == io.EOF {
			_ = l.client.(*net.TCPConn).CloseWrite()
		}
		if err != nil {
			return
		}
	}
}

// hand writes a piece to the client, slowly where the fate says so.
func (l *link) hand(piece []byte) bool {
	if l.fate.delay > 0 && !pause(l.p.ctx, l.fate.delay) {
		return false
	}
	for len(piece) > 0 && l.fate.trickle > 0 {
		l.fate.trickle--
		if _, err := l.client.Write(piece[:1]); err != nil {
			return false
		}
		if piece = piece[1:]; l.fate.trickle%16 == 0 && !pause(l.p.ctx, time.Millisecond) {
			return false
		}
	}
	_, err := l.client.Write(piece)
	return err == nil
}

// cutterOf is nil for a dump that goes on for ever.
func (p *proxy) cutterOf(dump int) *packetCutter {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cuts == nil {
		return nil
	}
	packets, mid := p.cuts(dump)
	if packets == 0 {
		return nil
	}
	return &packetCutter{left: packets, mid: mid}
}

// packetCutter cuts a dump after so many of MySQL's packets, or in the middle of
// the last of them.
type packetCutter struct {
	left int // packets to let through
	mid  bool
	head []byte // of a header that is not complete
	body int    // bytes to come of the packet
	over bool
}

// cut returns how much of b goes through.
func (c *packetCutter) cut(b []byte) int {
	for i := 0; i < len(b); {
		if c.over {
			return i
		}
		if c.body == 0 {
			c.head = append(c.head, b[i])
			if i++; len(c.head) == 4 {
				c.body = int(c.head[0]) | int(c.head[1])<<8 | int(c.head[2])<<16
				c.head = c.head[:0]
				if c.left--; c.left == 0 && c.mid {
					c.body /= 2
				}
			}
		} else {
			n := min(c.body, len(b)-i)
			i, c.body = i+n, c.body-n
		}
		c.over = c.left <= 0 && c.body == 0 && len(c.head) == 0
	}
	return len(b)
}
