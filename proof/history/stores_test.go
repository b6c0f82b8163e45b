package history_test

import (
	"context"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/internal/testetcd"
	"github.com/regtoken/regtoken/internal/testpostgres"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/proof/internal/frontend"
	"github.com/regtoken/regtoken/proof/internal/network"
	"github.com/regtoken/regtoken/proof/internal/target"
	"github.com/regtoken/regtoken/store"
)

// A backend is a store that histories are made of.
type backend struct {
	// sides returns the two processes of a history.
	sides func(tb testing.TB, config frontend.Config) []side

	// routes are the ways of the processes to their servers; none if they have
	// the store within themselves.
	routes []*network.Route
}

// inMemory is two Managers in this process.
func inMemory(testing.TB) backend {
	return backend{sides: func(tb testing.TB, config frontend.Config) []side {
		opened := memstore.New()
		tb.Cleanup(func() { require.NoError(tb, opened.Close()) })
		var handle store.Store = yielding{opened}
		if config.Idle {
			handle = struct {
				yielding
				store.LocalHead
			}{yielding{opened}, opened}
		}
		return localSides(tb, config, handle, handle)
	}}
}

// A yielding store lets others go first at every call: calls of a store in
// memory are so short that they would hardly ever meet.
type yielding struct{ store.Store }

func (s yielding) Get(ctx context.Context, id uuid.UUID) (store.Record, error) {
	defer runtime.Gosched()
	runtime.Gosched()
	return s.Store.Get(ctx, id)
}

func (s yielding) GetByName(ctx context.Context, registry, name string) (store.Record, error) {
	defer runtime.Gosched()
	runtime.Gosched()
	return s.Store.GetByName(ctx, registry, name)
}

func (s yielding) Put(ctx context.Context, r store.Record) (store.Rev, error) {
	defer runtime.Gosched()
	runtime.Gosched()
	return s.Store.Put(ctx, r)
}

func (s yielding) Delete(ctx context.Context, id uuid.UUID, ifRev store.Rev) (store.Rev, error) {
	defer runtime.Gosched()
	runtime.Gosched()
	return s.Store.Delete(ctx, id, ifRev)
}

// localSides returns sides within this process, of one handle each.
func localSides(tb testing.TB, config frontend.Config, handles ...store.Store) (sides []side) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	tb.Cleanup(running.Wait)
	tb.Cleanup(cancel)
	for _, handle := range handles {
		manager, err := frontend.NewService(handle, config)
		require.NoError(tb, err)
		running.Go(func() { manager.Run(ctx) })
		sides = append(sides, local{manager, frontend.NewStoreService(handle, config)})
	}
	return sides
}

// remoteSides returns a process for each target.
func remoteSides(tb testing.TB, program string, config frontend.Config, targets ...string) (sides []side) {
	for _, target := range targets {
		config.Target = target
		sides = append(sides, startRemote(tb, program, config))
	}
	return sides
}

// onSQLite is two processes on one file.
func onSQLite(tb testing.TB, program string) backend {
	file := target.SQLite(filepath.Join(tb.TempDir(), "tokens.db"))
	return backend{sides: func(tb testing.TB, config frontend.Config) []side {
		return remoteSides(tb, program, config, file, file)
	}}
}

// onPostgres is two processes on one server.
func onPostgres(tb testing.TB, program string) backend {
	cluster := testpostgres.Start(tb)
	database := cluster.CreateDatabase(tb)
	routes := []*network.Route{network.New(tb, cluster.Addr()), network.New(tb, cluster.Addr())}
	return backend{routes: routes, sides: func(tb testing.TB, config frontend.Config) []side {
		return remoteSides(tb, program, config,
			cluster.URLVia(routes[0].Addrs()[0], database), cluster.URLVia(routes[1].Addrs()[0], database))
	}}
}

// onEtcd is two processes on three servers. Each asks another one first.
func onEtcd(tb testing.TB, program string) backend {
	cluster := testetcd.Start(tb, 3)
	addrs := cluster.Addrs()
	routes := []*network.Route{network.New(tb, addrs...), network.New(tb, addrs[1], addrs[2], addrs[0])}
	return backend{routes: routes, sides: func(tb testing.TB, config frontend.Config) []side {
		const prefix = "/histories/"
		return remoteSides(tb, program, config,
			target.Etcd(prefix, routes[0].Addrs()...), target.Etcd(prefix, routes[1].Addrs()...))
	}}
}
