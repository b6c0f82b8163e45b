// Package load makes HTTP requests as fast as they are answered, for a
// benchmark of the server in another process.
//
// [Serve] is that other process: it reads orders and writes reports, a line of
// JSON for each. [Start] runs it and [Process.Do] gives it orders.
package load

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/valyala/fasthttp"
)

// Accept is the header by which each request says what it takes: without, some
// registries keep back manifests of the OCI's media type.
const Accept = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"

// An Order says what to ask for, and how.
type Order struct {
	Method        string
	URL           string
	Authorization string // the header's value; "" for none

	// Connections is how many there are. Each is kept alive, across orders
	// for one host, and has one request under way at any time.
	Connections int

	// Duration is how long requests are begun for. Each connection makes at
	// least one.
	Duration time.Duration

	// Status and Length are what every answer must have, Length being its
	// Content-Length; -1 is any.
	Status, Length int
}

// A Report says what came of an [Order].
type Report struct {
	Requests int
	Elapsed  time.Duration // from the first request's start to the last answer's end
	CPU      time.Duration // what the process spent
	Latency  []byte        // in nanoseconds, as [hdrhistogram.Decode] reads it
	Error    string        // "" if every answer was as ordered
}

// The bounds of what a latency is told apart by: 1 microsecond to a minute, to
// three digits.
const (
	minLatency = int64(time.Microsecond)
	maxLatency = int64(time.Minute)
	digits     = 3
)

// NewHistogram returns an empty histogram that latencies fit in.
func NewHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(minLatency, maxLatency, digits)
}

// A client makes the requests of one order after the other. Its HTTP client is
// one of few copies and allocations: what it takes from the machine is missing
// in the server.
type client struct {
	hosts map[string]*fasthttp.HostClient
}

func (c *client) host(uri *fasthttp.URI) *fasthttp.HostClient {
	name := string(uri.Host())
	if c.hosts[name] == nil {
		c.hosts[name] = &fasthttp.HostClient{Addr: name, MaxConns: 1 << 10, MaxIdleConnDuration: time.Hour}
	}
	return c.hosts[name]
}

// do carries an order out.
func (c *client) do(o Order) (Report, error) {
	request := fasthttp.AcquireRequest()
	defer fasthttp.ReleaseRequest(request)
	request.SetRequestURI(o.URL)
	request.Header.SetMethod(o.Method)
	request.Header.SetUserAgent("docker/29.0.0 go/go1.26 os/linux arch/amd64")
	request.Header.Set("Accept", Accept)
	if o.Authorization != "" {
		request.Header.Set("Authorization", o.Authorization)
	}
	host := c.host(request.URI())

	spent := CPU()
	start := time.Now()
	histograms := make([]*hdrhistogram.Histogram, o.Connections)
	faults := make([]error, o.Connections)
	var group sync.WaitGroup
	for i := range o.Connections {
		own := fasthttp.AcquireRequest()
		request.CopyTo(own)
		histograms[i] = NewHistogram()
		group.Go(func() {
			defer fasthttp.ReleaseRequest(own)
			faults[i] = o.repeat(host, own, start, histograms[i])
		})
	}
	group.Wait()
	report := Report{Elapsed: time.Since(start), CPU: CPU() - spent}
	if err := errors.Join(faults...); err != nil {
		return Report{}, err
	}
	all := NewHistogram()
	for _, h := range histograms {
		all.Merge(h)
	}
	report.Requests = int(all.TotalCount())
	var err error
	report.Latency, err = all.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	return report, err
}

// repeat makes one request after the other.
func (o Order) repeat(host *fasthttp.HostClient, request *fasthttp.Request, start time.Time, latency *hdrhistogram.Histogram) error {
	response := fasthttp.AcquireResponse()
	defer fasthttp.ReleaseResponse(response)
	for begin := start; begin.Sub(start) < o.Duration || latency.TotalCount() == 0; {
		if err := host.Do(request, response); err != nil {
			return err
		}
		end := time.Now()
		if response.StatusCode() != o.Status || o.Length >= 0 && response.Header.ContentLength() != o.Length {
			return fmt.Errorf("%s %s: status %d, length %d: %q", o.Method, o.URL,
				response.StatusCode(), response.Header.ContentLength(), bytes.ToValidUTF8(response.Body(), nil))
		}
		if err := latency.RecordValue(end.Sub(begin).Nanoseconds()); err != nil {
			return err
		}
		begin = end
	}
	return nil
}
