package history_test

import (
	"sync"
	"testing"

	"github.com/regtoken/regtoken/proof/internal/frontend"
)

// A side is one of the two processes of a history. An error says that the
// process ended during the call.
type side interface {
	manage(method string, call frontend.Call) (frontend.Reply, error)
	store(method string, call frontend.StoreCall) (frontend.StoreReply, error)
}

// A remote side is a process.
type remote struct {
	program string
	config  frontend.Config

	mu      sync.Mutex
	process *frontend.Process
}

func startRemote(tb testing.TB, program string, config frontend.Config) *remote {
	return &remote{program: program, config: config, process: frontend.Start(tb, program, config)}
}

func (r *remote) manage(method string, call frontend.Call) (frontend.Reply, error) {
	return r.current().Do(method, call)
}

func (r *remote) store(method string, call frontend.StoreCall) (frontend.StoreReply, error) {
	return r.current().DoStore(method, call)
}

func (r *remote) current() *frontend.Process {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.process
}

// restart kills the process, calls under way and all, and starts another.
func (r *remote) restart(tb testing.TB) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.process.Kill()
	r.process = frontend.Start(tb, r.program, r.config)
}

// A local side stands for a process within the test's own.
type local struct {
	manager *frontend.Service
	port    *frontend.StoreService
}

func (l local) manage(method string, call frontend.Call) (reply frontend.Reply, err error) {
	err = managerMethods[method](l.manager, call, &reply)
	return reply, err
}

func (l local) store(method string, call frontend.StoreCall) (reply frontend.StoreReply, err error) {
	err = storeMethods[method](l.port, call, &reply)
	return reply, err
}

// figures is a call that is about the process alone.
const figures = "Figures"

var managerMethods = map[string]func(*frontend.Service, frontend.Call, *frontend.Reply) error{
	create:       (*frontend.Service).Create,
	edit:         (*frontend.Service).Edit,
	addScopes:    (*frontend.Service).AddScopes,
	removeScopes: (*frontend.Service).RemoveAllScopes,
	rotate:       (*frontend.Service).Rotate,
	retire:       (*frontend.Service).Retire,
	remove:       (*frontend.Service).Delete,
	read:         (*frontend.Service).Token,
	readByName:   (*frontend.Service).TokenByName,
	login:        (*frontend.Service).Authenticate,
	figures:      (*frontend.Service).Figures,
}

var storeMethods = map[string]func(*frontend.StoreService, frontend.StoreCall, *frontend.StoreReply) error{
	put:       (*frontend.StoreService).Put,
	del:       (*frontend.StoreService).Delete,
	get:       (*frontend.StoreService).Get,
	getByName: (*frontend.StoreService).GetByName,
	head:      (*frontend.StoreService).Head,
	changes:   (*frontend.StoreService).Changes,
}
