// Package credential measures one question, "is this the right password", by
// the digest that this library keeps of its secrets and by the password hashes
// that other registries keep. All is in its tests.
//
// The two are not rivals: a slow hash protects a password that a person chose
// from being guessed by whoever steals the file, and is right there. A secret
// of 190 random bits cannot be guessed, so that a fast digest protects it as
// well. What is shown is what a registry pays, at each request with Basic
// credentials, for keeping passwords instead of such secrets.
package credential
