// Package pgstore keeps tokens in a PostgreSQL database.
package pgstore
