package history_test

import (
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/proof/internal/frontend"
)

var idA, idB = uuid.MustParse("00000000-0000-4000-8000-00000000000a"), uuid.MustParse("00000000-0000-4000-8000-00000000000b")

// operation returns one of a small history about one name, at one side.
func operation(from, to int64, input, output any) porcupine.Operation {
	return porcupine.Operation{Call: from, Return: to, Input: input, Output: output, Metadata: origin{}}
}

func TestPortModel(t *testing.T) {
	created := operation(0, 1, portInput{method: put, id: idA, data: "x"}, portOutput{rev: 5})
	lostCreate := operation(0, never, portInput{method: put, id: idA, data: "x"}, portOutput{outcome: frontend.Unknown})
	reads := func(at int64, out portOutput) porcupine.Operation {
		return operation(at, at+1, portInput{method: get, id: idA}, out)
	}
	missing := portOutput{outcome: frontend.NotFound}
	for _, test := range []struct {
		name    string
		history []porcupine.Operation
		want    error
	}{
		{"read", []porcupine.Operation{created, reads(2, portOutput{id: idA, rev: 5, data: "x"})}, nil},
		{"other data", []porcupine.Operation{created, reads(2, portOutput{id: idA, rev: 5, data: "y"})}, errRejected},
		{"other revision", []porcupine.Operation{created, reads(2, portOutput{id: idA, rev: 6, data: "x"})}, errRejected},
		{"not seen", []porcupine.Operation{created, reads(2, missing)}, errRejected},
		{"read before", []porcupine.Operation{created, reads(1, missing)}, nil},
		{"taken by nobody", []porcupine.Operation{
			operation(0, 1, portInput{method: put, id: idA}, portOutput{outcome: frontend.NameTaken}),
		}, errRejected},
		{"lost, and never applied", []porcupine.Operation{lostCreate, reads(2, missing), reads(4, missing)}, nil},
		{"lost, and applied late", []porcupine.Operation{
			lostCreate, reads(2, missing), reads(4, portOutput{id: idA, rev: 7, data: "x"}),
		}, nil},
		{"lost, applied, and gone", []porcupine.Operation{
			lostCreate, reads(2, portOutput{id: idA, rev: 7, data: "x"}), reads(4, missing),
		}, errRejected},
		{"lost, and at two revisions", []porcupine.Operation{
			lostCreate, reads(2, portOutput{id: idA, rev: 7, data: "x"}), reads(4, portOutput{id: idA, rev: 8, data: "x"}),
		}, errRejected},
		{"conflict with nobody", []porcupine.Operation{
			created, operation(2, 3, portInput{method: del, id: idA, ifRev: 5}, portOutput{outcome: frontend.Conflict}),
		}, errRejected},
		{"revision that goes back", []porcupine.Operation{
			created, operation(2, 3, portInput{method: put, id: idA, ifRev: 5, data: "y"}, portOutput{rev: 4}),
		}, errRejected},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHistory("model", 1)
			require.ErrorIs(t, h.judge(modelOf(newPortModel(test.history).step), test.history, reporter{}), test.want)
		})
	}
}

func TestManagerModel(t *testing.T) {
	tokenA := token{id: idA, secrets: [2]uuid.UUID{idB}}
	created := operation(0, 1, managerInput{method: create}, managerOutput{token: tokenA, secret: idB})
	lostCreate := operation(0, never, managerInput{method: create}, managerOutput{outcome: frontend.Unknown})
	logsIn := func(at int64) porcupine.Operation {
		return operation(at, at+1, managerInput{method: login, secret: idB}, managerOutput{token: tokenA, secret: idB})
	}
	refused := func(at int64) porcupine.Operation {
		return operation(at, at+1, managerInput{method: login, secret: idB}, managerOutput{outcome: frontend.Unauthenticated})
	}
	shows := func(at int64, shown token) porcupine.Operation {
		return operation(at, at+1, managerInput{method: readByName}, managerOutput{token: shown})
	}
	disabled := tokenA
	disabled.disabled = true
	disables := operation(10, 11, managerInput{method: edit, id: idA, disable: true}, managerOutput{token: disabled})
	rotates := func(keepOld bool) porcupine.Operation {
		return operation(10, 11, managerInput{method: rotate, id: idA, overlap: keepOld}, managerOutput{secret: uuid.New()})
	}
	removes := operation(10, 11, managerInput{method: remove, id: idA}, managerOutput{token: token{id: idA}})
	for _, test := range []struct {
		name      string
		staleness time.Duration
		history   []porcupine.Operation
		want      error
	}{
		{"login", 0, []porcupine.Operation{created, logsIn(2)}, nil},
		{"login refused", 0, []porcupine.Operation{created, refused(2)}, errRejected},
		{"disabled, refused", 0, []porcupine.Operation{created, disables, refused(12)}, nil},
		{"disabled, admitted", 0, []porcupine.Operation{created, disables, logsIn(12)}, errRejected},
		{"rotated, admitted", 0, []porcupine.Operation{created, rotates(false), logsIn(12)}, errRejected},
		{"rotated with an overlap, refused", 0, []porcupine.Operation{created, rotates(true), refused(12)}, errRejected},
		{"removed twice", 0, []porcupine.Operation{created, removes, removes}, errRejected},
		{"created twice", 0, []porcupine.Operation{created, created}, errRejected},
		{"lost, and found", 0, []porcupine.Operation{lostCreate, shows(2, tokenA), shows(4, tokenA)}, nil},
		{"lost, and found as two", 0, []porcupine.Operation{
			lostCreate, shows(2, tokenA), shows(4, token{id: idB, secrets: [2]uuid.UUID{idA}}),
		}, errRejected},
		{"disabled, admitted within the bound", 5, []porcupine.Operation{created, disables, logsIn(15)}, nil},
		{"disabled, admitted after the bound", 5, []porcupine.Operation{created, disables, logsIn(17)}, errRejected},
		{"removed by the same process, admitted", 5, []porcupine.Operation{created, removes, logsIn(12)}, errRejected},
		{"created by another, refused within the bound", 5, []porcupine.Operation{created, refused(3)}, errRejected},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHistory("model", 1)
			operations := stretched(test.history, test.staleness)
			require.ErrorIs(t, h.judge(modelOf(newManagerModel(operations).step), operations, reporter{}), test.want)
		})
	}
}
