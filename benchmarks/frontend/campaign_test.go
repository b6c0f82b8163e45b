package frontend

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/benchmarks/frontend/load"
)

// serverProcs returns how many of the machine's processors are the server's;
// the others are the load's.
func serverProcs() int { return max(runtime.NumCPU()/2, 1) }

// startLoad starts the process that makes the load.
func startLoad(b *testing.B) *load.Process {
	self, err := os.Executable()
	require.NoError(b, err)
	process, err := load.Start(exec.Command(self, "-load"))
	require.NoError(b, err)
	b.Cleanup(func() { assert.NoError(b, process.Stop()) })
	return process
}

// figures are what came of one arrangement, by round.
type figures struct {
	rate, serverCPU, clientCPU []float64
	latency                    *hdrhistogram.Histogram
}

// play gives each order its turns, in rounds. The turns of one round lie close
// together, so that they can be compared.
func play(b *testing.B, process *load.Process, orders []load.Order) []figures {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(serverProcs()))
	rounds, turn := extent()
	all := make([]figures, len(orders))
	for i := range all {
		all[i].latency = load.NewHistogram()
	}
	for round := range rounds + 1 {
		for _, i := range rand.Perm(len(orders)) {
			order := orders[i]
			order.Duration = turn
			spent := load.CPU()
			report, err := process.Do(order)
			spent = load.CPU() - spent
			require.NoError(b, err)
			if round > 0 { // the first opens connections and fills caches
				all[i].add(b, report, spent)
			}
		}
	}
	return all
}

func (f *figures) add(b *testing.B, r load.Report, spent time.Duration) {
	requests := float64(r.Requests)
	f.rate = append(f.rate, requests/r.Elapsed.Seconds())
	f.serverCPU = append(f.serverCPU, float64(spent)/requests)
	f.clientCPU = append(f.clientCPU, float64(r.CPU)/requests)
	latency, err := hdrhistogram.Decode(r.Latency)
	require.NoError(b, err)
	f.latency.Merge(latency)
}

// report has the figures printed, and how they compare to others', those of the
// arrangement that is named.
func (f *figures) report(b *testing.B, base *figures, name string) {
	b.ReportMetric(0, "ns/op") // not shown: it would be the campaign's
	b.ReportMetric(quantile(f.rate, 0.5), "req/s")
	for _, p := range []struct {
		percent float64
		unit    string
	}{{50, "p50-ns"}, {99, "p99-ns"}} {
		own := f.latency.ValueAtPercentile(p.percent)
		b.ReportMetric(float64(own), p.unit)
		if base != f {
			b.ReportMetric(float64(own-base.latency.ValueAtPercentile(p.percent)), "added-"+p.unit)
		}
	}
	b.ReportMetric(quantile(f.serverCPU, 0.5), "server-cpu-ns/req")
	b.ReportMetric(quantile(f.clientCPU, 0.5), "client-cpu-ns/req")
	if base == f {
		return
	}
	ratios := ratio(f.rate, base.rate)
	b.ReportMetric(quantile(ratios, 0.5), "ratio-to-"+name)
	b.ReportMetric(quantile(ratios, 0.25), "ratio-p25")
	b.ReportMetric(quantile(ratios, 0.75), "ratio-p75")
	b.ReportMetric(quantile(ratio(f.serverCPU, base.serverCPU), 0.5), "cpu-ratio-to-"+name)
}

// ratio divides round by round.
func ratio(over, under []float64) []float64 {
	ratios := make([]float64, len(over))
	for i := range over {
		ratios[i] = over[i] / under[i]
	}
	return ratios
}

// quantile returns the value that a share q of the values lies below.
func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

// compare plays arrangements against each other, the first being what others
// are compared to, with a benchmark for the figures of each.
func compare(b *testing.B, process *load.Process, connections int, r request, arrangements []arrangement) {
	orders := make([]load.Order, len(arrangements))
	for i, a := range arrangements {
		orders[i] = load.Order{
			Method: r.method, URL: a.url + r.path, Authorization: a.authorization,
			Connections: connections, Status: 200, Length: r.length,
		}
	}
	var campaigns [][]figures // one for each -count
	for i, a := range arrangements {
		count := 0
		b.Run(a.name, func(b *testing.B) {
			if b.N == 1 { // which each -count begins with
				count++
			}
			if count > len(campaigns) {
				campaigns = append(campaigns, play(b, process, orders))
			}
			played := campaigns[count-1]
			played[i].report(b, &played[0], arrangements[0].name)
		})
	}
}
