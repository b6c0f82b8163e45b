module github.com/regtoken/regtoken/proof

go 1.25.0

require (
	github.com/google/uuid v1.6.0
	github.com/regtoken/regtoken v0.0.0
	github.com/stretchr/testify v1.12.1
	go.uber.org/goleak v1.3.0
	pgregory.net/rapid v1.3.0
)

require (
	github.com/gobwas/glob v1.1.0 // indirect
	github.com/hashicorp/errwrap v1.0.0 // indirect
	github.com/hashicorp/go-multierror v1.1.1 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)

replace github.com/regtoken/regtoken => ..
