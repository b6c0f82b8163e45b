// Package registryauth puts regtoken in front of a container registry.
package registryauth
