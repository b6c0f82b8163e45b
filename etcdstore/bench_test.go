package etcdstore_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkFloor is what the plain client needs for the simplest of writes and
// of linearizable reads.
func BenchmarkFloor(b *testing.B) {
	client := newClient(b, cluster.Endpoints()...)
	key := newPrefix() + "key"
	b.Run("Put", func(b *testing.B) {
		for b.Loop() {
			_, err := client.Put(b.Context(), key, "value")
			require.NoError(b, err)
		}
	})
	b.Run("Get", func(b *testing.B) {
		for b.Loop() {
			_, err := client.Get(b.Context(), key)
			require.NoError(b, err)
		}
	})
}

func BenchmarkPut(b *testing.B) {
	s := open(b, newPrefix(), cluster.Endpoints()...)
	b.Run("create", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			put(b, s, newRecord(newPrefix()))
		}
	})
	b.Run("replace", func(b *testing.B) {
		r := newRecord(newPrefix())
		for b.Loop() {
			r = put(b, s, r)
		}
	})
	b.Run("replace, 8 at once", func(b *testing.B) {
		b.SetParallelism(4)
		b.RunParallel(func(pb *testing.PB) {
			r := newRecord(newPrefix())
			for pb.Next() {
				r = put(b, s, r)
			}
		})
	})
}

func BenchmarkGet(b *testing.B) {
	s := open(b, newPrefix(), cluster.Endpoints()...)
	r := put(b, s, newRecord("name"))
	b.Run("ID", func(b *testing.B) {
		for b.Loop() {
			_, err := s.Get(b.Context(), r.ID)
			require.NoError(b, err)
		}
	})
	b.Run("name", func(b *testing.B) {
		for b.Loop() {
			_, err := s.GetByName(b.Context(), r.Registry, r.Name)
			require.NoError(b, err)
		}
	})
}

func BenchmarkHead(b *testing.B) {
	s := open(b, newPrefix(), cluster.Endpoints()...)
	for b.Loop() {
		head(b, s)
	}
}

func BenchmarkChanges(b *testing.B) {
	for _, n := range []int{0, 1, 4, 16, 17, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := open(b, newPrefix(), cluster.Endpoints()...)
			cursor := head(b, s)
			r := newRecord("name")
			for range n {
				r = put(b, s, r)
			}
			for b.Loop() {
				batch, err := s.Changes(b.Context(), cursor, 1000)
				require.NoError(b, err)
				require.Len(b, batch.Changes, n)
			}
		})
	}
}
