package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/pgstore"
	"github.com/regtoken/regtoken/store"
)

func TestFeedIsTrimmed(t *testing.T) {
	for _, size := range []int{1, 2, 7} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			database := cluster.CreateDatabase(t)
			s := open(t, cluster.URL(database), &pgstore.Options{FeedSize: size})
			var cursors []store.Cursor
			for i := range 2*size + 5 {
				create(t, s, i)
				cursors = append(cursors, head(t, s))
				from := cursors[max(0, i-size+1)] // as many changes back as are kept at least, with the cursor's own
				batch, err := s.Changes(t.Context(), from, math.MaxInt)
				require.NoError(t, err)
				require.True(t, batch.CaughtUp)
				require.Len(t, batch.Changes, min(i, size-1))
			}
			kept, err := strconv.Atoi(cluster.SQL(t, database, "SELECT count(*) FROM regtoken.changes"))
			require.NoError(t, err)
			require.Less(t, kept, 2*size)
			_, err = s.Changes(t.Context(), cursors[0], 1)
			require.ErrorIs(t, err, store.ErrCursorExpired)
		})
	}
}

// A long feed is trimmed by steps that are short beside it.
func TestLongFeedIsTrimmed(t *testing.T) {
	database := cluster.CreateDatabase(t)
	s := open(t, cluster.URL(database), &pgstore.Options{FeedSize: 1000})
	cluster.SQL(t, database, `UPDATE regtoken.head SET rev = 9983;
		INSERT INTO regtoken.changes SELECT rev, gen_random_uuid(), gen_random_uuid() FROM generate_series(1, 9983) rev`)
	create(t, s, 1) // the revision 9984, 39 times 256
	require.Equal(t, "8985|9984", cluster.SQL(t, database, "SELECT min(rev), max(rev) FROM regtoken.changes"))
	create(t, s, 2)
	require.Equal(t, "8985|9985", cluster.SQL(t, database, "SELECT min(rev), max(rev) FROM regtoken.changes"))
}

// A smaller FeedSize than before, or than another process has, takes effect.
func TestFeedShrinks(t *testing.T) {
	database := cluster.CreateDatabase(t)
	large := open(t, cluster.URL(database), nil)
	for i := range 20 {
		create(t, large, i)
	}
	small := open(t, cluster.URL(database), &pgstore.Options{FeedSize: 2})
	create(t, small, 20)
	create(t, small, 21)
	require.Equal(t, "2", cluster.SQL(t, database, "SELECT count(*) FROM regtoken.changes"))
}

// writerProcess is the environment variable that makes the test's program a
// process that writes, into the store at that connection string.
const writerProcess = "PGSTORE_TEST_WRITER"

const writers, writes = 3, 12

func writeAsProcess(url string) (code int) {
	s, err := pgstore.Open(context.Background(), url, nil)
	if err == nil {
		err = errors.Join(writeTogether(s), s.Close())
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// writeTogether lets writers make writes, of which some are refused.
func writeTogether(s *pgstore.Store) error {
	errs := make([]error, writers)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range writes {
				r := newRecord(os.Getpid()*1_000_000 + w*writes + i)
				_, err := s.Put(context.Background(), r)
				_, refused := s.Put(context.Background(), r)
				if err != nil || !errors.Is(refused, store.ErrExists) {
					errs[w] = fmt.Errorf("%w; again: %w", err, refused)
					return
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func TestProcessesWriteWithoutGaps(t *testing.T) {
	url := cluster.URL(cluster.CreateDatabase(t))
	s := open(t, url, nil)
	start := head(t, s)
	program, err := os.Executable()
	require.NoError(t, err)
	var outputs [2][]byte
	var errs [2]error
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			process := exec.Command(program)
			process.Env = append(os.Environ(), writerProcess+"="+url)
			outputs[i], errs[i] = process.CombinedOutput()
		})
	}
	require.NoError(t, writeTogether(s))
	all.Wait()
	for i, err := range errs {
		require.NoError(t, err, "%s", outputs[i])
	}
	const want = 3 * writers * writes
	batch, err := s.Changes(t.Context(), start, want)
	require.NoError(t, err)
	require.True(t, batch.CaughtUp)
	require.Len(t, batch.Changes, want)
	for i, c := range batch.Changes {
		require.EqualValues(t, i+1, c.Rev)
	}
}

// A session that is set to a stricter isolation than READ COMMITTED may have
// to be refused, but never writes wrongly.
func TestStricterIsolation(t *testing.T) {
	database := cluster.CreateDatabase(t)
	s := open(t, cluster.URL(database), nil)
	start := head(t, s)
	strict := open(t, cluster.URL(database)+"&default_transaction_isolation=serializable", nil)
	var acknowledged sync.Map
	var all sync.WaitGroup
	errs := make([]error, writers)
	for w := range writers {
		all.Go(func() {
			for i := range writes {
				r := newRecord(w*writes + i)
				rev, err := []*pgstore.Store{s, strict}[w%2].Put(context.Background(), r)
				switch {
				case err == nil:
					acknowledged.Store(rev, r.ID)
				case !errors.Is(err, store.ErrUnavailable):
					errs[w] = err
				}
			}
		})
	}
	all.Wait()
	require.NoError(t, errors.Join(errs...))
	batch, err := s.Changes(t.Context(), start, writers*writes)
	require.NoError(t, err)
	for i, c := range batch.Changes {
		require.EqualValues(t, i+1, c.Rev)
		id, ok := acknowledged.LoadAndDelete(c.Rev)
		require.True(t, ok)
		require.Equal(t, id, c.ID)
	}
	acknowledged.Range(func(rev, _ any) bool {
		t.Errorf("revision %d was acknowledged and is not in the feed", rev)
		return true
	})
}
