package sqlitestore_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/store"
)

// The ways of the package's documentation, and the one it warns of.
func TestBackup(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path, nil)
	kept := create(t, s, "kept")
	for name, c := range map[string]struct {
		copy     func(backup string)
		complete bool
	}{
		"VACUUM INTO": {func(backup string) { vacuumInto(t, path, backup) }, true},
		"the file and its log": {func(backup string) {
			copyFile(t, path, backup)
			copyFile(t, path+"-wal", backup+"-wal")
		}, true},
		"the file alone": {func(backup string) { copyFile(t, path, backup) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			backup := newPath(t)
			c.copy(backup)
			restored := openStore(t, backup, nil)
			got, err := restored.Get(t.Context(), kept.ID)
			if !c.complete {
				require.ErrorIs(t, err, store.ErrNotFound)
				return
			}
			require.NoError(t, err)
			require.Equal(t, kept, got)
			requireStands(t, restored, create(t, restored, "since"))
		})
	}
}

// copyFile copies as a snapshot of the file system would: nobody writes.
func copyFile(t *testing.T, from, to string) {
	content, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, content, 0o600))
}
