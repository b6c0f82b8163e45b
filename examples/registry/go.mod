module github.com/regtoken/regtoken/examples/registry

go 1.26.0

require (
	github.com/regtoken/regtoken v0.0.0
	github.com/regtoken/regtoken/registryauth v0.0.0
)

replace (
	github.com/regtoken/regtoken => ../..
	github.com/regtoken/regtoken/registryauth => ../../registryauth
)
