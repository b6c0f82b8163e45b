// Package flat keeps small records in memory for many readers. A lookup takes
// no lock, writes nothing that others read (but once, that the record was
// used), and touches two or three cache lines; the garbage collector sees a few
// large blocks without pointers, however many records there are. On Linux they
// are kept in huge pages, where the system has them.
//
// Records are words in blocks that are only ever appended to. A record never
// changes: a new state of it is a new record, and the old one is dead. Two hash
// tables, by key and by ID, hold where the live records begin; larger ones are
// made of what the blocks hold. The oldest block is cleared by moving what is
// alive in it to the end; a block that is out of use is left to the garbage
// collector, since a reader may still look at it.
package flat
