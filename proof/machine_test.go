package proof_test

import (
	"cmp"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

// TestModel plays random calls against two Managers that share a store, as two
// processes would, and compares all they say with the model.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { newWorld(t, variant{}).play(t) })
}

// A variant is a fault in the library or around it, for the tests that see
// whether the model finds it.
type variant struct {
	store   func(store.Store) store.Store
	options func(*regtoken.Options) // of the second process
	login   func(regtoken.Login) regtoken.Login
}

// A world is everything that a model test plays with.
type world struct {
	store     store.Store
	clock     *clock
	processes [2]*process
	forge     *regtoken.Manager // of another store: its secrets look good
	variant   variant
	model     *model
	grants    []*held
	gone      []uuid.UUID // tokens that were there once
	spent     []uuid.UUID // secrets that were there once
	issued    []string    // all passwords ever
	hidden    []string    // all that must never show
	steps     int
}

// A process is one Manager and its observer.
type process struct {
	*regtoken.Manager
	journal journal
}

// held is a grant from some time ago.
type held struct {
	real  *regtoken.Grant
	model grant
	by    *process
	actor string
}

func newWorld(t *rapid.T, v variant) *world {
	start := time.Date(2026, 3, 1, 12, 0, 0, rapid.SampledFrom([]int{0, 1, 999_999, 500_000_000}).Draw(t, "start"), time.UTC)
	w := &world{
		store: smallPages{memstore.New()}, clock: &clock{now: start}, variant: v,
		model: &model{
			now:         start,
			minLifetime: pick(t, []time.Duration{time.Hour, time.Hour, time.Minute, 1}, "min lifetime"),
			grace:       pick(t, []time.Duration{0, 0, time.Millisecond, 10 * time.Minute}, "grace"),
		},
	}
	if v.store != nil {
		w.store = v.store(w.store)
	}
	for i := range w.processes {
		p := &process{}
		options := regtoken.Options{Now: w.clock.Now, RemovalGrace: w.model.grace, Observers: []regtoken.Observer{p.journal.Observe}}
		if w.model.minLifetime != time.Hour { // which is the default
			options.MinLifetime = w.model.minLifetime
		}
		if i == 1 {
			options.SecretPrefix = "z9"
			if v.options != nil {
				v.options(&options)
			}
		}
		p.Manager = newManager(t, w.store, &options)
		w.processes[i] = p
	}
	w.forge = newManager(t, memstore.New(), nil)
	return w
}

func newManager(t require.TestingT, s store.Store, options *regtoken.Options) *regtoken.Manager {
	m, err := regtoken.NewManager(s, options)
	require.NoError(t, err)
	return m
}

// smallPages returns listings in pages of two, as a store may.
type smallPages struct{ store.Store }

func (s smallPages) List(ctx context.Context, q store.Query) (store.Page, error) {
	q.Limit = min(q.Limit, 2)
	return s.Store.List(ctx, q)
}

func (w *world) play(t *rapid.T) {
	t.Repeat(map[string]func(*rapid.T){
		"":                w.check,
		"create":          w.create,
		"create2":         w.create, // to keep up with what kills tokens
		"get":             w.get,
		"getByName":       w.getByName,
		"list":            w.list,
		"listMeanwhile":   w.listMeanwhile,
		"edit":            w.edit,
		"rotate":          w.rotate,
		"retire":          w.retire,
		"delete":          w.delete,
		"addScopes":       w.addScopes,
		"addScopes2":      w.addScopes,
		"removeScope":     w.removeScope,
		"removeAllScopes": w.removeAllScopes,
		"authenticate":    w.authenticate,
		"authenticate2":   w.authenticate,
		"grantFor":        w.grantFor,
		"authorize":       w.authorize,
		"authorize2":      w.authorize,
		"authorizeLogin":  w.authorizeLogin,
		"authorizeList":   w.authorizeList,
		"sweep":           w.sweep,
		"toBoundary":      w.toBoundary,
		"toBoundary2":     w.toBoundary,
		"moveClock":       w.moveClock,
	})
}

