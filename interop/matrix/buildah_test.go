package matrix

import (
	"os"
	"path/filepath"
	"strings"
)

var buildah = client{
	name:      "buildah",
	about:     "Debian's package; a copy is a pull and a push",
	installed: true,
	operations: map[string]operation{
		login: func(u *user, w work) error {
			return u.tell(w.credential.Password.Reveal(), "login", "--username", w.credential.Name, "--password-stdin", w.host)
		},
		logout: func(u *user, w work) error { return u.run("logout", w.host) },
		push: func(u *user, w work) error {
			return buildahCopy(u, "oci:"+toPush+":"+pushedTag, w.tagged(pushedTag))
		},
		pull: func(u *user, w work) error {
			if _, err := buildahPull(u, "docker://"+w.published()); err != nil {
				return err
			}
			return u.run(inStorage("images", "--digests")...)
		},
		copying: func(u *user, w work) error {
			return buildahCopy(u, "docker://"+w.source(), w.tagged(copiedTag))
		},
	},
	cannot: map[string]string{
		tags:         "it has no such command",
		catalogue:    "it has no such command",
		deleteTag:    "it has no such command",
		deleteDigest: "it has no such command",
	},
}

// inStorage are the arguments of a command that keeps images in the user's
// home.
func inStorage(command string, arguments ...string) []string {
	return append([]string{"--root", "storage", "--runroot", "run", "--storage-driver", "vfs", command}, arguments...)
}

// trusting is the option of a command that must not ask for signatures.
func trusting(u *user) (string, error) {
	policy := filepath.Join(u.home, "policy.json")
	return "--signature-policy=" + policy, os.WriteFile(policy, []byte(`{"default":[{"type":"insecureAcceptAnything"}]}`), 0o600)
}

// buildahPull returns the ID of the image, which is the last that it prints.
func buildahPull(u *user, from string) (string, error) {
	policy, err := trusting(u)
	if err != nil {
		return "", err
	}
	if err := u.run(inStorage("pull", policy, "--policy=always", "--quiet", from)...); err != nil {
		return "", err
	}
	lines := strings.Fields(u.output.String())
	return lines[len(lines)-1], nil
}

func buildahCopy(u *user, from, to string) error {
	id, err := buildahPull(u, from)
	if err != nil {
		return err
	}
	policy, err := trusting(u)
	if err != nil {
		return err
	}
	return u.run(inStorage("push", policy, id, "docker://"+to)...)
}
