//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "rowcast-bench: it reads /proc and opens clients by epoll, which only Linux has; run it there, or in a container")
	os.Exit(1)
}
