package matrix

var crane = client{
	name:          "crane",
	about:         "go-containerregistry's command, v0.22.1",
	refusesRealms: "private or link-local address",
	operations: map[string]operation{
		login: func(u *user, w work) error {
			return u.tell(w.credential.Password.Reveal(), "auth", "login", w.host, "--username", w.credential.Name, "--password-stdin")
		},
		logout:       func(u *user, w work) error { return u.run("auth", "logout", w.host) },
		push:         func(u *user, w work) error { return u.run("push", toPush, w.tagged(pushedTag)) },
		pull:         func(u *user, w work) error { return u.run("pull", "--format=oci", w.published(), w.pulled) },
		tags:         func(u *user, w work) error { return u.run("ls", w.registryOf(w.repository)) },
		catalogue:    func(u *user, w work) error { return u.run("catalog", w.host) },
		copying:      func(u *user, w work) error { return u.run("copy", w.source(), w.tagged(copiedTag)) },
		deleteTag:    func(u *user, w work) error { return u.run("delete", w.published()) },
		deleteDigest: func(u *user, w work) error { return u.run("delete", w.byDigest()) },
	},
	otherwise: everywhere(done, "it asks no registry whether a login is good",
		"login, a wrong password", "login, an unknown name", "login, a disabled token"),
}
