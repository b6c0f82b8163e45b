package main

import (
	_ "github.com/google/go-containerregistry/pkg/crane"
	_ "github.com/stretchr/testify/require"
	_ "go.uber.org/goleak"
)
