package cdc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"
)

const (
	dialTimeout  = 10 * time.Second
	queryTimeout = 30 * time.Second
)

// Connect opens a plain connection for queries, which ends with ctx or when the
// caller closes it. Errors that waiting can't mend wrap ErrDenied or ErrNotReplicable.
func (s *Source) Connect(ctx context.Context) (*client.Conn, error) {
	conf := s.tls
	if s.noTLS.Load() {
		conf = nil
	}
	c, err := s.dial(ctx, conf)
	if s.cfg.TLS == "preferred" && errors.Is(err, errNoTLS) {
		s.noTLS.Store(true) // once told is enough: each try leaves an aborted connection in the server's log
		c, err = s.dial(ctx, nil)
	}
	if err == nil {
		return c, nil
	}
	err = fmt.Errorf("connect to the database at %s as %s: %w", s.cfg.Addr, s.cfg.User, explain(err))
	s.status.update(func(st *Status) {
		if !st.Connected {
			st.LastError = err.Error()
		}
	})
	return nil, err
}

// errNoTLS: the server offers no TLS. go-mysql says so in words only.
var errNoTLS = errors.New("the server does not support TLS; set up TLS there, or set [source] tls to \"off\"")

// bound is a connection that ends with a context.
type bound struct {
	net.Conn
	stop func() bool
}

func (b *bound) Close() error {
	b.stop()
	return b.Conn.Close()
}

func (s *Source) dial(life context.Context, conf *tls.Config) (*client.Conn, error) {
	ctx, cancel := context.WithTimeout(life, dialTimeout)
	defer cancel()
	var stop func() bool
	dialer := func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		// The handshake knows no context: a server that accepts and says nothing would hold us.
		stop = context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
		// Nor does a query: one that gets no answer would hold up a shutdown.
		return &bound{conn, context.AfterFunc(life, func() { conn.Close() })}, nil
	}
	c, err := client.ConnectWithDialer(ctx, "", s.cfg.Addr, s.cfg.User, s.cfg.Password, "", dialer, func(c *client.Conn) error {
		c.SetTLSConfig(conf)
		c.ReadTimeout, c.WriteTimeout = queryTimeout, queryTimeout
		c.SetAttributes(map[string]string{"program_name": "rowcast"})
		return c.SetCollation("utf8mb4_general_ci") // known to both; else MariaDB sends names of tables in latin1
	})
	if stop != nil && !stop() && err == nil {
		c.Close()
		err = context.Cause(ctx)
	}
	if err != nil && conf != nil && strings.Contains(err.Error(), "does not support TLS") {
		err = errNoTLS
	}
	if err != nil {
		return nil, unwrapTrace(err)
	}
	return c, nil
}

// unwrapTrace takes off go-mysql's layers, whose texts name its functions
// rather than what the operator can do.
func unwrapTrace(err error) error {
	var my *mysql.MyError
	if errors.As(err, &my) {
		return my
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op
	}
	return err
}

