package testetcd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Snapshot writes a snapshot of the data, as etcdctl snapshot save does, to a
// new file.
func (c *Cluster) Snapshot(tb testing.TB, file string) {
	tb.Helper()
	if err := c.snapshot(file); err != nil {
		tb.Fatal(err)
	}
}

func (c *Cluster) snapshot(file string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	n, err := c.anyRunning()
	if err != nil {
		return err
	}
	body, err := n.post(ctx, "/v3/maintenance/snapshot")
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	target, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(copyBlobs(target, body), target.Close())
}

func (c *Cluster) anyRunning() (*node, error) {
	for _, n := range c.nodes {
		if n.process != nil {
			return n, nil
		}
	}
	return nil, errors.New("no node of the etcd cluster runs")
}

// copyBlobs puts the pieces of a snapshot together.
func copyBlobs(to io.Writer, from io.Reader) error {
	for pieces := json.NewDecoder(from); ; {
		var piece struct {
			Result struct{ Blob []byte }
			Error  struct{ Message string }
		}
		switch err := pieces.Decode(&piece); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case piece.Error.Message != "":
			return fmt.Errorf("snapshot: %s", piece.Error.Message)
		}
		if _, err := to.Write(piece.Result.Blob); err != nil {
			return err
		}
	}
}

// Restore ends all nodes and starts them again at the same addresses with what
// is in a snapshot, of this or another cluster, as the new cluster that
// etcdutl snapshot restore makes of it.
func (c *Cluster) Restore(tb testing.TB, file string) {
	tb.Helper()
	if err := c.restore(file); err != nil {
		tb.Fatal(err)
	}
}

func (c *Cluster) restore(file string) error {
	c.killAll()
	own := filepath.Join(c.folder, "snapshot")
	if err := copyFile(file, own, 0o600); err != nil {
		return err
	}
	defer func() { _ = os.Remove(own) }()
	if err := c.account.own(own); err != nil {
		return err
	}
	for _, n := range c.nodes {
		if err := os.RemoveAll(n.data); err != nil {
			return err
		}
		command := exec.Command(c.commands.etcdutl, "snapshot", "restore", own,
			"--name", n.name, "--data-dir", n.data, "--initial-advertise-peer-urls", n.peerURL(),
			"--initial-cluster", c.initialCluster(), "--initial-cluster-token", filepath.Base(c.folder))
		command.Dir = c.folder
		c.account.run(command)
		if output, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w\n%s", command, err, output)
		}
	}
	return c.startAll()
}
