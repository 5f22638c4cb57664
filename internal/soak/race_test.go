//go:build race

package soak

// raceEnabled: the program under test is built as the test is.
const raceEnabled = true
