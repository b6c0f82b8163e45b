package matrix

import "slices"

var regctl = client{
	name:  "regctl",
	about: "regclient's command, v0.11.7",
	operations: map[string]operation{
		login: func(u *user, w work) error {
			return u.tell(w.credential.Password.Reveal(), "registry", "login", w.host, "--user", w.credential.Name, "--pass-stdin")
		},
		logout: func(u *user, w work) error { return u.run("registry", "logout", w.host) },
		push: func(u *user, w work) error {
			return u.run("image", "copy", "ocidir://"+toPush+":"+pushedTag, w.tagged(pushedTag))
		},
		pull: func(u *user, w work) error {
			return u.run("image", "copy", w.published(), "ocidir://"+w.pulled+":"+publishedTag)
		},
		tags:         func(u *user, w work) error { return u.run("tag", "ls", w.registryOf(w.repository)) },
		catalogue:    func(u *user, w work) error { return u.run("repo", "ls", w.host) },
		copying:      func(u *user, w work) error { return u.run("image", "copy", w.source(), w.tagged(copiedTag)) },
		deleteTag:    func(u *user, w work) error { return u.run("tag", "delete", w.published()) },
		deleteDigest: func(u *user, w work) error { return u.run("manifest", "delete", w.byDigest()) },
	},
	otherwise: slices.Concat(
		only("stock", unauthorized+yetChanged, overwritesTag, "delete by tag, a token that lacks admin"),
		except("stock", denied+yetChanged, overwritesTag, "delete by tag, a token that lacks admin"),
	),
}

const overwritesTag = "where it may not delete a tag, it pushes an empty image with that tag and then deletes that by digest: with a token that may push, which includes overwriting tags, the first works"
