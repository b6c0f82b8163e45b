package flat_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/internal/flat"
)

// value is what records share. It has a size, so that each has an address of
// its own.
type value struct{ _ byte }

// weigh returns the weight of a record: its first word.
func weigh(r flat.Record[value]) int { return int(r.Payload()[0]) }

func idOf(i int) (id flat.ID) {
	binary.BigEndian.PutUint64(id[4:], uint64(i)+1)
	return id
}

func keyOf(i int) flat.Key { return flat.Key{First: registryOf(i), Second: nameOf(i)} }

func registryOf(i int) string { return []string{"", "eu", strings.Repeat("r", 63)}[i%3] }

func nameOf(i int) string { return fmt.Sprintf("name-%d", i) + strings.Repeat("x", i%40) }

// newRecord returns record i at a revision, whose payload follows from both.
func newRecord(i int, rev int64, weight int, v *value) flat.Record[value] {
	payload := []uint64{uint64(weight)}
	for n := range (int(rev) + i) % 20 {
		payload = append(payload, uint64(i)<<32|uint64(rev)+uint64(n))
	}
	return flat.NewRecord(keyOf(i), idOf(i), rev, payload, v)
}

// requireRecord checks that got is all of want.
func requireRecord(tb testing.TB, want, got flat.Record[value]) {
	tb.Helper()
	if want.ID() != got.ID() || want.Rev() != got.Rev() || !slices.Equal(want.Payload(), got.Payload()) ||
		want.Value() != got.Value() || want.Key() != got.Key() {
		require.Equal(tb, want, got)
		tb.Fatal("not the same record")
	}
}

// getInSteps is Get as a caller with other work does it.
func getInSteps(c *flat.Cache[value], k flat.Key) flat.Record[value] {
	return c.End(k, c.Begin(c.Hash(k)))
}

// model is the plain reference: what a cache that never evicts holds.
type model map[int]flat.Record[value]

func (m model) check(tb testing.TB, c *flat.Cache[value], most int) {
	require.Equal(tb, len(m), c.Len())
	for i := range most {
		want, ok := m[i]
		byKey, byID := c.Get(keyOf(i)), c.GetByID(idOf(i))
		if !ok {
			require.True(tb, byKey.IsNone() && byID.IsNone(), i)
		} else {
			requireRecord(tb, want, byKey)
			requireRecord(tb, want, byID)
		}
	}
}

// run does what the steps say, to a cache and to the model: three bytes each.
func run(t *testing.T, steps []byte) {
	const most = 256
	values := []*value{nil, {}, {}, {}}
	c, m := flat.New(1<<20, weigh), model{}
	for rev := int64(1); len(steps) >= 3; rev++ {
		i, op, v := int(steps[0]), steps[1], values[steps[2]%4]
		steps = steps[3:]
		switch {
		case op < 160:
			r := newRecord(i, rev, 1+int(op)%3, v)
			c.Put(r)
			m[i] = r
		case op < 250:
			c.Remove(idOf(i))
			delete(m, i)
		case op == 255:
			c.Clear()
			clear(m)
		}
		for _, got := range []flat.Record[value]{c.Get(keyOf(i)), getInSteps(c, keyOf(i))} {
			if r, ok := m[i]; ok {
				requireRecord(t, r, got)
			} else {
				require.True(t, got.IsNone())
			}
		}
	}
	m.check(t, c, most)
	require.Empty(t, flat.Fault(c))
}

// TestWrittenMeanwhile: what is found is as of the end.
func TestWrittenMeanwhile(t *testing.T) {
	c, k := flat.New(1000, weigh), keyOf(1)
	for _, write := range []func(){
		func() {
			for i := 2; i < 1000; i++ { // there is a new table
				c.Put(newRecord(i, 1, 1, nil))
			}
			c.Put(newRecord(1, 2, 1, nil))
		},
		func() { c.Put(newRecord(1, 2, 1, nil)) },
		func() { c.Remove(idOf(1)) },
		c.Clear,
		func() { c.Put(flat.NewRecord(k, idOf(2), 3, []uint64{1}, (*value)(nil))) },
		func() {
			for i := 2; i < 3000; i++ { // it is evicted
				c.Put(newRecord(i, 1, 1, nil))
			}
		},
	} {
		c.Put(newRecord(1, 1, 1, nil))
		l := c.Begin(c.Hash(k))
		write()
		require.Equal(t, c.Get(k), c.End(k, l))
	}
}

// TestManyValues: a block has room for more of the smallest records than a header
// can tell values apart.
func TestManyValues(t *testing.T) {
	const n = 1 << 18
	c := flat.New(n, func(flat.Record[int]) int { return 1 })
	key := func(i int) flat.Key { return flat.Key{Second: strconv.Itoa(i)} }
	for i := range n {
		c.Put(flat.NewRecord(key(i), idOf(i), 1, nil, &i))
	}
	for i := range n {
		if got := *c.Get(key(i)).Value(); got != i {
			t.Fatal(i, got)
		}
	}
}

