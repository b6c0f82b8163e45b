package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
)

// The marker is the record that says of a destination that its copy has not
// come to its end. No registry of a Manager has a name with spaces.
const (
	markerRegistry = "regtoken copy in progress"
	markerName     = "marker"
)

func isMarker(r *Record) bool { return r.Registry == markerRegistry }

// marker returns the marker of a side, nil if there is none.
func (s side) marker(ctx context.Context) (*Record, error) {
	return s.find(func() (Record, error) { return s.GetByName(ctx, markerRegistry, markerName) })
}

// markerData tells the markers of runs apart. It is JSON like all Data, for
// whoever looks at the records with the database's own tools.
func (c *copying) markerData() []byte { return fmt.Appendf(nil, `{"run":%q}`, c.run) }

// begin places the marker of this run at the destination, and reports whether
// it did: it does not where Copy may only compare. The marker of a run before
// becomes this run's, which takes the destination over from it.
func (c *copying) begin(ctx context.Context) (begun bool, err error) {
	var last error
	for range maxAttempts {
		marker, err := c.to.marker(ctx)
		switch {
		case err != nil:
			return false, err
		case marker != nil && bytes.Equal(marker.Data, c.markerData()):
			c.marker = *marker
			return true, nil
		case marker == nil:
			if may, err := c.mayBegin(ctx); !may || err != nil {
				return false, err
			}
			marker = &Record{ID: c.run, Registry: markerRegistry, Name: markerName}
		default:
			c.verify = true
		}
		marker.Data = c.markerData()
		// What came of it, the next round reads.
		if _, last = c.to.Put(ctx, *marker); last != nil && !isOvertaken(last) {
			break
		}
	}
	return false, c.to.failed(last)
}

// mayBegin reports whether the source is the truth about a destination that
// holds no unfinished copy.
func (c *copying) mayBegin(ctx context.Context) (bool, error) {
	empty, err := c.to.isEmpty(ctx)
	if empty || err != nil || !c.opts.Overwrite {
		return empty, err
	}
	nothing, err := c.from.isEmpty(ctx)
	if nothing && err == nil {
		err = fmt.Errorf("%w: a source without records overwrites nothing", ErrInvalid)
	}
	return true, err
}

// checkSource refuses a source that is an unfinished copy.
func (c *copying) checkSource(ctx context.Context) error {
	marker, err := c.from.marker(ctx)
	if err == nil && marker != nil {
		err = ErrUnfinished
	}
	return err
}

// checkNotSame takes the marker away again if it shows up at the source: then
// both are one.
func (c *copying) checkNotSame(ctx context.Context) error {
	marker, err := c.from.marker(ctx)
	if err != nil || marker == nil || marker.ID != c.marker.ID {
		return err
	}
	return errors.Join(fmt.Errorf("%w: the destination is the source", ErrInvalid), c.end(ctx))
}

// mayWrite returns an error if the marker is no longer this run's. A run that
// was held up for long must not go on where another has come to its end and
// tokens have been revoked since.
func (c *copying) mayWrite(ctx context.Context) error {
	c.verify = true
	marker, err := c.to.marker(ctx)
	if err == nil && (marker == nil || marker.Rev != c.marker.Rev) {
		err = errTakenOver()
	}
	return err
}

// end removes the marker of this run.
func (c *copying) end(ctx context.Context) error {
	lost := false // an acknowledgement
	for range maxAttempts {
		_, err := c.to.Delete(ctx, c.marker.ID, c.marker.Rev)
		switch {
		case err == nil, lost && errors.Is(err, ErrNotFound):
			return nil
		case errors.Is(err, ErrUnknown):
			lost = true
		case isOvertaken(err):
			return errTakenOver()
		default:
			return c.to.failed(err)
		}
	}
	return c.to.failed(ErrUnknown)
}

func errTakenOver() error { return fmt.Errorf("%w: another copy has taken over", ErrConflict) }
