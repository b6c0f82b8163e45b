package matrix

import "slices"

var docker = client{
	name:  "docker",
	about: "the docker command v29.9.3 without an engine",
	operations: map[string]operation{
		login: func(u *user, w work) error {
			return u.tell(w.credential.Password.Reveal(), "login", "--username", w.credential.Name, "--password-stdin", w.host)
		},
		logout:  func(u *user, w work) error { return u.run("logout", w.host) },
		push:    func(u *user, w work) error { return dockerList(u, w.tagged(pushedTag), w.published()) },
		pull:    func(u *user, w work) error { return u.run("manifest", "inspect", "--verbose", w.published()) },
		copying: func(u *user, w work) error { return dockerList(u, w.tagged(copiedTag), w.source()) },
	},
	cannot: map[string]string{
		tags:         "it has no such command",
		catalogue:    "it has no such command",
		deleteTag:    "it has no such command",
		deleteDigest: "it has no such command",
	},
	otherwise: slices.Concat(
		only("Basic", notFound, loginTakenForAbsence, refusedLogins...),
		only("plug-in", notFound, loginTakenForAbsence, refusedLogins...),
		only("google", unclear, "it copies by mounting alone, which this registry does not do", "copy from another repository"),
	),
}

const loginTakenForAbsence = "it takes a login that HTTP Basic refuses for a manifest that is not there"

var refusedLogins = []string{
	"pull, a disabled token",
	"push, a disabled token",
	"copy from another repository, a disabled token",
	"pull, a token since disabled",
	"pull, a token since expired",
	"pull, a token since deleted",
	"pull, a token since rotated, past the overlap",
}

// dockerList pushes a list of one image: what docker pushes without an engine.
func dockerList(u *user, list, image string) error {
	if err := u.run("manifest", "create", list, image); err != nil {
		return err
	}
	return u.run("manifest", "push", list)
}
