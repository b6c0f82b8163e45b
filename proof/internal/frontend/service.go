package frontend

import (
	"context"
	"errors"
	"io"
	"net/rpc"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/proof/internal/target"
	"github.com/regtoken/regtoken/store"
)

// Config is what a front-end is to be.
type Config struct {
	Target       string        // the store: see package target
	MaxStaleness time.Duration // as in regtoken.Options, like all below
	PollInterval time.Duration
	CacheSize    int
	StoreTimeout time.Duration
	MinLifetime  time.Duration
	Timeout      time.Duration // of the context of each call; zero: none
	Idle         bool          // do not call Run
	PollOnly     bool          // keep from the Manager that the store is a store.Waiter
}

// A Service is a Manager at work in a process of its own, as net/rpc serves it.
// Its calls may be made at the same time. Every answer says when the Manager's
// call began and ended.
type Service struct {
	manager *regtoken.Manager
	config  Config

	mu      sync.Mutex
	expired []uuid.UUID // told of by the sweeper
	hammer  *hammer
}

// Times are when a call began and ended, by [Now].
type Times struct{ Begin, End int64 }

// An Outcome is what became of a call: "" if it succeeded, else the name of the
// first of the library's errors that it is.
type Outcome string

// The outcomes of calls that failed.
const (
	NotFound        Outcome = "not found"
	NameTaken       Outcome = "name taken"
	Conflict        Outcome = "conflict"
	Invalid         Outcome = "invalid"
	Unauthenticated Outcome = "unauthenticated"
	Unknown         Outcome = "outcome unknown"
	Unavailable     Outcome = "unavailable"
	Other           Outcome = "other"
)

func outcomeOf(err error) Outcome {
	if err == nil {
		return ""
	}
	for _, known := range []struct {
		err     error
		outcome Outcome
	}{
		{regtoken.ErrOutcomeUnknown, Unknown},
		{regtoken.ErrNotFound, NotFound},
		{regtoken.ErrNameTaken, NameTaken},
		{regtoken.ErrConflict, Conflict},
		{regtoken.ErrInvalid, Invalid},
		{regtoken.ErrUnauthenticated, Unauthenticated},
		{regtoken.ErrUnavailable, Unavailable},
	} {
		if errors.Is(err, known.err) {
			return known.outcome
		}
	}
	return Other
}

// Reply is the answer to every call.
type Reply struct {
	Times
	Outcome  Outcome
	Detail   string    // the error's text
	ID       uuid.UUID // of the token
	Disabled bool
	SecretID uuid.UUID
	Password string // a new one
	Secrets  []uuid.UUID
	Name     string
	Expiry   time.Time
	Scopes   []string
	Swept    int
	Expired  []uuid.UUID
	Stats    regtoken.Stats
	Tokens   []Reply // of List
}

func (r *Reply) end(err error) {
	r.End = Now()
	r.Outcome = outcomeOf(err)
	if err != nil {
		r.Detail = err.Error()
	}
}

func (r *Reply) describe(t regtoken.Token) {
	r.ID, r.Name, r.Expiry, r.Disabled = t.ID, t.Name, t.ExpiresAt, t.Status == regtoken.Disabled
	for _, s := range t.Secrets {
		r.Secrets = append(r.Secrets, s.ID)
	}
	for _, s := range t.Scopes {
		r.Scopes = append(r.Scopes, s.String())
	}
}

// Call says what to do, with what of it the call in question needs.
type Call struct {
	ID       uuid.UUID
	Name     string
	Password string
	Disable  bool
	Scopes   []string
	Lifetime time.Duration
	Expiry   time.Time
}

// context returns the context of one call.
func (c Config) context() (context.Context, context.CancelFunc) {
	if c.Timeout == 0 {
		return context.WithCancel(context.Background())
	}
	return context.WithTimeout(context.Background(), c.Timeout)
}

// do makes one call of the Manager.
func (s *Service) do(reply *Reply, call func(ctx context.Context, m *regtoken.Manager) error) error {
	ctx, cancel := s.config.context()
	defer cancel()
	reply.Begin = Now()
	reply.end(call(ctx, s.manager))
	return nil
}

func scopes(texts []string) (all []regtoken.Scope, err error) {
	for _, text := range texts {
		scope, err := regtoken.ParseScope(text)
		if err != nil {
			return nil, err
		}
		all = append(all, scope)
	}
	return all, nil
}

// Create makes a token of Name, Scopes, and Lifetime or Expiry (both zero: it
// does not expire).
func (s *Service) Create(c Call, reply *Reply) error {
	return s.do(reply, func(ctx context.Context, m *regtoken.Manager) error {
		parsed, err := scopes(c.Scopes)
		if err != nil {
			return err
		}
		t, credential, err := m.CreateToken(ctx, regtoken.TokenSpec{
			Name: c.Name, Lifetime: c.Lifetime, Expiry: c.Expiry, Scopes: parsed,
		})
		if err == nil {
			reply.describe(t)
			reply.SecretID, reply.Password = credential.SecretID, credential.Password.Reveal()
		}
		return err
	})
}

// Edit disables or enables the token ID.
func (s *Service) Edit(c Call, reply *Reply) error {
	return s.do(reply, func(ctx context.Context, m *regtoken.Manager) error {
		status := regtoken.Enabled
		if c.Disable {
			status = regtoken.Disabled
		}
		t, err := m.EditToken(ctx, c.ID, regtoken.Edit{Status: status})
		reply.describe(t)
		return err
	})
}

