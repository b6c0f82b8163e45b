// Frontend is a process of the proofs: a Manager that is told by net/rpc, over
// its standard input and output, what to do. It is of no use by itself.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/regtoken/regtoken/proof/internal/frontend"
)

func main() {
	var config frontend.Config
	err := json.Unmarshal([]byte(os.Getenv("REGTOKEN_FRONTEND")), &config)
	if err == nil {
		err = frontend.Serve(context.Background(), config, frontend.Conn{ReadCloser: os.Stdin, Out: os.Stdout})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "frontend:", err)
		os.Exit(1)
	}
}
