package main

import (
	"context"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	"github.com/sirupsen/logrus"
)

// newRegistry returns a distribution registry that keeps its content in a
// folder. By itself it lets anyone do anything: it must be reachable through
// a guard only. The caller ends it by its Shutdown.
func newRegistry(ctx context.Context, folder string) *handlers.App {
	// It logs each "not found" as an error, and every push begins with a few
	// of them. What goes wrong in earnest, the answer to the client says too.
	logrus.SetLevel(logrus.FatalLevel)

	config := &configuration.Configuration{
		Storage: configuration.Storage{
			"filesystem": configuration.Parameters{"rootdirectory": folder},
			// Off by default. Who may delete, the guard decides.
			"delete": configuration.Parameters{"enabled": true},
		},
	}
	// Zero would leave the catalogue empty: the usual default holds only for
	// a configuration read from a file.
	config.Catalog.MaxEntries = 1000
	return handlers.NewApp(ctx, config)
}
