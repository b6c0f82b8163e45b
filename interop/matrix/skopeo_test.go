package matrix

import "slices"

var skopeo = client{
	name:      "skopeo",
	about:     "Debian's package",
	installed: true,
	operations: map[string]operation{
		login: func(u *user, w work) error {
			return u.tell(w.credential.Password.Reveal(), "login", "--username", w.credential.Name, "--password-stdin", w.host)
		},
		logout: func(u *user, w work) error { return u.run("logout", w.host) },
		push: func(u *user, w work) error {
			return skopeoCopy(u, "oci:"+toPush+":"+pushedTag, "docker://"+w.tagged(pushedTag))
		},
		pull: func(u *user, w work) error {
			return skopeoCopy(u, "docker://"+w.published(), "oci:"+w.pulled+":"+publishedTag)
		},
		tags: func(u *user, w work) error { return u.run("list-tags", "docker://"+w.registryOf(w.repository)) },
		copying: func(u *user, w work) error {
			return skopeoCopy(u, "docker://"+w.source(), "docker://"+w.tagged(copiedTag))
		},
		deleteDigest: func(u *user, w work) error { return u.run("delete", "docker://"+w.byDigest()) },
	},
	cannot: map[string]string{
		catalogue: "it has no such command",
		deleteTag: "given a tag, it deletes the manifest that the tag stands for, by digest",
	},
	otherwise: slices.Concat(
		only("stock", unauthorized, readsFirst, "delete by digest, a token with admin alone"),
		except("stock", denied, readsFirst, "delete by digest, a token with admin alone"),
	),
}

// skopeoCopy copies without a policy of the system about signatures.
func skopeoCopy(u *user, from, to string) error { return u.run("--insecure-policy", "copy", from, to) }
