package testetcd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience is how long a node may take to be healthy. It is never reached but
// where something is broken.
const patience = 2 * time.Minute

// A Cluster is an etcd cluster of processes on loopback. Nodes count from 0.
// Its methods are for one goroutine at a time; Endpoints and Addrs for any.
type Cluster struct {
	folder   string // of all the cluster has; gone with Close
	commands commands
	account  *account
	flags    []string
	nodes    []*node
}

// New returns a healthy cluster of n nodes, which the caller closes. The error
// wraps [ErrNotInstalled] where there is no etcd.
func New(n int, flags ...string) (*Cluster, error) {
	programs, err := found()
	if err != nil {
		return nil, err
	}
	for attempts := 3; ; attempts-- {
		c, err := start(programs, n, flags)
		// A port that was free a moment ago may be taken by now.
		if err == nil || attempts == 1 || !errors.Is(err, errExited) {
			return c, err
		}
	}
}

func start(programs commands, n int, flags []string) (c *Cluster, err error) {
	c = &Cluster{flags: flags}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
			c = nil
		}
	}()
	if c.account, err = unprivileged(); err != nil {
		return c, err
	}
	if c.folder, err = os.MkdirTemp("", "regtoken-etcd-"); err != nil {
		return c, err
	}
	if err = c.account.own(c.folder); err != nil {
		return c, err
	}
	if err = c.take(programs); err != nil {
		return c, err
	}
	ports, err := freePorts(2 * n)
	if err != nil {
		return c, err
	}
	for i := range n {
		c.nodes = append(c.nodes, newNode(c.folder, i, ports[2*i], ports[2*i+1]))
	}
	return c, c.startAll()
}

// take copies the commands to where the cluster's account can run them: the
// cache of the user root is closed to others.
func (c *Cluster) take(programs commands) error {
	c.commands = commands{filepath.Join(c.folder, "etcd"), filepath.Join(c.folder, "etcdutl")}
	return errors.Join(copyFile(programs.etcd, c.commands.etcd, 0o755), copyFile(programs.etcdutl, c.commands.etcdutl, 0o755))
}

func copyFile(from, to string, mode os.FileMode) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}

// Close ends all nodes and removes their data. Closing twice is no error.
func (c *Cluster) Close() error {
	c.killAll()
	if c.folder == "" {
		return nil
	}
	return os.RemoveAll(c.folder)
}

// Endpoints returns the client URL of each node.
func (c *Cluster) Endpoints() []string {
	urls := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		urls[i] = n.clientURL()
	}
	return urls
}

// Addrs returns the client address of each node as host:port.
func (c *Cluster) Addrs() []string {
	addrs := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		addrs[i] = strings.TrimPrefix(n.clientURL(), "http://")
	}
	return addrs
}

// Kill ends node i as kill -9 does. It returns when the process is gone.
func (c *Cluster) Kill(tb testing.TB, i int) {
	tb.Helper()
	c.nodes[i].kill()
}

// Stop ends all nodes as Kill does. Their data and addresses are kept.
func (c *Cluster) Stop(tb testing.TB) {
	tb.Helper()
	c.killAll()
}

// Start starts node i again, with its data and its address. If enough nodes run
// then it waits until all of these are healthy; one that runs is left alone.
func (c *Cluster) Start(tb testing.TB, i int) {
	tb.Helper()
	if err := c.nodes[i].start(c); err != nil {
		tb.Fatal(err)
	}
	if c.running() <= len(c.nodes)/2 {
		return
	}
	if err := c.waitHealthy(); err != nil {
		tb.Fatal(err)
	}
}

func (c *Cluster) startAll() error {
	for _, n := range c.nodes {
		if err := n.start(c); err != nil {
			return err
		}
	}
	return c.waitHealthy()
}

func (c *Cluster) killAll() {
	for _, n := range c.nodes {
		n.kill()
	}
}

func (c *Cluster) running() (n int) {
	for _, node := range c.nodes {
		if node.process != nil {
			n++
		}
	}
	return n
}

// waitHealthy waits until every node that runs answers a linearizable read.
func (c *Cluster) waitHealthy() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, n := range c.nodes {
		if n.process == nil {
			continue
		}
		if err := n.waitHealthy(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Leader returns the node that leads the cluster.
func (c *Cluster) Leader(tb testing.TB) int {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for i := 0; ; i = (i + 1) % len(c.nodes) {
		if n := c.nodes[i]; n.process != nil && n.leads(ctx) {
			return i
		}
		if err := pause(ctx); err != nil {
			tb.Fatal("the etcd cluster has no leader")
		}
	}
}

// pause lets a little time pass between two questions whether something is so.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(20 * time.Millisecond):
		return nil
	}
}

// gateway keeps no connections: they would be goroutines that outlive a test.
var gateway = http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// post calls a method of the gateway that turns JSON into etcd's own calls.
func (n *node) post(ctx context.Context, method string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, n.clientURL()+method, strings.NewReader("{}"))
	if err != nil {
		return nil, err
	}
	response, err := gateway.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		_ = response.Body.Close()
		return nil, fmt.Errorf("%s: %s", method, response.Status)
	}
	return response.Body, nil
}
