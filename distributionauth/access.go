package distributionauth

import (
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	v2 "github.com/distribution/distribution/v3/registry/api/v2"
	"github.com/distribution/distribution/v3/registry/auth"
	"github.com/gorilla/mux"

	"github.com/regtoken/regtoken"
)

// table has, by the name of distribution's route, what each method needs on
// the repository in the route's path. What is not in it is never let in.
// Whatever reads an upload's state takes part in writing, so it needs no less.
var table = map[string]map[string]regtoken.Action{
	v2.RouteNameBase:    {http.MethodGet: 0, http.MethodHead: 0},
	v2.RouteNameCatalog: {http.MethodGet: 0},
	v2.RouteNameManifest: {
		http.MethodGet:    regtoken.Pull,
		http.MethodHead:   regtoken.Pull,
		http.MethodPut:    regtoken.Push | regtoken.Pull,
		http.MethodDelete: regtoken.Admin,
	},
	v2.RouteNameBlob: {
		http.MethodGet:    regtoken.Pull,
		http.MethodHead:   regtoken.Pull,
		http.MethodDelete: regtoken.Admin,
	},
	v2.RouteNameTags:       {http.MethodGet: regtoken.Pull},
	v2.RouteNameBlobUpload: {http.MethodPost: regtoken.Push | regtoken.Pull},
	v2.RouteNameBlobUploadChunk: {
		http.MethodGet:    regtoken.Push | regtoken.Pull,
		http.MethodPatch:  regtoken.Push | regtoken.Pull,
		http.MethodPut:    regtoken.Push | regtoken.Pull,
		http.MethodDelete: regtoken.Push | regtoken.Pull,
	},
}

// The resources and actions that distribution knows.
const (
	repositoryType = "repository"
	registryType   = "registry"
	catalogName    = "catalog"

	pullAction   = "pull"
	pushAction   = "push"
	deleteAction = "delete"
	everyAction  = "*"
)

var actions = map[string]regtoken.Action{
	pullAction:   regtoken.Pull,
	pushAction:   regtoken.Push,
	deleteAction: regtoken.Admin,
	everyAction:  regtoken.Pull | regtoken.Push | regtoken.Admin,
}

// maxSources bounds the repositories that one request may mount from: the
// specification has one.
const maxSources = 16

// A demand is what a request needs, all of it.
type demand struct {
	repositories []access
	catalog      bool
	unknown      []auth.Access // what nobody has
}

// An access is what is needed on one repository.
type access struct {
	repository string
	actions    regtoken.Action
}

// add asks for more; of each repository once, so that there is one decision on
// it.
func (d *demand) add(repository string, needs regtoken.Action) {
	for i := range d.repositories {
		if d.repositories[i].repository == repository {
			d.repositories[i].actions |= needs
			return
		}
	}
	d.repositories = append(d.repositories, access{repository, needs})
}

// demandOf reads what a request needs, or refuses one that distribution might
// read in another way. The route is the one by which distribution serves it.
func demandOf(r *http.Request, accesses []auth.Access) (demand, error) {
	var d demand
	route := mux.CurrentRoute(r)
	endsUpload := false
	repository := ""
	if route != nil && route.GetName() != "" {
		repository = mux.Vars(r)["name"]
		if err := d.addRoute(r, route.GetName(), repository); err != nil {
			return demand{}, err
		}
		endsUpload = route.GetName() == v2.RouteNameBlobUploadChunk && r.Method == http.MethodDelete
	}
	for _, a := range accesses {
		needs := actions[a.Action]
		switch {
		case endsUpload && a == (auth.Access{Resource: auth.Resource{Type: repositoryType, Name: repository}, Action: deleteAction}):
			// Nothing is deleted but what was being written.
		case a.Type == repositoryType && a.Class == "" && needs != 0:
			d.add(a.Name, needs)
		case a == auth.Access{Resource: auth.Resource{Type: registryType, Name: catalogName}, Action: everyAction}:
			d.catalog = true
		default:
			d.unknown = append(d.unknown, a)
		}
	}
	return d, nil
}

// addRoute asks for what the table says, and for every source of a mount.
func (d *demand) addRoute(r *http.Request, name, repository string) error {
	methods, ok := table[name]
	if !ok {
		return errUnknownRoute
	}
	needs, ok := methods[r.Method]
	if !ok {
		return methodError(strings.Join(slices.Sorted(maps.Keys(methods)), ", "))
	}
	if mayHoldForm(r) {
		return errForm
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return errQuery
	}
	d.catalog = name == v2.RouteNameCatalog
	if needs != 0 {
		d.add(repository, needs)
	}
	sources := query["from"]
	slices.Sort(sources)
	sources = slices.Compact(sources)
	if len(sources) > maxSources {
		return errManySources
	}
	if needs == 0 {
		return nil // there is nothing to mount into
	}
	for _, source := range sources {
		d.add(source, regtoken.Pull)
	}
	return nil
}

// mayHoldForm reports whether the body may be read as a form, whose fields
// would then count like those of the query; or was.
func mayHoldForm(r *http.Request) bool {
	if len(r.PostForm) > 0 || r.MultipartForm != nil {
		return true
	}
	contentTypes := r.Header["Content-Type"]
	switch {
	case len(contentTypes) == 0:
		return false
	case len(contentTypes) > 1:
		return true
	case contentTypes[0] == "":
		return false
	}
	mediaType, _, err := mime.ParseMediaType(contentTypes[0])
	return err != nil || mediaType == "application/x-www-form-urlencoded" || strings.HasPrefix(mediaType, "multipart/")
}
