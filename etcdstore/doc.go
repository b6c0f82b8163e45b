// Package etcdstore keeps tokens in an etcd cluster, for fleets that run one
// already. [New] takes a client of the program's own, [Open] makes one of a
// [clientv3.Config], to which certificates (TLS) and users belong.
//
// # What it promises
//
// A write that was acknowledged was committed by a majority of the nodes: it
// survives the loss of any minority. Each write is one transaction, so it is
// there as a whole or not at all, and it is sent at most once. Every read is
// linearizable, and so sees every write acknowledged before it began, whichever
// node answers.
//
// Creating a record is one round trip. So is replacing or deleting one that this
// Store read or wrote lately, which it remembers the keys of; otherwise it takes
// one or two reads before. Get is one round trip, or two where the ID is new to
// the Store.
//
// Revisions are the cluster's own. They are in the order in which the writes
// were committed, and writes of different records never wait for or fail for
// each other.
//
// The Store is a store.Waiter: one watch, which all calls of Wait share, tells
// of writes within milliseconds. Nothing rests on it: the feed is read from the
// cluster at each call.
//
// # What it needs
//
// etcd 3.5 or later, with the limits it has by default: requests of 1.5 MiB, 128
// operations in a transaction. Where the cluster has users, the store's needs to
// read and write the keys that begin with [Options].Prefix, and nothing else:
//
//	etcdctl role grant-permission regtoken --prefix=true readwrite regtoken/
//
// While there is no majority, nothing can be written or read: calls return
// store.ErrUnavailable, or store.ErrUnknown for writes that were under way.
// After the death of a leader this lasts for the election, one or two seconds.
// A write that was on its way to the dead leader fails after etcd's own timeout,
// 7 seconds.
//
// # Compaction and space
//
// Every write adds about four revisions to the history, which grows until it is
// compacted. Let etcd do that:
//
//	etcd --auto-compaction-mode=periodic --auto-compaction-retention=1h
//
// The change feed is that history, and compaction is how it is trimmed. A cursor
// from before it has expired: Changes returns store.ErrCursorExpired, the cache
// behind it drops all it holds, and goes on. One minute of history is enough for
// processes that poll every second.
//
// A cluster whose quota is used up raises the alarm NOSPACE and refuses all
// writes, deletions of tokens too, until an operator compacts, defragments and
// disarms it. Because the write at which the alarm is raised is still made, these
// failures are store.ErrUnknown. A node does not answer while it defragments;
// take one after the other.
//
// # Backup
//
//	etcdctl snapshot save backup.db
//	etcdutl snapshot restore backup.db --data-dir … (on each node; see etcd's documentation)
//
// Caches notice a restore: the places they held in the feed have expired. That
// needs no --bump-revision, and does it no harm. Tokens that were deleted or
// disabled since the backup are back as they were.
//
// # Looking inside
//
// All keys begin with the prefix. A record is a line of JSON, and then the data
// as they are, which the Manager writes as JSON as well:
//
//	etcdctl get --prefix regtoken/@token/
//
// The other keys are indices, the format's version, and @head, which every write
// puts and whose history is the feed. Write through package regtoken alone: other
// writes are in no feed, and caches do not see them. Deleting all keys of the
// prefix at once is fine: the store begins anew.
package etcdstore
