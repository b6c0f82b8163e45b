// Package etcdstore keeps tokens in an etcd cluster.
package etcdstore
