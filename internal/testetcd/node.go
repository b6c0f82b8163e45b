package testetcd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A node is one member of a cluster.
type node struct {
	name                 string
	data, log            string // paths
	clientPort, peerPort int

	process *exec.Cmd     // nil while the node does not run
	exited  chan struct{} // closed once process has ended
}

func newNode(folder string, i, clientPort, peerPort int) *node {
	name := fmt.Sprintf("node-%d", i)
	return &node{
		name: name,
		data: filepath.Join(folder, name), log: filepath.Join(folder, name+".log"),
		clientPort: clientPort, peerPort: peerPort,
	}
}

func (n *node) clientURL() string { return fmt.Sprintf("http://127.0.0.1:%d", n.clientPort) }

func (n *node) peerURL() string { return fmt.Sprintf("http://127.0.0.1:%d", n.peerPort) }

// initialCluster names all nodes as etcd's flag of that name wants them.
func (c *Cluster) initialCluster() string {
	members := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		members[i] = n.name + "=" + n.peerURL()
	}
	return strings.Join(members, ",")
}

// start starts the process, if it does not run. It does not wait for it.
func (n *node) start(c *Cluster) error {
	if n.process != nil {
		return nil
	}
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the process has its own
	process := exec.Command(c.commands.etcd, append([]string{
		"--name", n.name, "--data-dir", n.data, "--log-level", "warn",
		"--listen-client-urls", n.clientURL(), "--advertise-client-urls", n.clientURL(),
		"--listen-peer-urls", n.peerURL(), "--initial-advertise-peer-urls", n.peerURL(),
		"--initial-cluster", c.initialCluster(), "--initial-cluster-token", filepath.Base(c.folder),
	}, c.flags...)...)
	process.Dir, process.Stdout, process.Stderr = c.folder, log, log
	c.account.run(process)
	if err := process.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = process.Wait() // killed, as a rule; and the log tells more
	}()
	n.process, n.exited = process, exited
	return nil
}

func (n *node) kill() {
	if n.process == nil {
		return
	}
	_ = n.process.Process.Kill() // an error says that it has ended already
	<-n.exited
	n.process = nil
}

var errExited = errors.New("etcd ended by itself")

func (n *node) waitHealthy(ctx context.Context) error {
	for !n.healthy(ctx) {
		select {
		case <-n.exited:
			log, _ := os.ReadFile(n.log)
			return fmt.Errorf("%w:\n%s", errExited, log)
		default:
		}
		if pause(ctx) != nil {
			log, _ := os.ReadFile(n.log)
			return fmt.Errorf("etcd does not become healthy:\n%s", log)
		}
	}
	return nil
}

// healthy tells whether the node answers a linearizable read.
func (n *node) healthy(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, n.clientURL()+"/health", nil)
	if err != nil {
		return false
	}
	response, err := gateway.Do(request)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	return response.StatusCode == http.StatusOK
}

// leads tells whether the node thinks that it is the leader.
func (n *node) leads(ctx context.Context) bool {
	body, err := n.post(ctx, "/v3/maintenance/status")
	if err != nil {
		return false
	}
	defer func() { _ = body.Close() }()
	var status struct {
		Leader string
		Header struct {
			Member string `json:"member_id"`
		}
	}
	return json.NewDecoder(body).Decode(&status) == nil && status.Leader != "" && status.Leader == status.Header.Member
}

// freePorts returns n ports on which nobody listens. They lie below those that
// systems give to outgoing connections: a node that is down for a while would
// lose such a one.
func freePorts(n int) ([]int, error) {
	var ports []int
	for attempts := 0; len(ports) < n; attempts++ {
		port := 10_000 + rand.IntN(20_000)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			if attempts > 1000 {
				return nil, err
			}
			continue
		}
		defer func() { _ = listener.Close() }() // only then: no port is found twice
		ports = append(ports, port)
	}
	return ports, nil
}
