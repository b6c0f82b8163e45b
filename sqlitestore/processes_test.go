package sqlitestore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/sqlitestore"
	"github.com/regtoken/regtoken/store"
)

// writerPath, in the environment, makes the test binary a writer to the file.
const writerPath = "SQLITESTORE_TEST_WRITER_PATH"

const (
	writers    = 4
	increments = 25
)

var counterID = uuid.NewSHA1(uuid.Nil, []byte("counter"))

// runWriter opens the file and adds to the counter there, which it creates if
// it is the first to do so.
func runWriter(path string) error {
	ctx := context.Background()
	s, err := sqlitestore.Open(ctx, path, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	counter := store.Record{ID: counterID, Name: "counter", Data: []byte("0")}
	if _, err := s.Put(ctx, counter); err != nil && !errors.Is(err, store.ErrExists) {
		return err
	}
	for added := 0; added < increments; {
		r, err := s.Get(ctx, counterID)
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(r.Data))
		if err != nil {
			return err
		}
		r.Data = strconv.AppendInt(nil, int64(n+1), 10)
		switch _, err := s.Put(ctx, r); {
		case err == nil:
			added++
		case !errors.Is(err, store.ErrConflict):
			return fmt.Errorf("after %d increments: %w", added, err)
		}
	}
	return nil
}

func TestProcessesLoseNothing(t *testing.T) {
	path := newPath(t)
	var processes []*exec.Cmd
	var outputs [writers]bytes.Buffer
	for i := range writers { // the file is new to all of them
		process := exec.CommandContext(t.Context(), os.Args[0])
		process.Env = append(os.Environ(), writerPath+"="+path)
		process.Stdout, process.Stderr = &outputs[i], &outputs[i]
		require.NoError(t, process.Start())
		processes = append(processes, process)
	}
	for i, process := range processes {
		require.NoError(t, process.Wait(), outputs[i].String())
	}

	s := openStore(t, path, nil)
	counter, err := s.Get(t.Context(), counterID)
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(writers*increments), string(counter.Data))
	require.Equal(t, store.Rev(1+writers*increments), counter.Rev, "refused writes take no revision")
}
