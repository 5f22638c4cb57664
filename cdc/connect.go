package cdc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
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

// connect opens a plain connection for queries, which ends with ctx or when the
// caller closes it. Errors that waiting can't mend wrap ErrDenied or ErrNotReplicable.
func (s *Source) connect(ctx context.Context) (*client.Conn, error) {
	conf := s.tls
	if s.noTLS.Load() {
		conf = nil
	}
	c, err := s.dial(ctx, conf)
	if s.cfg.TLS == "preferred" && errors.Is(err, errNoTLS) {
		s.noTLS.Store(true) // once is enough: each try leaves an aborted connection in the server's log
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
		// Commands and results are then what a session of Select writes and reads by itself.
		c.UnsetCapability(mysql.CLIENT_QUERY_ATTRIBUTES | mysql.CLIENT_DEPRECATE_EOF)
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
		return nil, plainError(err)
	}
	return c, nil
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

// quit ends a connection as the protocol has it: servers log others as aborted.
func quit(c *client.Conn) {
	if c.Quit() != nil {
		c.Close()
	}
}
