package stream

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rowcast/stream/frame"
)

// The fan-out benchmarks compare the server with a bare loop of one write per
// client and event. The clients are another process, so that what is measured is
// the CPU time of this one: microseconds of it per delivery.
//
//	go test ./stream -run xxx -bench Fanout -benchtime 100x
const (
	benchClients = 2000
	benchRate    = 20 // events a second

)

func init() { benchChild = child }

// child is the process with the clients: it opens them, says so, and reads what
// comes until its standard input ends.
func child(spec string) {
	count, addr, _ := strings.Cut(spec, "@")
	n, _ := strconv.Atoi(count)
	ep, err := unix.EpollCreate1(0)
	if err != nil {
		panic(err)
	}
	var conns []net.Conn
	for i := range n {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			panic(err)
		}
		conns = append(conns, conn)
		fmt.Fprintf(conn, "GET /events?table=drafts&team=%d HTTP/1.1\r\nHost: localhost\r\n\r\n", i)
		raw, _ := conn.(*net.TCPConn).SyscallConn()
		_ = raw.Control(func(fd uintptr) {
			_ = unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, int(fd), &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
		})
	}
	go func() {
		events, buf := make([]unix.EpollEvent, 256), make([]byte, 1<<20)
		for {
			k, _ := unix.EpollWait(ep, events, -1)
			for _, e := range events[:max(k, 0)] {
				if n, err := unix.Read(int(e.Fd), buf); n <= 0 && err != unix.EAGAIN {
					_ = unix.EpollCtl(ep, unix.EPOLL_CTL_DEL, int(e.Fd), nil)
				}
			}
		}
	}()
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	for _, c := range conns {
		c.Close()
	}
}

// clients starts the child.
func clients(b *testing.B, addr string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d@%s", childEnv, benchClients, addr))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		b.Fatal(line, err)
	}
	b.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			b.Error(err)
		}
	})
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// pump calls send for each event, at the benchmark's rate, and reports the CPU time.
func pump(b *testing.B, deliveries int, send func()) {
	tick := time.NewTicker(time.Second / benchRate)
	defer tick.Stop()
	send() // the first one fills caches
	<-tick.C
	start := cpu()
	b.ResetTimer()
	for range b.N {
		<-tick.C
		send()
	}
	<-tick.C
	b.ReportMetric(float64((cpu()-start).Nanoseconds())/1e3/float64(b.N)/float64(deliveries), "cpu-µs/delivery")
}

var benchValue = strings.Repeat("x", 200)

// BenchmarkFanoutBare is the floor: a loop of one write per client and event.
func BenchmarkFanoutBare(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	var fds []int
	var conns []net.Conn
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		for range benchClients {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns = append(conns, conn)
			raw, _ := conn.(*net.TCPConn).SyscallConn()
			_ = raw.Control(func(fd uintptr) { fds = append(fds, int(fd)) })
		}
	}()
	clients(b, l.Addr().String())
	<-accepted
	chunk := []byte("fa\r\nid: binlog.000042/15873/0.0~67a1f3b2\ndata: " + benchValue + "\n\n\r\n")
	pump(b, benchClients, func() {
		for _, fd := range fds {
			if _, err := syscall.Write(fd, chunk); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, c := range conns {
		c.Close()
	}
}

// BenchmarkFanoutOneGroup: the same through the server.
func BenchmarkFanoutOneGroup(b *testing.B) {
	fanOut(b, fakeRenderer{tables: []string{"drafts"}, open: true}, func(src *fakeSource) {
		src.commit(row{"drafts", benchValue})
	})
}

// BenchmarkFanoutParameters: every client is a group of its own.
func BenchmarkFanoutParameters(b *testing.B) {
	fanOut(b, fakeRenderer{tables: []string{"drafts?"}, same: true}, func(src *fakeSource) {
		src.commit(row{"drafts", "x:" + benchValue})
	})
}

func fanOut(b *testing.B, r frame.Renderer, send func(*fakeSource)) {
	src := newFake()
	s := serve(b, Config{}, src, r).started(b)
	clients(b, s.addr)
	eventually(b, "all clients", func() bool { return s.pool.Len() == benchClients })
	pump(b, benchClients, func() { send(src) })
	if n := s.pool.Len(); n != benchClients {
		b.Logf("%d clients lagged", benchClients-n)
	}
}

// BenchmarkIdleClients reports the memory of the process per idle connection.
func BenchmarkIdleClients(b *testing.B) {
	s := serve(b, Config{}, newFake(), fakeRenderer{tables: []string{"drafts"}, open: true}).started(b)
	before := resident()
	clients(b, s.addr)
	eventually(b, "all clients", func() bool { return s.pool.Len() == benchClients })
	b.ReportMetric(float64(resident()-before)/benchClients, "B/client")
}

// resident is the process's memory after a collection.
func resident() int64 {
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, _ := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	return pages * int64(os.Getpagesize())
}
