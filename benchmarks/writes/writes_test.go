package writes_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
)

// many is how many goroutines write at once, where it is not one.
const many = 16

// A token is what one call, or the commit it must come to, is about.
type token struct {
	id   uuid.UUID
	name string
}

// A bench is a store and its floor.
type bench struct {
	manager *regtoken.Manager
	floor   floor
	payload []byte // of a commit of the floor: what a store keeps of a token
	edited  []byte // as long; what is there already, SQLite does not write
	tokens  int    // made so far
}

func (x *bench) create(ctx context.Context, t *token) error {
	made, _, err := x.manager.CreateToken(ctx, spec(t.name))
	t.id = made.ID
	return err
}

func (x *bench) edit(ctx context.Context, t *token) error {
	_, err := x.manager.EditToken(ctx, t.id, regtoken.Edit{Status: regtoken.Disabled})
	return err
}

func (x *bench) rotate(ctx context.Context, t *token) error {
	_, err := x.manager.RotateSecret(ctx, t.id, 0)
	return err
}

func (x *bench) remove(ctx context.Context, t *token) error {
	return x.manager.DeleteToken(ctx, t.id)
}

func (x *bench) floorInsert(ctx context.Context, t *token) error {
	return x.floor.insert(ctx, t.id, x.payload)
}

func (x *bench) floorUpdate(ctx context.Context, t *token) error {
	return x.floor.update(ctx, t.id, x.edited)
}

func (x *bench) floorRemove(ctx context.Context, t *token) error { return x.floor.remove(ctx, t.id) }

// An operation is a call of the Manager beside the one commit that it makes.
type operation struct {
	name         string
	onExisting   bool // of a token that is there
	call, commit func(x *bench, ctx context.Context, t *token) error
}

var operations = []operation{
	{"create", false, (*bench).create, (*bench).floorInsert},
	{"edit", true, (*bench).edit, (*bench).floorUpdate},
	{"rotate", true, (*bench).rotate, (*bench).floorUpdate},
	{"delete", true, (*bench).remove, (*bench).floorRemove},
}

func spec(name string) regtoken.TokenSpec {
	return regtoken.TokenSpec{
		Name:   name,
		Owner:  "platform team",
		Scopes: []regtoken.Scope{regtoken.RepositoryScope("team/*", regtoken.Pull|regtoken.Push)},
	}
}

// payloadOf returns what a store keeps of a token.
func payloadOf(b *testing.B, spec regtoken.TokenSpec) []byte {
	s := memstore.New()
	manager, err := regtoken.NewManager(s, nil)
	require.NoError(b, err)
	made, _, err := manager.CreateToken(b.Context(), spec)
	require.NoError(b, err)
	r, err := s.Get(b.Context(), made.ID)
	require.NoError(b, err)
	return r.Data
}

func BenchmarkWrites(b *testing.B) {
	for _, engine := range engines {
		b.Run(engine.name, func(b *testing.B) {
			s, f := engine.open(b)
			manager, err := regtoken.NewManager(s, nil)
			require.NoError(b, err)
			if engine.name != "memory" { // nothing is followed there
				run(b, manager)
			}
			payload := payloadOf(b, spec("payload"))
			x := &bench{manager: manager, floor: f, payload: payload, edited: bytes.ToUpper(payload)}
			for _, op := range operations {
				b.Run(op.name+"/alone", func(b *testing.B) { x.compare(b, op, 1, 25) })
				b.Run(fmt.Sprintf("%s/%d", op.name, many), func(b *testing.B) { x.compare(b, op, many, 10) })
			}
		})
	}
}

// run lets a Manager do what it does in a program that stays: it follows the
// store's changes, and so need not read what it has just written.
func run(b *testing.B, manager *regtoken.Manager) {
	ctx, stop := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = manager.Run(ctx) })
	b.Cleanup(func() {
		stop()
		running.Wait()
	})
	for manager.Stats().FeedReads == 0 && ctx.Err() == nil {
		runtime.Gosched()
	}
}

// compare prints how fast the calls and the commits of op are, each from so
// many goroutines.
func (x *bench) compare(b *testing.B, op operation, writers, each int) {
	n := writers * each
	var calls, commits, ratios []float64 // of each round
	for round := 0; b.Loop(); round++ {
		tokens := x.newTokens(b, n, op.onExisting)
		call := func() float64 { return perSecond(b, x, op.call, tokens, writers) }
		commit := func() float64 { return perSecond(b, x, op.commit, tokens, writers) }
		var ours, floor float64
		if round%2 == 0 {
			ours, floor = call(), commit()
		} else {
			floor, ours = commit(), call()
		}
		calls, commits, ratios = append(calls, ours), append(commits, floor), append(ratios, floor/ours)
	}
	b.ReportMetric(0, "ns/op") // of a round: says nothing
	b.ReportMetric(median(calls), "writes/s")
	b.ReportMetric(median(commits), "floor/s")
	b.ReportMetric(median(ratios), "x-floor")
}

// newTokens returns n tokens to make, or, if they are to exist, that the store
// and the floor already have.
func (x *bench) newTokens(b *testing.B, n int, exist bool) []token {
	tokens := make([]token, n)
	for i := range tokens {
		x.tokens++
		id, err := uuid.NewV7()
		require.NoError(b, err)
		tokens[i] = token{id, fmt.Sprintf("token-%d", x.tokens)}
	}
	if exist {
		perSecond(b, x, (*bench).create, tokens, many)
		perSecond(b, x, (*bench).floorInsert, tokens, many)
	}
	return tokens
}

// perSecond does one thing to each of the tokens, and returns how often it was
// done in a second.
func perSecond(b *testing.B, x *bench, do func(*bench, context.Context, *token) error, tokens []token, writers int) float64 {
	var all sync.WaitGroup
	errs := make([]error, writers)
	began := time.Now()
	for w, share := range slices.Collect(slices.Chunk(tokens, (len(tokens)+writers-1)/writers)) {
		all.Go(func() {
			for i := range share {
				if err := do(x, b.Context(), &share[i]); err != nil {
					errs[w] = err
					return
				}
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	for _, err := range errs {
		require.NoError(b, err)
	}
	return float64(len(tokens)) / took.Seconds()
}

func median(values []float64) float64 {
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

// BenchmarkSync appends a page to a file and waits until it is on the disk.
func BenchmarkSync(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "file"))
	require.NoError(b, err)
	defer f.Close()
	page := make([]byte, 4096)
	for b.Loop() {
		_, err := f.Write(page)
		require.NoError(b, err)
		require.NoError(b, f.Sync())
	}
}