func FuzzCache(f *testing.F) {
	f.Add([]byte{1, 0, 0, 1, 200, 0, 1, 0, 1})
	f.Fuzz(run)
}

func TestCacheEqualsModel(t *testing.T) {
	for seed := range uint64(5) {
		random := rand.New(rand.NewPCG(seed, 0))
		steps := make([]byte, 30_000)
		for i := range steps {
			steps[i] = byte(random.Uint32())
			if i%3 == 1 && steps[i] >= 250 && random.IntN(20) > 0 { // seldom cleared
				steps[i] = 0
			}
		}
		run(t, steps)
	}
}

// TestIDWithAnotherKey: a record takes the place of the one with its ID, and of
// the one with its key.
func TestIDWithAnotherKey(t *testing.T) {
	c := flat.New(10, weigh)
	c.Put(newRecord(1, 1, 1, nil))
	c.Put(newRecord(2, 2, 1, nil))
	c.Put(flat.NewRecord(keyOf(1), idOf(2), 3, []uint64{1}, (*value)(nil)))
	require.Equal(t, 1, c.Len())
	require.True(t, c.Get(keyOf(2)).IsNone())
	require.True(t, c.GetByID(idOf(1)).IsNone())
	require.EqualValues(t, 3, c.Get(keyOf(1)).Rev())
	require.EqualValues(t, 3, c.GetByID(idOf(2)).Rev())
}

func TestKey(t *testing.T) {
	r := newRecord(1, 1, 1, nil)
	require.True(t, r.KeyBegins("eu"))
	for _, other := range []string{"", "e", "eu\x00", "eu\x00name-1x", "us", strings.Repeat("r", 200)} {
		require.False(t, r.KeyBegins(other), other)
	}
	c := flat.New(10, weigh)
	c.Put(r)
	require.False(t, c.Get(flat.Key{First: "eu", Second: "name-1x"}).IsNone())
	for _, other := range []flat.Key{
		{"eu", "name-1"}, {"eu", "name-1x\x00"}, {"eu", "name-1x\x00\x00"}, {"", "eu\x00name-1x"}, {"", "name-1x"}, {"e", "uname-1x"}, {"eu", ""},
		{"name-1x", "eu"}, {"eu", strings.Repeat("n", 1000)}, {"eu", strings.Repeat("n", 256+len("name-1x"))},
	} {
		require.True(t, c.Get(other).IsNone(), "%q", other)
	}
	require.True(t, flat.Key{Second: strings.Repeat("n", 255)}.Fits())
	require.False(t, flat.Key{Second: strings.Repeat("n", 256)}.Fits())
	require.False(t, flat.Key{First: strings.Repeat("n", 256)}.Fits())
}

// TestKeysOfAnyLength: texts are kept and compared whole.
func TestKeysOfAnyLength(t *testing.T) {
	c := flat.New(1000, weigh)
	for n := range flat.MaxText + 1 {
		text := make([]byte, n)
		for i := range text {
			text[i] = byte(1 + i + n)
		}
		k := flat.Key{First: string(text[n/3:]), Second: string(text)}
		c.Put(flat.NewRecord(k, idOf(n), 1, []uint64{1}, (*value)(nil)))
		require.Equal(t, k, c.Get(k).Key())
		for i := range text {
			text[i] ^= 1
			require.True(t, c.Get(flat.Key{First: k.First, Second: string(text)}).IsNone())
			text[i] ^= 1
		}
	}
}

// TestNoAllocation: a lookup that finds and one that does not.
func TestNoAllocation(t *testing.T) {
	c := flat.New(10, weigh)
	c.Put(newRecord(1, 1, 1, nil))
	id, other := idOf(1), idOf(2)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if c.Get(flat.Key{First: "eu", Second: "name-1x"}).IsNone() || !c.Get(flat.Key{First: "eu", Second: "name"}).IsNone() || c.GetByID(id).IsNone() || !c.GetByID(other).IsNone() {
			panic("wrong")
		}
	}))
}

func TestMarksStayWithTheRecord(t *testing.T) {
	const n = 2000
	c := flat.New(n, weigh)
	for i := range n {
		c.Put(newRecord(i, 1, 1, nil))
		c.Get(keyOf(i)).SetMark(i % flat.Marks)
	}
	for i := range n { // until all that stay have been moved
		if i%4 > 0 {
			c.Remove(idOf(i))
		}
	}
	for i := 0; i < n; i += 4 {
		r := c.Get(keyOf(i))
		require.True(t, r.HasMark(i%flat.Marks))
		require.False(t, r.HasMark((i+1)%flat.Marks))
	}
	c.Put(newRecord(0, 2, 1, nil))
	require.False(t, c.Get(keyOf(0)).HasMark(0), "another record")
}