// check compares all there is, seen by one process after the other.
func (w *world) check(t *rapid.T) {
	w.steps++
	p := w.processes[w.steps%2]
	for _, registry := range []string{"", "team-one", "team-two"} {
		var want []regtoken.Token
		for _, token := range w.model.list(registry, "", "") {
			want = append(want, w.model.real(token))
		}
		got := collect(t, p.Registry(registry).Tokens(t.Context(), regtoken.Filter{}))
		require.Equal(t, want, got)
	}
	page, err := w.store.List(t.Context(), store.Query{AllRegistries: true, Limit: 1 << 20})
	for len(page.Records) > 0 && page.Next != "" {
		var more store.Page
		more, err = w.store.List(t.Context(), store.Query{AllRegistries: true, Limit: 1 << 20, After: page.Next})
		require.NoError(t, err)
		page = store.Page{Records: append(page.Records, more.Records...), Next: more.Next}
	}
	require.NoError(t, err)
	require.Len(t, page.Records, len(w.model.tokens), "a record is removed by a sweep, or for its name, and not before")
}

func collect(t require.TestingT, tokens func(func(regtoken.Token, error) bool)) (all []regtoken.Token) {
	for token, err := range tokens {
		require.NoError(t, err)
		all = append(all, token)
	}
	return all
}

// A call is who calls, and on which registry.
type call struct {
	by       *process
	view     *regtoken.Manager
	registry string
	actor    string
	ctx      context.Context
}

func (w *world) drawCall(t *rapid.T) call {
	return w.callOn(t, w.drawText(t, "registry", registries, badRegistries, 25))
}

func (w *world) callOn(t *rapid.T, registry string) call {
	c := call{by: choose(t, w.processes[:], "process"), registry: registry, actor: pick(t, []string{"", "root", "203.0.113.9"}, "actor"), ctx: t.Context()}
	c.view = c.by.Registry(registry)
	if c.actor != "" {
		c.ctx = regtoken.WithActor(c.ctx, c.actor)
	}
	return c
}

// drawTarget draws a call on a token, mostly one that is there, and mostly in
// its own registry.
func (w *world) drawTarget(t *rapid.T) (call, uuid.UUID) {
	var ids []uuid.UUID
	for _, token := range w.model.tokens {
		ids = append(ids, token.id)
	}
	switch rare := rapid.IntRange(0, 19).Draw(t, "target"); {
	case rare == 18 && len(w.gone) > 0:
		return w.drawCall(t), pick(t, w.gone, "gone")
	case rare == 19 || len(ids) == 0:
		return w.drawCall(t), pick(t, []uuid.UUID{uuid.Nil, uuid.MustParse("019ca945-0a00-7000-8000-000000000001")}, "stranger")
	case rare == 17:
		return w.drawCall(t), pick(t, ids, "token")
	default:
		token := choose(t, w.model.tokens, "token")
		return w.callOn(t, token.registry), token.id
	}
}

func (w *world) lose(t *token) {
	if t == nil {
		return
	}
	w.gone = append(w.gone, t.id)
	for _, s := range t.secrets {
		w.spent = append(w.spent, s.id)
	}
}

func (w *world) create(t *rapid.T) { w.createBy(t, w.drawCall(t), 8) }

