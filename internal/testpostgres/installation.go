//go:build unix

package testpostgres

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// An installation is where the programs of PostgreSQL lie, and whom they run
// as: the server refuses to be root.
type installation struct {
	programs string              // a folder
	identity *syscall.Credential // nil: the user of this process
}

// findInstallation looks where pg_config says, on the PATH, and at last where
// Debian installs the server, for the newest.
func findInstallation() (installation, error) {
	programs, err := findPrograms()
	if err != nil {
		return installation{}, err
	}
	identity, err := unprivileged()
	return installation{programs, identity}, err
}

func findPrograms() (string, error) {
	var folders []string
	if output, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		folders = append(folders, strings.TrimSpace(string(output)))
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			folders = append(folders, filepath.Dir(path))
		}
	}
	debian, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	slices.SortFunc(debian, func(a, b string) int { return cmp.Compare(majorVersion(b), majorVersion(a)) })
	for _, folder := range append(folders, debian...) {
		if isComplete(folder) {
			return folder, nil
		}
	}
	return "", ErrNotInstalled
}

// majorVersion is the number in /usr/lib/postgresql/15/bin.
func majorVersion(folder string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
	if err != nil {
		return 0
	}
	return n
}

func isComplete(folder string) bool {
	for _, program := range []string{"initdb", "postgres", "psql", "pg_basebackup", "pg_dump", "pg_restore"} {
		if _, err := os.Stat(filepath.Join(folder, program)); err != nil {
			return false
		}
	}
	return true
}

// unprivileged returns whom to run the server as, nil if this process is not
// root.
func unprivileged() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	found, err := user.Lookup("postgres")
	if err != nil {
		found, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, err
	}
	uid, uidErr := strconv.ParseUint(found.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(found.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(uidErr, gidErr)
}

// own gives a file to the user that the server runs as.
func (i installation) own(path string) error {
	if i.identity == nil {
		return nil
	}
	return os.Lchown(path, int(i.identity.Uid), int(i.identity.Gid))
}

// command returns a program of PostgreSQL, ready to run in the cluster's
// folder.
func (c *Cluster) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.programs, program), args...)
	cmd.Dir = c.folder
	// LC_ALL, so that messages are in English; nothing of a developer's own
	// PG... variables.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "HOME=" + c.folder}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.identity}
	return cmd
}

// run runs a program to its end and returns what it printed. Its arguments,
// which may hold the password, are in no error.
func (c *Cluster) run(program string, args ...string) (string, error) {
	cmd := c.command(program, args...)
	var output, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &complaints
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("testpostgres: %s: %w: %s", program, err, strings.TrimSpace(complaints.String()))
	}
	return strings.TrimSuffix(output.String(), "\n"), nil
}
