package etcdstore_test

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/regtoken/regtoken/etcdstore"
	"github.com/regtoken/regtoken/store"
)

// A store with a client of its own; config.TLS and config.Username are where a
// cluster's certificates and user go.
func ExampleOpen() {
	ctx := context.Background()
	config := clientv3.Config{Endpoints: cluster.Endpoints()}
	s, err := etcdstore.Open(ctx, config, &etcdstore.Options{Prefix: "example/open/"})
	if err != nil {
		panic(err)
	}
	defer s.Close()

	r := store.Record{ID: uuid.New(), Registry: "eu", Name: "ci-runner", Data: []byte("v1")}
	if r.Rev, err = s.Put(ctx, r); err != nil {
		panic(err)
	}
	got, err := s.GetByName(ctx, "eu", "ci-runner")
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s, at the revision of its Put: %t\n", got.Data, got.Rev == r.Rev)

	// Output:
	// v1, at the revision of its Put: true
}

// A store on a client that the program has already. What it keeps can be read
// with etcdctl just as well.
func ExampleNew() {
	ctx := context.Background()
	client, err := clientv3.New(clientv3.Config{Endpoints: cluster.Endpoints()})
	if err != nil {
		panic(err)
	}
	defer client.Close()
	s, err := etcdstore.New(ctx, client, &etcdstore.Options{Prefix: "example/new/"})
	if err != nil {
		panic(err)
	}
	defer s.Close()

	r := store.Record{
		ID:   uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057"),
		Name: "ci-runner", ExpiresAt: store.MaxTime, Data: []byte(`{"owner":"alice"}`),
	}
	if _, err = s.Put(ctx, r); err != nil {
		panic(err)
	}
	found, err := client.Get(ctx, "example/new/@token/", clientv3.WithPrefix())
	if err != nil {
		panic(err)
	}
	for _, kv := range found.Kvs {
		fmt.Printf("%q\n%s\n", kv.Key, kv.Value)
	}

	// Output:
	// "example/new/@token/\x00ci-runner"
	// {"id":"01890a5d-ac96-774b-bcce-b302099a8057","expiresAt":"9999-12-31T23:59:59.999Z"}
	// {"owner":"alice"}
}
