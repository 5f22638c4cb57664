//go:build !race

package filters

const raced = false
