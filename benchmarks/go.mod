module github.com/regtoken/regtoken/benchmarks

go 1.26.0

replace github.com/regtoken/regtoken => ..

replace github.com/regtoken/regtoken/registryauth => ../registryauth

replace github.com/regtoken/regtoken/sqlitestore => ../sqlitestore

replace github.com/regtoken/regtoken/pgstore => ../pgstore

replace github.com/regtoken/regtoken/etcdstore => ../etcdstore
