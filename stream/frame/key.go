package frame

import "hash/maphash"

// Key names the bindings that a frame is for: a hash of Renderer's key, of one
// size and without a pointer, so that neither a frame nor a look-up costs an
// allocation or a walk to the bytes. It is 128 bits under seeds that nobody
// outside this process knows: two keys do not meet, by accident or by intent.
// The zero Key is that of no key.
type Key [2]uint64

var keySeeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// KeyOf is the Key of a Binding, or of a frame as Emit gets it. It is not the
// same in another process.
func KeyOf(key []byte) Key {
	if len(key) == 0 {
		return Key{}
	}
	return Key{maphash.Bytes(keySeeds[0], key), maphash.Bytes(keySeeds[1], key)}
}

// None tells whether k is of no key.
func (k Key) None() bool { return k == Key{} }

// fits tells whether a frame with the key other may be for a binding with k:
// the Keys are equal, or one of them is none.
func (k Key) fits(other Key) bool { return k == other || k.None() || other.None() }