// Renew moves the end of the token ID to Expiry, or clears it if that is zero.
func (s *Service) Renew(c Call, reply *Reply) error {
	return s.do(reply, func(ctx context.Context, m *regtoken.Manager) error {
		change := regtoken.ClearExpiry()
		if !c.Expiry.IsZero() {
			change = regtoken.SetExpiry(c.Expiry)
		}
		t, err := m.EditToken(ctx, c.ID, regtoken.Edit{Expiry: change})
		reply.describe(t)
		return err
	})
}

// AddScopes adds Scopes to the token ID.
func (s *Service) AddScopes(c Call, reply *Reply) error {
	return s.do(reply, func(ctx context.Context, m *regtoken.Manager) error {
		parsed, err := scopes(c.Scopes)
		if err != nil {
			return err
		}
		t, err := m.AddScopes(ctx, c.ID, parsed...)
		reply.describe(t)
		return err
	})
}

// RemoveAllScopes takes all scopes from the token ID.
func (s *Service) RemoveAllScopes(c Call, reply *Reply) error {
	return s.do(reply, func(ctx context.Context, m *regtoken.Manager) error {
		t, err := m.RemoveAllScopes(ctx, c.ID)
		reply.describe(t)
		return err
	})
}

// Rotate gives the token ID a new secret; the old one lives on for Lifetime.
func (s *Service) Rotate(c Call, reply *Reply) error {
	return s.do(reply, func(ctx context.Context, m *regtoken.Manager) error {
		credential, err := m.RotateSecret(ctx, c.ID, c.Lifetime)
		if err == nil {
			reply.ID, reply.SecretID, reply.Password = c.ID, credential.SecretID, credential.Password.Reveal()
		}
		return err
	})
}

// Retire ends the overlap of the token ID's old secret.
func (s *Service) Retire(c Call, reply *Reply) error {
	return s.do(reply, func(ctx context.Context, m *regtoken.Manager) error {
		t, err := m.RetireOldSecret(ctx, c.ID)
		reply.describe(t)
		return err
	})
}

// Delete deletes the token ID.
func (s *Service) Delete(c Call, reply *Reply) error {
	return s.do(reply, func(ctx context.Context, m *regtoken.Manager) error { return m.DeleteToken(ctx, c.ID) })
}

// Token reads the token ID.
func (s *Service) Token(c Call, reply *Reply) error {
	return s.do(reply, func(ctx context.Context, m *regtoken.Manager) error {
		t, err := m.Token(ctx, c.ID)
		reply.describe(t)
		return err
	})
}

// TokenByName reads the token of Name.
func (s *Service) TokenByName(c Call, reply *Reply) error {
	return s.do(reply, func(ctx context.Context, m *regtoken.Manager) error {
		t, err := m.TokenByName(ctx, c.Name)
		reply.describe(t)
		return err
	})
}

// Authenticate logs in with Name and Password.
func (s *Service) Authenticate(c Call, reply *Reply) error {
	return s.do(reply, func(ctx context.Context, m *regtoken.Manager) error {
		grant, err := m.Authenticate(ctx, login(c))
		if err == nil {
			reply.describe(grant.Token())
			reply.SecretID = grant.Secret().ID
		}
		return err
	})
}

func login(c Call) regtoken.Login {
	return regtoken.Login{Name: c.Name, Password: regtoken.NewPassword(c.Password)}
}

// List lists all tokens.
func (s *Service) List(_ Call, reply *Reply) error {
	return s.do(reply, func(ctx context.Context, m *regtoken.Manager) error {
		for t, err := range m.Tokens(ctx, regtoken.Filter{}) {
			if err != nil {
				return err
			}
			var one Reply
			one.describe(t)
			reply.Tokens = append(reply.Tokens, one)
		}
		return nil
	})
}

// Sweep removes what has expired.
func (s *Service) Sweep(_ Call, reply *Reply) error {
	return s.do(reply, func(ctx context.Context, m *regtoken.Manager) (err error) {
		reply.Swept, err = m.Sweep(ctx)
		return err
	})
}

// Figures returns Stats, and of which tokens' expiry the observers were told.
func (s *Service) Figures(_ Call, reply *Reply) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	reply.Stats, reply.Expired = s.manager.Stats(), s.expired
	return nil
}

func (s *Service) observe(_ context.Context, e regtoken.Event) {
	if e.Operation != regtoken.OpExpire || e.Outcome != regtoken.Succeeded {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expired = append(s.expired, e.TokenID)
}

// NewService returns a front-end's Manager on a store, without the process
// around it.
func NewService(opened store.Store, config Config) (*Service, error) {
	s := &Service{config: config}
	if config.PollOnly {
		opened = pollOnly{opened}
	}
	manager, err := regtoken.NewManager(opened, &regtoken.Options{
		MaxStaleness: config.MaxStaleness,
		PollInterval: config.PollInterval,
		CacheSize:    config.CacheSize,
		StoreTimeout: config.StoreTimeout,
		MinLifetime:  config.MinLifetime,
		Observers:    []regtoken.Observer{s.observe},
	})
	s.manager = manager
	return s, err
}

// pollOnly is a store without its Wait.
type pollOnly struct{ store.Store }

// Run is the Manager's Run, unless the front-end is to be idle: then it returns
// at once.
func (s *Service) Run(ctx context.Context) {
	if !s.config.Idle {
		_ = s.manager.Run(ctx)
	}
}

// Serve is the whole life of a front-end: it serves conn until that ends.
func Serve(ctx context.Context, config Config, conn io.ReadWriteCloser) (err error) {
	opened, err := target.Open(ctx, config.Target)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	s, err := NewService(opened, config)
	if err != nil {
		return err
	}
	server := rpc.NewServer()
	if err := server.RegisterName("FrontEnd", s); err != nil {
		return err
	}
	if err := server.RegisterName("Store", NewStoreService(opened, config)); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	server.ServeConn(conn)
	s.stopHammer()
	cancel()
	running.Wait()
	return nil
}
