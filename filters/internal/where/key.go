package where

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// keyPart is a clause `column = :param` of the topmost AND. The form of its column's
// value is the same for all values that are equal, so that a map finds the
// subscriptions whose parameter equals it.
type keyPart struct {
	param string
	col   int
}

// keyable reports whether a look-up can decide `column = :param`: whether the
// servers compare the parameter, a text, with the column's values as its order does.
// A text and a DECIMAL they compare as floating-point numbers.
func (c *column) keyable() bool { return c.order != nil && c.class != decimal }

// addKey takes a clause if a look-up can decide it.
func (p *Predicate) addKey(c *clause) bool {
	if c.eqColumn == "" {
		return false
	}
	i := p.columnNamed(c.eqColumn)
	if !p.cols[i].keyable() {
		return false
	}
	p.keys = append(p.keys, keyPart{param: c.eqParam, col: i})
	p.format += c.eqParam + ":" + p.cols[i].order.format() + ";"
	return true
}

// HasKeys reports whether there are clauses that a look-up decides.
func (p *Predicate) HasKeys() bool { return len(p.keys) > 0 }

// longForm is where a form is replaced by its hash: keys are kept in memory, and a
// text can be long.
const longForm = 64

func appendForm(dst, form []byte) []byte {
	if len(form) > longForm {
		sum := sha256.Sum256(form)
		form = sum[:]
	}
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(form))), form...)
}

// AppendKey adds the key of a row to dst; ok is false where no binding can have it.
func (e *Evaluator) AppendKey(dst []byte, p *Predicate, row Row) (_ []byte, ok bool) {
	dst = append(dst, p.format...)
	for _, k := range p.keys {
		form := e.form(p.cols[k.col].order, row[k.col])
		if form == nil {
			return dst, false // NULL equals nothing
		}
		dst = appendForm(dst, form)
	}
	return dst, true
}

// HasKey reports whether a row's key is that of a binding.
func (e *Evaluator) HasKey(p *Predicate, row Row, key string) bool {
	var ok bool
	e.key, ok = e.AppendKey(e.key[:0], p, row)
	return ok && string(e.key) == key
}

// Key is that of a binding with these values.
func (p *Predicate) Key(values map[string]string) (string, error) {
	dst := []byte(p.format)
	for _, k := range p.keys {
		form, err := p.cols[k.col].paramForm(values[k.param])
		switch {
		case err != nil:
			return "", fmt.Errorf("%s: %w", k.param, err)
		case form == nil:
			return p.format + "none", nil
		}
		dst = appendForm(dst, form)
	}
	return string(dst), nil
}

// paramForm is the form of a parameter; nil where no value of the column equals it.
func (c *column) paramForm(value string) ([]byte, error) {
	lit, err := c.literal(value)
	if err != nil {
		return nil, err
	}
	form, _, err := c.order.literal(lit)
	if lacks := (*unencodable)(nil); errors.As(err, &lacks) {
		return nil, nil
	}
	return form, err
}

// CheckDefaults judges the defaults of parameters that are keys: a request that
// leaves a parameter out must not be refused for what the config gives it. Those
// of other clauses were judged when the predicate was compiled.
func (p *Predicate) CheckDefaults() error {
	for _, k := range p.keys {
		if value := p.defaults[k.param]; value != "" {
			if _, err := p.cols[k.col].paramForm(value); err != nil {
				return fmt.Errorf("%s: %w", k.param, err)
			}
		}
	}
	return nil
}
