package main

import (
	"cmp"
	"errors"
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A figure is a plot of times by a number in the names of benchmarks, with a
// line for each peer, on logarithmic axes.
type figure struct {
	file, title, axis string
	column            string // the number's key
	asked             string // the label of those that are shown, but for peer and number
}

// plots are by package.
var plots = map[string]figure{
	"decision": {
		file:   "decision.svg",
		title:  "Time to decide whether a login may pull from a repository",
		axis:   "rules of the form team-i/*, of which the middle one allows it",
		column: "rules",
		asked:  "shape=prefix/case=middle",
	},
}

// writePlots writes the figures of all packages that were measured.
func writePlots(dir string, rs results) (failed []error) {
	for _, pkg := range groupBy(rs.benchmarks, func(b *benchmark) string { return b.pkg }) {
		f, ok := plots[pkg.label]
		if !ok {
			continue
		}
		if err := f.write(filepath.Join(dir, f.file), pkg.of); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", f.file, err))
		}
	}
	return failed
}

const (
	width, height = 8.9 * vg.Inch, 5.2 * vg.Inch
	labelWidth    = 2.4 * vg.Inch // what lines are called, to their right
	labelHeight   = 13
)

// write draws the figure as an SVG file.
func (f figure) write(path string, all []*benchmark) error {
	canvas := vgsvg.New(width, height)
	if err := f.draw(draw.New(canvas), all); err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = canvas.WriteTo(file)
	return errors.Join(err, file.Close())
}

func (f figure) draw(canvas draw.Canvas, all []*benchmark) error {
	p := plot.New()
	p.BackgroundColor, p.Title.Text, p.Title.Padding = nil, f.title, 10
	for _, text := range []*font.Font{&p.Title.TextStyle.Font, &p.X.Tick.Label.Font, &p.Y.Tick.Label.Font} {
		text.Variant = "Sans"
	}
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{230}, color.Gray{230}
	p.Add(grid)

	shown := slices.DeleteFunc(slices.Clone(all), func(b *benchmark) bool { return b.label("peer", f.column) != f.asked })
	var names endLabels
	for i, peer := range distinct(shown, "peer") {
		line, err := f.line(shown, peer, style(i, peer))
		if err != nil {
			return err
		}
		p.Add(line)
		names = append(names, endLabel{text: peer, at: line.XYs[len(line.XYs)-1].Y, color: line.Color})
	}
	if len(names) == 0 {
		return errors.New("nothing was measured of it")
	}
	p.Add(names)
	p.X.Tick.Marker, p.Y.Tick.Marker = decades(func(x float64) string { return thousands(fmt.Sprintf("%.0f", x)) }), decades(axisDuration)
	p.Y.Min, p.Y.Max = math.Pow(10, math.Floor(math.Log10(p.Y.Min))), math.Pow(10, math.Ceil(math.Log10(p.Y.Max)))
	canvas.SetColor(color.White) // legible on a dark page too
	canvas.Fill(canvas.Path())
	area := draw.Crop(canvas, 8, -labelWidth, 8+labelHeight, -8)
	p.Draw(area)
	// Not as the axis' own label: on a logarithmic axis the plot leaves room
	// for that where it does not stand.
	below := p.X.Tick.Label
	below.XAlign, below.YAlign, below.Font.Size = draw.XCenter, draw.YBottom, 11
	data := p.DataCanvas(area)
	canvas.FillText(below, vg.Point{X: data.Center().X, Y: 8}, f.axis)
	return nil
}

// line returns a peer's medians as a line.
func (f figure) line(shown []*benchmark, peer string, look draw.LineStyle) (*plotter.Line, error) {
	var points plotter.XYs
	for _, b := range shown {
		if b.part("peer") != peer {
			continue
		}
		n, err := strconv.Atoi(b.part(f.column))
		s, ok := b.summary(timeUnit)
		if err != nil || !ok {
			return nil, fmt.Errorf("%s has no number or no time", b.name())
		}
		points = append(points, plotter.XY{X: float64(n), Y: s.Center})
	}
	slices.SortFunc(points, func(a, b plotter.XY) int { return cmp.Compare(a.X, b.X) })
	line, err := plotter.NewLine(points)
	if err != nil {
		return nil, err
	}
	line.LineStyle = look
	return line, nil
}

