// Package kill proves.
package kill
