module github.com/regtoken/regtoken/sqlitestore

go 1.25.0

require github.com/regtoken/regtoken v0.0.0

replace github.com/regtoken/regtoken => ..
