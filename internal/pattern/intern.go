package pattern

import (
	"runtime"
	"sync"
	"weak"
)

// interned holds each pattern in use once, by its text: tokens that share a
// pattern share the compiled form. It does not keep a pattern alive.
var interned sync.Map // string -> weak.Pointer[Pattern]

// Compile returns the Pattern of text. The error lists what [Check] finds.
func Compile(text string) (*Pattern, error) {
	if p := lookup(text); p != nil {
		return p, nil
	}
	if faults := Check(text); len(faults) > 0 {
		return nil, faults[0]
	}
	p, err := compile(text)
	if err != nil {
		return nil, err
	}
	return publish(p), nil
}

func lookup(text string) *Pattern {
	if v, ok := interned.Load(text); ok {
		return v.(weak.Pointer[Pattern]).Value()
	}
	return nil
}

// publish makes p the one Pattern of its text, or returns the one that
// another goroutine published first.
func publish(p *Pattern) *Pattern {
	entry := weak.Make(p)
	for {
		v, taken := interned.LoadOrStore(p.text, entry)
		if !taken {
			break
		}
		if first := v.(weak.Pointer[Pattern]).Value(); first != nil {
			return first
		}
		if interned.CompareAndSwap(p.text, v, entry) {
			break
		}
	}
	runtime.AddCleanup(p, func(text string) { interned.CompareAndDelete(text, entry) }, p.text)
	return p
}
