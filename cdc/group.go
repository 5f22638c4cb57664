package cdc

import (
	"strings"
	"time"
)

// maxHeld bounds the bytes of rows events of wanted tables that a reader keeps
// until it has seen how their group ends, and, on its own, those of prepared XA
// transactions. A larger group is read a second time, once it is known to be
// committed; then nothing has to be held.
const maxHeld = 32 << 20

// group is the transaction or statement being read.
type group struct {
	open       bool
	inTx       bool // rows may follow; else the next statement is the whole group
	start      Position
	time       time.Time // of the commit, where its first event says it
	events     uint32    // rows events so far, of all tables
	held       []heldRows
	arena      []byte // the bodies of held
	overflow   bool   // held was given up
	marks      []savepoint
	rolledBack []span // ordinals of rows events that ROLLBACK TO took back
	unclear    bool   // which they are: it went back to a savepoint that it does not have
}

// heldRows is one rows event that waits for its group's end.
type heldRows struct {
	typ      byte
	table    *mapped
	event    uint32 // its ordinal
	off, len int    // in the arena
}

type savepoint struct {
	name        string
	held, arena int
	events      uint32
}

type span struct{ from, to uint32 } // to is after the last

// reset makes the group ready for the next one; buffers are kept within reason.
func (g *group) reset() {
	arena, held := g.arena[:0], g.held[:0]
	if cap(arena) > keepBuffer {
		arena = nil
	}
	clear(g.held) // the tables they point to may go
	*g = group{arena: arena, held: held, marks: g.marks[:0]}
}

// hold keeps a rows event until the group's end.
func (g *group) hold(typ byte, m *mapped, body []byte) {
	if len(g.arena) == 0 && len(body) > keepBuffer && !g.overflow {
		// The first event may have any size: it is in memory anyway, and is held where it
		// lies rather than copied, or read a second time.
		g.held = append(g.held, heldRows{typ, m, g.events, 0, len(body)})
		g.arena = body[:len(body):len(body)]
		return
	}
	if g.overflow || len(g.arena)+len(body) > maxHeld {
		g.overflow = true
		clear(g.held)
		g.arena, g.held = nil, g.held[:0]
		return
	}
	g.held = append(g.held, heldRows{typ, m, g.events, len(g.arena), len(body)})
	g.arena = append(g.arena, body...)
}

func (g *group) mark(name string) {
	g.marks = append(g.marks, savepoint{name, len(g.held), len(g.arena), g.events})
}

// rollbackTo takes back what came after the savepoint; false: there is none of
// that name. Servers mostly cut their own cache short instead and log nothing of
// it. They compare names without regard to case, and log each as it was written.
func (g *group) rollbackTo(name string) bool {
	for i := len(g.marks) - 1; i >= 0; i-- {
		m := g.marks[i]
		if !strings.EqualFold(m.name, name) {
			continue
		}
		g.rolledBack = append(g.rolledBack, span{m.events, g.events})
		if !g.overflow {
			clear(g.held[m.held:])
			g.held, g.arena = g.held[:m.held], g.arena[:m.arena]
		}
		g.marks = g.marks[:i+1]
		return true
	}
	g.unclear = true
	return false
}
