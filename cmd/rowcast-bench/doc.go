// Command rowcast-bench measures rowcast beside its peers on throwaway databases
// and prints Markdown tables: the figures of the README, repeatable by anyone
// with `make bench`. Linux only, since it reads /proc and opens clients by epoll.
//
// Contenders of one table take turns within one run, round by round, and the
// medians are shown: a machine that is busy with something else spoils all of
// them alike. CPU seconds are those of the serving process alone, as the kernel
// accounts them; the database and the clients are not in them.
//
// What runs in which process:
//
//	rowcast-bench          starts everything, publishes, and holds all clients in one epoll thread
//	rowcast                the real program, built from this tree, with a config of the run's own
//	rowcast-bench (child)  a contender of its own: go-mysql's reading, the bare loop of writes
//	nginx                  with nchan, where Debian's packages nginx and libnginx-mod-nchan are installed
package main
