package filters

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"vitess.io/vitess/go/sqltypes"
)

// keyPart is a clause `column = :param` of the topmost AND. Its column's value
// is brought into a form that is the same for all values that are equal under
// the column's type and collation, so that a map finds the subscriptions whose
// parameter equals it.
type keyPart struct {
	clause *clause
	col    int // in predicate.cols
	class  class
	order  ordering // of textual
	decl   string   // of address
}

// addKey takes a clause if a look-up can decide it.
func (p *predicate) addKey(c *clause) bool {
	if c.eqColumn == "" {
		return false
	}
	i := p.column(c.eqColumn)
	o := &p.cols[i]
	k := keyPart{clause: c, col: i, class: o.class, decl: o.decl}
	switch {
	case o.class == integer && !o.year && !o.bit, o.class == octets, o.class == address:
	case o.class == textual:
		k.order = o.order
	default:
		return false
	}
	p.keys = append(p.keys, k)
	return true
}

// shape is the same for two tables if the forms of their values can be compared.
func (k *keyPart) shape() string {
	if k.class == address {
		return fmt.Sprintf("%s:%d:%s;", k.clause.eqParam, k.class, k.decl)
	}
	if k.class != textual {
		return fmt.Sprintf("%s:%d;", k.clause.eqParam, k.class)
	}
	return fmt.Sprintf("%s:%d:%d:%t;", k.clause.eqParam, k.class, k.order.ID(), k.order.pads)
}

// appendRow adds the form of a row's value; ok is false for NULL, which equals
// nothing.
func (k *keyPart) appendRow(dst []byte, v sqltypes.Value) (_ []byte, ok bool) {
	if v.IsNull() {
		return dst, false
	}
	return k.appendForm(dst, v.Raw()), true
}

// appendParam adds the form of a parameter; ok is false where no row's value
// can equal it.
func (k *keyPart) appendParam(dst []byte, s string) (_ []byte, ok bool, err error) {
	raw := []byte(s)
	switch k.class {
	case integer:
		n, ok, err := canonicalInteger(s)
		if err != nil || !ok {
			return dst, false, err
		}
		raw = []byte(n)
	case address:
		b, err := parseAddress(k.decl, s)
		if err != nil {
			return dst, false, fmt.Errorf("%q is not of that type", shorten(s))
		}
		raw = b
	case textual:
		b, err := k.order.encode(s)
		if err != nil {
			return dst, false, nil // not in the column's character set
		}
		raw = b
	}
	return k.appendForm(dst, raw), true, nil
}

// longForm is where a form is replaced by its hash: keys are kept in memory,
// and a text can be long.
const longForm = 64

func (k *keyPart) appendForm(dst, raw []byte) []byte {
	at := len(dst)
	dst = append(dst, 0, 0)
	start := len(dst)
	if k.class == textual {
		dst = k.order.appendForm(dst, raw)
	} else {
		dst = append(dst, raw...)
	}
	if len(dst)-start > longForm {
		sum := sha256.Sum256(dst[start:])
		dst = append(dst[:start], sum[:]...)
	}
	binary.BigEndian.PutUint16(dst[at:], uint16(len(dst)-start))
	return dst
}

// appendKey adds the key of a row; ok is false where no subscription can have it.
func (p *predicate) appendKey(dst []byte, row []sqltypes.Value) (_ []byte, ok bool) {
	dst = append(dst, p.shape...)
	for i := range p.keys {
		if dst, ok = p.keys[i].appendRow(dst, row[p.keys[i].col]); !ok {
			return dst, false
		}
	}
	return dst, true
}

// checkDefaults: a request that leaves a parameter out must not be refused for
// what the config gives it. Other clauses were judged with it when they were bound.
func (p *predicate) checkDefaults() error {
	for i := range p.keys {
		k := &p.keys[i]
		for _, q := range p.where.params {
			if q.Name != k.clause.eqParam || q.Required {
				continue
			}
			if _, _, err := k.appendParam(nil, q.Default); err != nil {
				return p.keyError(k, err)
			}
		}
	}
	return nil
}

func (p *predicate) keyError(k *keyPart, err error) error {
	return fmt.Errorf("%s: %w, which column %s (%s) is compared with", k.clause.eqParam, err, p.cols[k.col].name, p.cols[k.col].decl)
}

// bindKey is the key of a subscription.
func (p *predicate) bindKey(values map[string]string) (string, error) {
	dst := []byte(p.shape)
	for i := range p.keys {
		k := &p.keys[i]
		var ok bool
		var err error
		if dst, ok, err = k.appendParam(dst, values[k.clause.eqParam]); err != nil {
			return "", p.keyError(k, err)
		} else if !ok {
			return p.shape + "none", nil
		}
	}
	return string(dst), nil
}
