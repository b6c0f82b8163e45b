package matrix

var buildx = client{
	name:  "buildx",
	about: "buildx imagetools v0.38.2, by itself and without a builder; to the loopback interface it speaks plain HTTP",
	plain: true,
	operations: map[string]operation{
		push: func(u *user, w work) error {
			return u.run("imagetools", "create", "--tag", w.tagged(pushedTag), w.published())
		},
		pull: func(u *user, w work) error { return u.run("imagetools", "inspect", w.published()) },
		copying: func(u *user, w work) error {
			return u.run("imagetools", "create", "--tag", w.tagged(copiedTag), w.source())
		},
	},
	cannot: map[string]string{
		login:        "it uses docker's login",
		tags:         "it has no such command",
		catalogue:    "it has no such command",
		deleteTag:    "it has no such command",
		deleteDigest: "it has no such command",
	},
}