// tlsConfig makes what [source] tls asks for; nil is no TLS.
func tlsConfig(cfg Config) (*tls.Config, error) {
	if cfg.TLS == "off" || strings.HasPrefix(cfg.Addr, "/") && cfg.TLS == "preferred" {
		return nil, nil
	}
	host, _, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		host = cfg.Addr
	}
	conf := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if cfg.TLSCA != "" {
		pem, err := os.ReadFile(cfg.TLSCA)
		if err != nil {
			return nil, fmt.Errorf("read [source] tls_ca: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("[source] tls_ca %s holds no PEM certificate", cfg.TLSCA)
		}
	}
	if cfg.TLSCert != "" || cfg.TLSKey != "" {
		pair, err := tls.LoadX509KeyPair(cfg.TLSCert, cfg.TLSKey)
		if err != nil {
			return nil, fmt.Errorf("read [source] tls_cert and tls_key: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	switch cfg.TLS {
	case "preferred", "required":
		conf.InsecureSkipVerify = true // encrypted, not authenticated: as MySQL's own clients mean these words
	case "verify-ca":
		conf.InsecureSkipVerify = true
		conf.VerifyConnection = func(cs tls.ConnectionState) error { return verifyChain(cs, conf.RootCAs) }
	case "verify-full":
	default:
		return nil, fmt.Errorf("[source] tls is %q; it can be off, preferred, required, verify-ca or verify-full", cfg.TLS)
	}
	return conf, nil
}

// verifyChain checks who signed the certificate, not for which host.
func verifyChain(cs tls.ConnectionState, roots *x509.CertPool) error {
	opts := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
	for _, cert := range cs.PeerCertificates[1:] {
		opts.Intermediates.AddCert(cert)
	}
	_, err := cs.PeerCertificates[0].Verify(opts)
	return err
}

// identify tells MySQL from MariaDB by what the server calls itself.
func (s *Source) identify(c *client.Conn) Flavor {
	version := c.GetServerVersion()
	flavor := MySQL
	if strings.Contains(strings.ToLower(version), "mariadb") {
		flavor = MariaDB
		version = strings.TrimPrefix(version, "5.5.5-") // for replicas that know no version of two digits
	}
	s.status.update(func(st *Status) { st.Flavor, st.Version = flavor, version })
	return flavor
}

// endOf asks where the binlog ends now: a checkpoint without lineage, by the
// server's word.
func endOf(c *client.Conn) (Position, error) {
	r, err := c.Execute("SHOW BINARY LOG STATUS") // MySQL 8.2 and later; MariaDB has SHOW BINLOG STATUS
	var my *mysql.MyError
	if errors.As(err, &my) && my.Code == mysql.ER_PARSE_ERROR {
		r, err = c.Execute("SHOW MASTER STATUS")
	}
	if err != nil {
		return Position{}, fmt.Errorf("ask where the binlog ends: %w", explain(unwrapTrace(err)))
	}
	defer r.Close()
	if r.RowNumber() == 0 {
		return Position{}, fmt.Errorf("%w: binary logging is off; set log_bin in the server's configuration and restart it", ErrNotReplicable)
	}
	file, err := r.GetString(0, 0)
	if err != nil {
		return Position{}, fmt.Errorf("ask where the binlog ends: %w", err)
	}
	n, err := r.GetUint(0, 1)
	if err != nil {
		return Position{}, fmt.Errorf("ask where the binlog ends: %w", err)
	}
	if n > maxOffset { // behind a group of over 4 GiB; the server turns to a new file next
		return Position{}, fmt.Errorf("the binlog ends at %s/%d, where no dump can start; FLUSH BINARY LOGS mends it", file, n)
	}
	return Checkpoint(strings.Clone(file), uint32(n), 0)
}

// clockOf is how far the server's clock is ahead of ours: ages of events are by its clock.
func clockOf(c *client.Conn) (time.Duration, error) {
	r, err := c.Execute("SELECT UNIX_TIMESTAMP(NOW(6))")
	if err != nil {
		return 0, fmt.Errorf("ask for the server's time: %w", explain(unwrapTrace(err)))
	}
	defer r.Close()
	seconds, err := r.GetFloat(0, 0)
	if err != nil {
		return 0, fmt.Errorf("ask for the server's time: %w", err)
	}
	return time.Duration(seconds*1e9 - float64(time.Now().UnixNano())).Round(time.Millisecond), nil
}

// foldsNames tells whether the server takes Picks and picks for one table. Statements
// are then logged as they were typed, and everything else in lower case.
func foldsNames(c *client.Conn) (bool, error) {
	r, err := c.Execute("SELECT @@global.lower_case_table_names")
	if err != nil {
		return false, fmt.Errorf("ask for lower_case_table_names: %w", explain(unwrapTrace(err)))
	}
	defer r.Close()
	mode, err := r.GetInt(0, 0)
	if err != nil {
		return false, fmt.Errorf("ask for lower_case_table_names: %w", err)
	}
	return mode != 0, nil
}

// filesOf lists the binlog files that the server holds, oldest first.
func filesOf(c *client.Conn) ([]binlogFile, error) {
	r, err := c.Execute("SHOW BINARY LOGS")
	if err != nil {
		return nil, fmt.Errorf("list the binlog files: %w", explain(unwrapTrace(err)))
	}
	defer r.Close()
	var files []binlogFile
	for i := range r.RowNumber() {
		name, err := r.GetString(i, 0)
		if err != nil {
			return nil, fmt.Errorf("list the binlog files: %w", err)
		}
		size, err := r.GetUint(i, 1)
		if err != nil {
			return nil, fmt.Errorf("list the binlog files: %w", err)
		}
		files = append(files, binlogFile{strings.Clone(name), size})
	}
	return files, nil
}

type binlogFile struct {
	name string
	size uint64 // bytes
}

// between is how many bytes of binlog lie between two places of the files.
func between(files []binlogFile, from, to Position) (n uint64) {
	inside := false
	for _, f := range files {
		if f.name == from.file {
			inside, n = true, n-uint64(from.pos)
		}
		if f.name == to.file {
			if n += uint64(to.pos); !inside || from.Compare(to) >= 0 {
				return 0
			}
			return n
		}
		if inside {
			n += f.size
		}
	}
	return 0
}

// freeServerID picks a server id that no replica uses: a second replica of the
// same id makes the server end the first one's dump.
func freeServerID(c *client.Conn) uint32 {
	taken := map[uint64]bool{}
	for _, q := range []string{"SHOW REPLICAS", "SHOW SLAVE HOSTS"} {
		r, err := c.Execute(q)
		if err != nil {
			continue // the other spelling, or a privilege that the dump will ask for and name
		}
		for i := range r.RowNumber() {
			if id, err := r.GetUint(i, 0); err == nil {
				taken[id] = true
			}
		}
		r.Close()
		break
	}
	for {
		// Small numbers are what people give their own servers.
		if id := 1<<20 + rand.Uint32N(1<<31); !taken[uint64(id)] {
			return id
		}
	}
}

// quit ends a connection as the protocol has it: servers log others as aborted.
func quit(c *client.Conn) {
	if c.Quit() != nil {
		c.Close()
	}
}
