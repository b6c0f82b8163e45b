package main

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/regtoken/regtoken/etcdstore"
	"github.com/regtoken/regtoken/pgstore"
	"github.com/regtoken/regtoken/sqlitestore"
	"github.com/regtoken/regtoken/store"
)

// An opener opens a store. No error of it holds a password.
type opener func(ctx context.Context) (store.Store, error)

// Whether a file must be there: a source that is made by a typing error holds
// nothing, and equals an empty destination.
const (
	mayBeNew  = false
	mustExist = true
)

// parse returns what opens the store that a URL names. No error repeats it: it
// may hold a password.
func parse(text string, exists bool) (opener, error) {
	scheme, rest, _ := strings.Cut(text, ":")
	switch scheme {
	case "":
		return nil, errors.New("is missing")
	case "sqlite":
		return sqlite(rest, exists), nil
	case "postgres", "postgresql":
		return func(ctx context.Context) (store.Store, error) { return orNil(pgstore.Open(ctx, text, nil)) }, nil
	case "etcd":
		return etcd(rest)
	}
	return nil, errors.New("names none of sqlite:PATH, postgres://... and etcd://HOST:PORT,.../PREFIX")
}

// orNil keeps a nil pointer from becoming a store.
func orNil[S store.Store](s S, err error) (store.Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

func sqlite(path string, exists bool) opener {
	return func(ctx context.Context) (store.Store, error) {
		if exists {
			if _, err := os.Stat(path); err != nil {
				return nil, err
			}
		}
		return orNil(sqlitestore.Open(ctx, path, nil))
	}
}

// etcd reads //[user[:password]@]host:port[,host:port...][/prefix]. It is no
// URL to package net/url: there are several hosts.
func etcd(rest string) (opener, error) {
	rest, found := strings.CutPrefix(rest, "//")
	hosts, prefix, _ := strings.Cut(rest, "/")
	var config clientv3.Config
	if at := strings.LastIndex(hosts, "@"); at >= 0 {
		user, password, _ := strings.Cut(hosts[:at], ":")
		var userErr, passwordErr error
		config.Username, userErr = url.PathUnescape(user)
		config.Password, passwordErr = url.PathUnescape(password)
		if userErr != nil || passwordErr != nil { // which say what they are about
			return nil, errEscape
		}
		hosts = hosts[at+1:]
	}
	if strings.Contains(prefix, "@") { // then what went before was a password with a "/"
		return nil, errEscape
	}
	for host := range strings.SplitSeq(hosts, ",") {
		if _, _, err := net.SplitHostPort(host); !found || err != nil {
			return nil, errors.New("is not of the form etcd://HOST:PORT,.../PREFIX")
		}
		config.Endpoints = append(config.Endpoints, "http://"+host)
	}
	return func(ctx context.Context) (store.Store, error) {
		return orNil(etcdstore.Open(ctx, config, &etcdstore.Options{Prefix: prefix}))
	}, nil
}

var errEscape = errors.New("has a user or a password that is not escaped as in a URL")
