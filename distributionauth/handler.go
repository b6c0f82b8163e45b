package distributionauth

import (
	"context"
	"errors"
	"net/http"

	"github.com/distribution/distribution/v3/registry/auth"
)

// Handler goes around a distribution registry that asks an [AccessController],
// directly or as a middleware of [registry.RegisterHandler]. It answers in
// place of distribution where the AccessController refused a request and
// distribution has nothing but 400 for it: with 403, 503 and the others that
// the package comment lists. Requests that the AccessController would refuse
// for a form in their body are not passed on at all; no part of the registry
// takes any.
//
// [registry.RegisterHandler]: https://pkg.go.dev/github.com/distribution/distribution/v3/registry#RegisterHandler
func Handler(registry http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if mayHoldForm(r) {
			refusalOf(errForm).answer(w)
			return
		}
		var refused verdict
		r = r.WithContext(context.WithValue(r.Context(), verdictKey{}, &refused))
		registry.ServeHTTP(&answerer{ResponseWriter: w, refused: &refused}, r)
	})
}

// A verdict is why the AccessController refused a request, for the Handler
// around it. Both act in the request's goroutine.
type verdict struct{ err error }

type verdictKey struct{}

// note leaves the verdict to the Handler, if there is one. Challenges are
// distribution's to answer.
func note(ctx context.Context, err error) {
	v, ok := ctx.Value(verdictKey{}).(*verdict)
	var c auth.Challenge
	if ok && !errors.As(err, &c) {
		v.err = err
	}
}

// An answerer is what a registry writes its answer to.
type answerer struct {
	http.ResponseWriter
	refused  *verdict
	answered bool // in place of the registry
}

// WriteHeader implements [http.ResponseWriter].
func (a *answerer) WriteHeader(status int) {
	switch {
	case a.answered:
	case status == http.StatusBadRequest && a.refused.err != nil:
		a.answered = true
		refusalOf(a.refused.err).answer(a.ResponseWriter)
	default:
		a.ResponseWriter.WriteHeader(status)
	}
}

// Write implements [http.ResponseWriter].
func (a *answerer) Write(text []byte) (int, error) {
	if a.answered {
		return len(text), nil
	}
	return a.ResponseWriter.Write(text)
}

// Flush implements [http.Flusher], which distribution looks for.
func (a *answerer) Flush() {
	_ = http.NewResponseController(a.ResponseWriter).Flush() // as far as it can
}

// Unwrap is for [http.ResponseController].
func (a *answerer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
