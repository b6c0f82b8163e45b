package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// Serve carries out the orders that it reads, until there are no more.
func Serve(orders io.Reader, reports io.Writer) error {
	c := client{hosts: make(map[string]*fasthttp.HostClient)}
	decoder, encoder := json.NewDecoder(orders), json.NewEncoder(reports)
	for {
		var o Order
		if err := decoder.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		report, err := c.do(o)
		if err != nil {
			report.Error = err.Error()
		}
		if err := encoder.Encode(report); err != nil {
			return err
		}
	}
}

// A Process is another process that runs [Serve]. It is not safe for
// concurrent use.
type Process struct {
	command *exec.Cmd
	input   io.WriteCloser
	orders  *json.Encoder
	reports *json.Decoder
}

// Start runs a command that calls [Serve] with its standard input and output.
func Start(command *exec.Cmd) (*Process, error) {
	input, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &Process{command, input, json.NewEncoder(input), json.NewDecoder(output)}, command.Start()
}

// Do has an order carried out. An answer that is not as ordered is an error.
func (p *Process) Do(o Order) (Report, error) {
	if err := p.orders.Encode(o); err != nil {
		return Report{}, err
	}
	var r Report
	if err := p.reports.Decode(&r); err != nil {
		return Report{}, err
	}
	if r.Error != "" {
		return Report{}, fmt.Errorf("load: %s", r.Error)
	}
	return r, nil
}

// Stop ends the process.
func (p *Process) Stop() error {
	return errors.Join(p.input.Close(), p.command.Wait())
}

// CPU returns what this process has spent of processors' time.
func CPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
