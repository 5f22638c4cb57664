// Package preflight judges a server before rowcast reads its binlog: one Finding for
// each setting, privilege and neighbour that matters, with the SQL to fix it.
//
// It only asks. It knows nothing of the binlog's contents, and keeps nothing.
package preflight
