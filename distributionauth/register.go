package distributionauth

import (
	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/auth"

	"github.com/regtoken/regtoken"
)

// Name is what the access controller is registered under with distribution.
const Name = "regtoken"

// The parameters of a configuration.
const (
	managerParameter = "manager"
	realmParameter   = "realm"
)

func init() {
	if err := auth.Register(Name, fromParameters); err != nil {
		panic("distributionauth: " + err.Error()) // else requests would be judged by something else
	}
}

// Auth returns the section "auth" of a distribution configuration that makes
// the registry ask an [AccessController] for the tokens of m: a view of the
// Manager for this registry, if it is one of several ([regtoken.Manager.Registry]).
// It is
//
//	configuration.Auth{"regtoken": configuration.Parameters{"manager": m, "realm": opts.Realm}}
//
// so that a program may also leave the realm to its configuration file, and add
// the Manager. What [New] would not take, the registry panics for when it is
// made, as it does for any configuration that cannot be.
func Auth(m *regtoken.Manager, opts *Options) configuration.Auth {
	var o Options
	if opts != nil {
		o = *opts
	}
	return configuration.Auth{Name: configuration.Parameters{managerParameter: m, realmParameter: o.Realm}}
}

// fromParameters is an [auth.InitFunc].
func fromParameters(parameters map[string]any) (auth.AccessController, error) {
	var faults []regtoken.FieldError
	fault := func(field, rule string) {
		faults = append(faults, regtoken.FieldError{Field: field, Rule: rule})
	}
	m, ok := parameters[managerParameter].(*regtoken.Manager)
	if !ok {
		fault(managerParameter, "must be a *regtoken.Manager: the program around the registry sets it, no file can")
	}
	realm, ok := parameters[realmParameter].(string)
	if !ok && parameters[realmParameter] != nil {
		fault(realmParameter, "must be a string")
	}
	for name := range parameters {
		if name != managerParameter && name != realmParameter {
			fault("auth."+Name, "has no other parameters than manager and realm")
			break
		}
	}
	if err := regtoken.NewValidationError(faults...); err != nil {
		return nil, err
	}
	return New(m, &Options{Realm: realm})
}
