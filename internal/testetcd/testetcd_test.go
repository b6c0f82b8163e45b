package testetcd_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/internal/testetcd"
)

// call asks a node by way of etcd's JSON gateway.
func call(t *testing.T, endpoint, method, request string) string {
	t.Helper()
	response, err := http.Post(endpoint+method, "application/json", strings.NewReader(request))
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, "%s", body)
	return string(body)
}

func encoded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func put(t *testing.T, endpoint, value string) {
	t.Helper()
	call(t, endpoint, "/v3/kv/put", fmt.Sprintf(`{"key": %q, "value": %q}`, encoded("key"), encoded(value)))
}

func wantValue(t *testing.T, endpoint, value string) {
	t.Helper()
	require.Contains(t, call(t, endpoint, "/v3/kv/range", fmt.Sprintf(`{"key": %q}`, encoded("key"))), encoded(value))
}

func TestCluster(t *testing.T) {
	c := testetcd.Start(t, 3)
	endpoints := c.Endpoints()
	require.Len(t, endpoints, 3)
	for i, addr := range c.Addrs() {
		require.Equal(t, endpoints[i], "http://"+addr)
	}
	put(t, endpoints[0], "one")
	wantValue(t, endpoints[2], "one")

	leader := c.Leader(t)
	c.Kill(t, leader)
	other := (leader + 1) % 3
	require.NotEqual(t, leader, c.Leader(t))
	c.Start(t, leader)
	wantValue(t, endpoints[leader], "one")

	file := filepath.Join(t.TempDir(), "snapshot")
	c.Snapshot(t, file)
	put(t, endpoints[other], "two")
	c.Stop(t)
	for i := range endpoints {
		c.Start(t, i)
	}
	wantValue(t, endpoints[other], "two")

	c.Restore(t, file)
	for _, endpoint := range endpoints {
		wantValue(t, endpoint, "one")
	}
}
