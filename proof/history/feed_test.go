package history_test

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/anishathalye/porcupine"
	"github.com/google/uuid"

	"github.com/regtoken/regtoken/proof/internal/frontend"
	"github.com/regtoken/regtoken/store"
)

var (
	errDisorder = errors.New("revisions do not follow the order of the writes")
	errFeed     = errors.New("the change feed does not list the writes")
)

// checkRevisions sees that a write that began after another had ended has the
// higher revision, whatever their names.
func checkRevisions(operations []porcupine.Operation) error {
	begun := acknowledgedWrites(operations)
	ended := slices.Clone(begun)
	slices.SortFunc(begun, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	slices.SortFunc(ended, func(a, b porcupine.Operation) int { return cmp.Compare(a.Return, b.Return) })
	var highest store.Rev // of the writes that ended before
	for _, o := range begun {
		for len(ended) > 0 && ended[0].Return < o.Call {
			highest = max(highest, ended[0].Output.(portOutput).rev)
			ended = ended[1:]
		}
		if rev := o.Output.(portOutput).rev; rev <= highest {
			return fmt.Errorf("%w: a write got %d after %d had been acknowledged", errDisorder, rev, highest)
		}
	}
	return nil
}

func acknowledgedWrites(operations []porcupine.Operation) (writes []porcupine.Operation) {
	for _, o := range operations {
		if o.Input.(portInput).isWrite() && o.Output.(portOutput).outcome == "" {
			writes = append(writes, o)
		}
	}
	return writes
}

// readFeed returns what the feed lists behind a cursor.
func readFeed(at side, after store.Cursor) (feed []store.Change, err error) {
	for {
		reply, err := at.store(changes, frontend.StoreCall{After: after, Limit: 7})
		switch {
		case err != nil:
			return nil, err
		case reply.Outcome != "":
			return nil, fmt.Errorf("%w: %s: %s", errFeed, reply.Outcome, reply.Detail)
		}
		feed, after = append(feed, reply.Batch.Changes...), reply.Batch.Next
		if reply.Batch.CaughtUp {
			return feed, nil
		}
	}
}

// checkFeed sees that the feed lists every acknowledged write once, in the order
// of revisions, and besides only writes whose outcome is unknown, each at most
// once. Of what it lists of other IDs it knows nothing: a write of another
// history may have come late.
func checkFeed(operations []porcupine.Operation, feed []store.Change) error {
	acknowledged, unknown := make(map[store.Change]bool), make(map[uuid.UUID]int)
	ours := make(map[uuid.UUID]bool)
	for _, o := range operations {
		in, out := o.Input.(portInput), o.Output.(portOutput)
		if !in.isWrite() {
			continue
		}
		ours[in.id] = true
		switch out.outcome {
		case "":
			acknowledged[store.Change{Rev: out.rev, ID: in.id}] = true
		case frontend.Unknown:
			unknown[in.id]++
		}
	}
	last := store.Rev(0)
	for _, change := range feed {
		if change.Rev <= last {
			return fmt.Errorf("%w: %d comes after %d", errFeed, change.Rev, last)
		}
		last = change.Rev
		switch {
		case !ours[change.ID]:
		case acknowledged[change]:
			delete(acknowledged, change)
		case unknown[change.ID] > 0:
			unknown[change.ID]--
		default:
			return fmt.Errorf("%w: nobody made the change %+v", errFeed, change)
		}
	}
	if len(acknowledged) > 0 {
		return fmt.Errorf("%w: %d are missing: %v", errFeed, len(acknowledged), acknowledged)
	}
	return nil
}