func (w *world) createBy(t *rapid.T, c call, oddity int) {
	s := spec{
		name:   w.drawText(t, "name", names, badNames, oddity),
		owner:  w.drawText(t, "owner", owners, badOwners, oddity),
		status: w.drawText(t, "status", statuses, badStatuses, 2*oddity),
		scopes: w.drawScopes(t, 0, 3*oddity),
	}
	if rapid.Bool().Draw(t, "expires") {
		s.expiry = w.drawExpiry(t)
	}
	made, evicted, want := w.model.create(c.registry, s)
	public, credential, err := c.view.CreateToken(c.ctx, regtoken.TokenSpec{
		Name: s.name, Owner: s.owner, Status: regtoken.Status(s.status), Expiry: s.expiry, Scopes: realScopes(s.scopes),
	})
	w.requireAnswer(t, want, err)
	if made == nil {
		require.Zero(t, public)
		require.Zero(t, credential.SecretID)
		require.Empty(t, credential.Password.Reveal())
		event := told{operation: regtoken.OpCreate, err: want.err, registry: c.registry}
		if isName(s.name) {
			event.name = s.name
		}
		w.requireTold(t, c.by, c.actor, event)
		return
	}
	made.id = public.ID
	w.noteSecret(t, made, credential)
	require.EqualValues(t, 7, public.ID.Version())
	require.Equal(t, w.model.real(made), public)
	w.requireNoSecret(t, public)
	var events []told
	if evicted != nil {
		events = append(events, told{operation: regtoken.OpExpire, registry: evicted.registry, id: evicted.id, token: evicted})
		w.lose(evicted)
	}
	events = append(events, told{operation: regtoken.OpCreate, registry: c.registry, id: made.id, token: made, scopes: realScopes(made.scopes)})
	w.requireTold(t, c.by, c.actor, events...)
}

// noteSecret takes over what the library issued as the token's current secret.
func (w *world) noteSecret(t *rapid.T, made *token, c regtoken.Credential) {
	password := c.Password.Reveal()
	require.Regexp(t, `^(rgt|z9)_[0-9A-Za-z]{38}$`, password)
	require.NotContains(t, w.issued, password)
	require.Equal(t, made.name, c.Name)
	w.issue(password)
	w.requireNoSecret(t, c)
	w.requireNoSecret(t, c.Login())
	if len(made.secrets) == 0 {
		made.secrets = []secret{{created: made.created}}
	}
	made.secrets[0].id, made.secrets[0].password = c.SecretID, password
}

func (w *world) get(t *rapid.T) {
	c, id := w.drawTarget(t)
	token, want := w.model.change(c.registry, id, nil)
	public, err := c.view.Token(c.ctx, id)
	w.requireToken(t, token, want, public, err)
	w.requireTold(t, c.by, c.actor)
}

// requireToken checks a call that answers with a token.
func (w *world) requireToken(t *rapid.T, token *token, want answer, public regtoken.Token, err error) {
	w.requireAnswer(t, want, err)
	if want.err != nil {
		require.Zero(t, public)
		return
	}
	if len(public.Scopes) == 0 {
		public.Scopes = nil // no scopes are no scopes
	}
	require.Equal(t, w.model.real(token), public)
	w.requireNoSecret(t, public)
}

func (w *world) getByName(t *rapid.T) {
	c := w.drawCall(t)
	name := w.drawText(t, "name", names, badNames, 6)
	faults := w.model.registryFaults(c.registry)
	if !isName(name) {
		faults = append(faults, "name")
	}
	token, want := w.model.holder(c.registry, name), answer{}
	switch {
	case len(faults) > 0:
		want = invalid(faults)
	case token == nil || !w.model.live(token):
		want.err = regtoken.ErrNotFound
	}
	public, err := c.view.TokenByName(c.ctx, name)
	w.requireToken(t, token, want, public, err)
	w.requireTold(t, c.by, c.actor)
}

func (w *world) list(t *rapid.T) {
	c := w.drawCall(t)
	prefix := pick(t, []string{"", "a", "ab", "abc", "abcx", "A", "b", "ab-"}, "prefix")
	owner := w.drawText(t, "owner", owners, badOwners, 10)
	faults := w.model.registryFaults(c.registry)
	if !isOwner(owner) {
		faults = append(faults, "owner")
	}
	tokens := c.view.Tokens(c.ctx, regtoken.Filter{NamePrefix: prefix, Owner: owner})
	if len(faults) > 0 {
		answers := 0
		for public, err := range tokens {
			answers++
			w.requireToken(t, nil, invalid(faults), public, err)
		}
		require.Equal(t, 1, answers)
		return
	}
	var want []regtoken.Token
	for _, token := range w.model.list(c.registry, prefix, owner) {
		want = append(want, w.model.real(token))
	}
	require.Equal(t, want, collect(t, tokens))
	for public := range tokens { // once more, and leaving early
		require.Equal(t, want[0], public)
		break
	}
	w.requireTold(t, c.by, c.actor)
}

