// Package revocation is under construction.
package revocation