// style returns how the line of the i-th peer looks: ours stands out; the
// others take colours that the colour-blind can tell apart, and dashes where
// these come round again.
func style(i int, peer string) draw.LineStyle {
	if peer == ours {
		return draw.LineStyle{Color: color.RGBA{0xc0, 0x10, 0x20, 0xff}, Width: 3.5}
	}
	colors := []color.Color{
		color.RGBA{0x00, 0x72, 0xb2, 0xff}, color.RGBA{0x00, 0x8e, 0x66, 0xff}, color.RGBA{0xb8, 0x7a, 0x00, 0xff},
		color.RGBA{0x9b, 0x4d, 0x86, 0xff}, color.RGBA{0x55, 0x55, 0x55, 0xff}, color.RGBA{0x2f, 0x9f, 0xd8, 0xff},
	}
	look := draw.LineStyle{Color: colors[i%len(colors)], Width: 1.6}
	if i >= len(colors) {
		look.Dashes = []vg.Length{5, 3}
	}
	return look
}

// decades are ticks at the powers of ten, named by a function.
type decades func(float64) string

// Ticks implements [plot.Ticker].
func (name decades) Ticks(low, high float64) (ticks []plot.Tick) {
	const rounding = 1.001
	for e := math.Round(math.Log10(low)); math.Pow(10, e) <= high*rounding; e++ {
		v := math.Pow(10, e)
		ticks = append(ticks, plot.Tick{Value: v, Label: name(v)})
	}
	return ticks
}

// axisDuration names a power of ten of a second.
func axisDuration(seconds float64) string {
	exponent := int(math.Round(math.Log10(seconds)))
	unit := []string{"s", "ms", "µs", "ns"}[min(max(0, (-exponent+2)/3), 3)]
	size := map[string]int{"s": 0, "ms": -3, "µs": -6, "ns": -9}[unit]
	return fmt.Sprintf("%g %s", math.Pow(10, float64(exponent-size)), unit)
}

// endLabels are what lines are called, each beside the end of its line, or as
// near to it as the others let it be.
type endLabels []endLabel

type endLabel struct {
	text  string
	at    float64
	color color.Color
}

// Plot implements [plot.Plotter].
func (labels endLabels) Plot(canvas draw.Canvas, p *plot.Plot) {
	_, height := p.Transforms(&canvas)
	slices.SortStableFunc(labels, func(a, b endLabel) int { return cmp.Compare(a.at, b.at) })
	heights := make([]vg.Length, len(labels))
	for i, l := range labels {
		heights[i] = height(l.at)
	}
	spread(heights, labelHeight, canvas.Max.Y)
	look := p.X.Tick.Label
	look.XAlign, look.YAlign = draw.XLeft, draw.YCenter
	look.Font.Size = 11
	for i, l := range labels {
		look.Color = l.color
		from, to := vg.Point{X: canvas.Max.X + 2, Y: height(l.at)}, vg.Point{X: canvas.Max.X + 16, Y: heights[i]}
		canvas.StrokeLine2(draw.LineStyle{Color: l.color, Width: 0.6}, from.X, from.Y, to.X, to.Y)
		canvas.FillText(look, vg.Point{X: to.X + 3, Y: to.Y}, l.text)
	}
}

// spread moves ascending heights apart until each two of them are a gap apart
// and none is above top, and no farther than that takes.
func spread(heights []vg.Length, gap, top vg.Length) {
	for range 100 {
		for i := 1; i < len(heights); i++ {
			if lack := gap - (heights[i] - heights[i-1]); lack > 0 {
				heights[i-1] -= lack / 2
				heights[i] += lack / 2
			}
		}
		heights[len(heights)-1] = min(heights[len(heights)-1], top)
	}
}