// listMeanwhile lists while tokens come and go: those that stay come once.
func (w *world) listMeanwhile(t *rapid.T) {
	c := w.callOn(t, pick(t, registries, "registry"))
	listed := func() (all []string) {
		for _, token := range w.model.list(c.registry, "", "") {
			all = append(all, token.name+token.id.String())
		}
		return all
	}
	before := listed()
	var got []string
	for public, err := range c.view.Tokens(c.ctx, regtoken.Filter{}) {
		require.NoError(t, err)
		got = append(got, public.Name+public.ID.String())
		if len(got) == 1 {
			w.createBy(t, w.callOn(t, c.registry), 1000)
			w.delete(t)
		}
	}
	after := listed()
	require.True(t, slices.IsSorted(got), "%v", got)
	require.Len(t, slices.Compact(slices.Clone(got)), len(got), "%v", got)
	for _, key := range before {
		if slices.Contains(after, key) {
			require.Contains(t, got, key)
		}
	}
	for _, key := range got {
		require.Contains(t, append(before, after...), key)
	}
}

func (w *world) edit(t *rapid.T) {
	c, id := w.drawTarget(t)
	e := edit{status: w.drawText(t, "status", statuses, badStatuses, 8)}
	public := regtoken.Edit{Status: regtoken.Status(e.status)}
	switch rapid.IntRange(0, 4).Draw(t, "expiry") {
	case 0, 1:
		e.set, e.expiry = true, w.drawExpiry(t)
		if oneIn(t, 20, "zero expiry") {
			e.expiry = time.Time{} // no way to clear it
		}
		public.Expiry = regtoken.SetExpiry(e.expiry)
	case 2:
		e.clear = true
		public.Expiry = regtoken.ClearExpiry()
	}
	token, changed, want := w.model.edit(c.registry, id, e)
	got, err := c.view.EditToken(c.ctx, id, public)
	w.requireToken(t, token, want, got, err)
	w.requireChangeTold(t, c, regtoken.OpEdit, id, token, want, changed, nil)
}

// requireChangeTold checks the event of a change: none if nothing changed.
func (w *world) requireChangeTold(t *rapid.T, c call, op regtoken.Operation, id uuid.UUID, token *token, want answer, changed bool, scopes []regtoken.Scope) {
	if token == nil && isRegistry(c.registry) { // the input was to blame, but the token is known
		token = w.model.byID(c.registry, id)
	}
	event := told{operation: op, err: want.err, registry: c.registry, id: id, token: token, scopes: scopes}
	if want.err == nil && !changed {
		w.requireTold(t, c.by, c.actor)
		return
	}
	w.requireTold(t, c.by, c.actor, event)
}

func (w *world) rotate(t *rapid.T) {
	c, id := w.drawTarget(t)
	overlap := w.drawOverlap(t)
	if token := w.model.byID(c.registry, id); token != nil {
		for _, s := range token.secrets {
			w.spent = append(w.spent, s.id)
		}
	}
	token, want := w.model.rotate(c.registry, id, overlap)
	credential, err := c.view.RotateSecret(c.ctx, id, overlap)
	w.requireAnswer(t, want, err)
	if token == nil {
		require.Empty(t, credential.Password.Reveal())
		require.Zero(t, credential.SecretID)
	} else {
		w.noteSecret(t, token, credential)
	}
	w.requireChangeTold(t, c, regtoken.OpRotate, id, token, want, true, nil)
}

func (w *world) retire(t *rapid.T) {
	c, id := w.drawTarget(t)
	token, changed, want := w.model.retire(c.registry, id)
	got, err := c.view.RetireOldSecret(c.ctx, id)
	w.requireToken(t, token, want, got, err)
	w.requireChangeTold(t, c, regtoken.OpRetire, id, token, want, changed, nil)
}

