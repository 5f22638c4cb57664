//go:build linux

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"rowcast/internal/program"
)

// maxClients is how many clients one process can hold, or serve.
func maxClients() int { return int(min(program.RaiseFiles(), 1<<20)) - 200 }

// cpuOf is the CPU time that processes have used so far, in seconds: user and
// system time of all their threads. The kernel scales both to the time that its
// scheduler counted, and shows them in steps of 10 ms.
func cpuOf(pids []int) (seconds float64, err error) {
	const ticks = 100 // USER_HZ, a constant of Linux's interface
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		// The name, in parentheses, may hold anything.
		f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(f) < 13 {
			return 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(f))
		}
		for _, i := range []int{11, 12} {
			n, err := strconv.ParseUint(f[i], 10, 64)
			if err != nil {
				return 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
			}
			seconds += float64(n) / ticks
		}
	}
	return seconds, nil
}

// memoryOf is what processes hold of the memory, in kB: their proportional
// share of pages that several have, which is what counts for nginx's workers.
func memoryOf(pids []int) (kB float64, err error) {
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return 0, err
		}
		kB += float64(field(string(text), "\nPss:"))
	}
	return kB, nil
}

// peakOf is the most that a process ever had in memory, in kB.
func peakOf(pid int) (kB float64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return float64(field(string(text), "\nVmHWM:")), err
}

// childrenOf are the processes that pid has started.
func childrenOf(pid int) (pids []int, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil, err
	}
	for _, f := range strings.Fields(string(text)) {
		child, err := strconv.Atoi(f)
		if err != nil {
			return nil, err
		}
		pids = append(pids, child)
	}
	return pids, nil
}

// field finds the number after a name in a file of /proc; 0 if there is none.
func field(text, name string) int64 {
	_, rest, _ := strings.Cut(text, name)
	f := strings.Fields(rest)
	if len(f) == 0 {
		return 0
	}
	n, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil {
		return 0
	}
	return n
}
