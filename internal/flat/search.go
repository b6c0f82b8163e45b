package flat

import "sync/atomic"

// A search goes through the records whose hash has a tag, while a writer may
// change the table, or put another in its place.
type search[V any] struct {
	blocks  *blocks[V]
	current *atomic.Pointer[table]
	tag     uint64

	table *table // nil: the search begins
	at    int
}

// next returns the next record, the zero Record if there is none. After a
// change it begins again.
//
// Numbers of blocks are used again. So a block counts only if, after it was
// found, the slot that led there still stood in a table still in use: what a
// slot leads to goes out of use only after the slot.
func (s *search[V]) next() (Record[V], place) {
	for {
		if s.table == nil {
			s.table = s.current.Load()
			s.at = s.table.home(s.tag)
		}
		found, at := s.table.seek(s.tag, s.at)
		if found == 0 {
			return Record[V]{}, 0
		}
		p := found.place()
		b := s.blocks.at(p.number())
		if b != nil && s.table.at(at) == found && s.current.Load() == s.table {
			s.at = s.table.after(at)
			return b.record(p.offset()), p
		}
		s.table = nil
	}
}