func (w *world) delete(t *rapid.T) {
	c, id := w.drawTarget(t)
	token, want := w.model.delete(c.registry, id)
	w.requireAnswer(t, want, c.view.DeleteToken(c.ctx, id))
	w.lose(token)
	w.requireChangeTold(t, c, regtoken.OpDelete, id, token, want, true, nil)
}

func (w *world) addScopes(t *rapid.T) {
	c, id := w.drawTarget(t)
	scopes := w.drawScopes(t, 0, 12)
	token, added, want := w.model.addScopes(c.registry, id, scopes)
	got, err := c.view.AddScopes(c.ctx, id, realScopes(scopes)...)
	w.requireToken(t, token, want, got, err)
	w.requireChangeTold(t, c, regtoken.OpAddScopes, id, token, want, len(added) > 0, realScopes(added))
}

func (w *world) removeScope(t *rapid.T) {
	c, id := w.drawTarget(t)
	s := w.drawScope(t, 6)
	if token := w.model.byID(c.registry, id); token != nil && len(token.scopes) > 0 && rapid.Bool().Draw(t, "one it has") {
		s = pick(t, token.scopes, "scope")
	}
	token, want := w.model.removeScope(c.registry, id, s)
	got, err := c.view.RemoveScope(c.ctx, id, s.real())
	var removed []regtoken.Scope
	if want.err == nil {
		removed = []regtoken.Scope{s.spelledOut().real()}
	}
	w.requireToken(t, token, want, got, err)
	w.requireChangeTold(t, c, regtoken.OpRemoveScopes, id, token, want, true, removed)
}

func (w *world) removeAllScopes(t *rapid.T) {
	c, id := w.drawTarget(t)
	token, removed, want := w.model.removeAllScopes(c.registry, id)
	got, err := c.view.RemoveAllScopes(c.ctx, id)
	w.requireToken(t, token, want, got, err)
	w.requireChangeTold(t, c, regtoken.OpRemoveScopes, id, token, want, len(removed) > 0, realScopes(removed))
}

func (w *world) sweep(t *rapid.T) {
	c := w.callOn(t, pick(t, registries, "registry")) // sweeps all of them
	removed := w.model.sweep()
	n, err := c.view.Sweep(c.ctx)
	require.NoError(t, err)
	require.Equal(t, len(removed), n)
	heard := c.by.journal.Take()
	place := make(map[uuid.UUID]int, len(heard))
	for i, e := range heard {
		place[e.TokenID] = i
	}
	slices.SortFunc(removed, func(a, b *token) int { // oldest first; a tie is the store's to break
		return cmp.Or(a.expiry.Compare(b.expiry), cmp.Compare(place[a.id], place[b.id]))
	})
	var events []told
	for _, token := range removed {
		w.lose(token)
		events = append(events, told{operation: regtoken.OpExpire, registry: token.registry, id: token.id, token: token})
	}
	w.requireHeard(t, heard, c.actor, events...)
}

// toBoundary moves the clock, forth or back, to where something ends, or to
// one tick beside it.
func (w *world) toBoundary(t *rapid.T) {
	var ends []time.Time
	for _, token := range w.model.tokens {
		if !token.expiry.IsZero() {
			ends = append(ends, token.expiry, token.expiry.Add(w.model.grace))
		}
		for _, s := range token.secrets {
			if !s.ends.IsZero() {
				ends = append(ends, s.ends)
			}
		}
	}
	if len(ends) == 0 {
		t.Skip("nothing ends")
	}
	w.setClock(pick(t, ends, "end").Add(pick(t, []time.Duration{-time.Millisecond, -1, 0, 0, 1, time.Millisecond}, "beside")))
}

func (w *world) moveClock(t *rapid.T) {
	w.setClock(w.model.now.Add(pick(t, []time.Duration{
		1, time.Millisecond, time.Second, time.Minute, 10 * time.Minute, time.Hour, 24 * time.Hour, -1, -time.Millisecond, -time.Hour,
	}, "step")))
}

func (w *world) setClock(now time.Time) {
	w.model.now = now.UTC()
	w.clock.Set(now)
}
