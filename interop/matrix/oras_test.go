package matrix

import "slices"

// secure asks for TLS, which it does not by itself at the loopback interface.
const secure = "--plain-http=false"

var oras = client{
	name:          "oras",
	about:         "v1.3.6",
	refusesRealms: "in blocked prefix",
	operations: map[string]operation{
		login: func(u *user, w work) error {
			return u.tell(w.credential.Password.Reveal(), "login", w.host, "--username", w.credential.Name, "--password-stdin", secure)
		},
		logout: func(u *user, w work) error { return u.run("logout", w.host) },
		push: func(u *user, w work) error {
			return u.run("cp", "--to-plain-http=false", "--from-oci-layout", toPush+":"+pushedTag, w.tagged(pushedTag))
		},
		pull: func(u *user, w work) error {
			return u.run("cp", "--from-plain-http=false", "--to-oci-layout", w.published(), w.pulled+":"+publishedTag)
		},
		tags:      func(u *user, w work) error { return u.run("repo", "tags", secure, w.registryOf(w.repository)) },
		catalogue: func(u *user, w work) error { return u.run("repo", "ls", secure, w.host) },
		copying: func(u *user, w work) error {
			return u.run("cp", "--from-plain-http=false", "--to-plain-http=false", w.source(), w.tagged(copiedTag))
		},
		deleteDigest: func(u *user, w work) error { return u.run("manifest", "delete", "--force", secure, w.byDigest()) },
	},
	cannot: map[string]string{
		deleteTag: "given a tag, it deletes the manifest that the tag stands for, by digest",
	},
	otherwise: slices.Concat(
		only("stock", unauthorized, readsFirst, "delete by digest, a token with admin alone"),
		except("stock", denied, readsFirst, "delete by digest, a token with admin alone"),
	),
}
