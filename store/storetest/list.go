package storetest

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/regtoken/regtoken/store"
)

// manyCalls is more calls than any loop over a page or a batch needs here.
const manyCalls = 1000

// inOrder sorts records as List does.
func inOrder(records []store.Record) []store.Record {
	return slices.SortedFunc(slices.Values(records), func(a, b store.Record) int {
		return cmp.Or(cmp.Compare(a.Registry, b.Registry), cmp.Compare(a.Name, b.Name))
	})
}

// listPage returns one page of q.
func (t *trial) listPage(s store.Store, q store.Query) store.Page {
	t.Helper()
	page, err := s.List(t.ctx, q)
	if err != nil {
		t.Fatalf("List(%+v): %v", q, err)
	}
	if len(page.Records) > q.Limit {
		t.Fatalf("List(%+v) returned %d records", q, len(page.Records))
	}
	return page
}

// list returns all the records that q asks for, page by page.
func (t *trial) list(s store.Store, q store.Query) []store.Record {
	t.Helper()
	return t.listWhile(s, q, func(int) {})
}

// listWhile is list, with a call of between after each page but the last.
func (t *trial) listWhile(s store.Store, q store.Query, between func(page int)) []store.Record {
	t.Helper()
	var all []store.Record
	for n := range manyCalls {
		page := t.listPage(s, q)
		all = append(all, page.Records...)
		if page.Next == "" {
			return all
		}
		q.After = page.Next
		between(n)
	}
	t.Fatalf("List(%+v) has no end", q)
	return nil
}

func listExactlyOnceAtEveryLimit(t *trial) {
	var want []store.Record
	for i, name := range []string{"d", "b", "a/b", "a", "c", "a b", "B", "a\x01", "é", "z", "a-b"} {
		r := newRecord("registry", name)
		if i%2 == 0 {
			r.ExpiresAt = store.MinTime
		}
		want = append(want, t.put(t.a, r))
	}
	t.create(t.a, "another", "e")
	t.create(t.a, "registry2", "a")
	want = inOrder(want)
	for limit := range len(want) + 2 {
		if limit == 0 {
			limit = math.MaxInt
		}
		got := t.list(t.b, store.Query{Registry: "registry", Limit: limit})
		t.wantAll(fmt.Sprintf("List with limit %d", limit), got, want)
	}
	if none := t.list(t.b, store.Query{Registry: "none", Limit: 5}); len(none) != 0 {
		t.Fatalf("List of a registry without records returned %d", len(none))
	}
}

func listStableUnderChurn(t *trial) {
	const limit = 3
	stable := make(map[string]bool)
	var passing []store.Record
	for _, c := range "bcdefghijklm" {
		name := string(c) + "-stable"
		stable[name] = true
		t.create(t.a, "registry", name)
		passing = append(passing, t.create(t.a, "registry", string(c)+"-passing"))
	}
	byName := func(name string) store.Record {
		r, err := t.a.GetByName(t.ctx, "registry", name)
		if err != nil {
			t.Fatalf("GetByName(%q): %v", name, err)
		}
		return r
	}
	q := store.Query{Registry: "registry", Limit: limit}
	got := t.listWhile(t.b, q, func(page int) {
		// Before the place the listing has come to, around it and after it:
		// some records go, some come, and some are written again.
		if page < len(passing)/2 {
			t.delete(t.a, passing[page])
			t.delete(t.a, passing[len(passing)-1-page])
		}
		t.create(t.a, "registry", fmt.Sprintf("a-new-%03d", page))
		t.create(t.a, "registry", fmt.Sprintf("b-new-%03d", page))
		if page < 5 { // else the listing would run after its own end
			t.create(t.a, "registry", fmt.Sprintf("z-new-%03d", page))
		}
		t.put(t.a, byName("b-stable"))
		t.put(t.a, byName("g-stable"))
		t.put(t.a, byName("m-stable"))
	})
	last := ""
	for _, r := range got {
		if r.Name <= last {
			t.Fatalf("List returned %q after %q", r.Name, last)
		}
		last = r.Name
		delete(stable, r.Name)
	}
	if len(stable) != 0 {
		t.Fatalf("List skipped records that were there all the time: %v", stable)
	}
	t.listFromDeletedMark()
}

// listFromDeletedMark checks that a listing goes on when the records at its
// mark and right behind it go away, and their names are taken anew.
func (t *trial) listFromDeletedMark() {
	t.Helper()
	const registry = "marked"
	var records []store.Record
	for _, c := range "abcdef" {
		records = append(records, t.create(t.a, registry, string(c)))
	}
	for _, again := range []bool{false, true} {
		q := store.Query{Registry: registry, Limit: 2}
		first := t.listPage(t.b, q)
		if first.Next == "" {
			t.Fatalf("List returned %d records of %d as the last page", len(first.Records), len(records))
		}
		n := len(first.Records) // may be fewer than asked for
		q.After = first.Next
		kept := records[n+1:]
		if n > 0 {
			t.delete(t.a, records[n-1])
		}
		t.delete(t.a, records[n])
		want := kept
		if again {
			if n > 0 {
				t.create(t.a, registry, records[n-1].Name)
			}
			want = append([]store.Record{t.create(t.a, registry, records[n].Name)}, kept...)
		}
		t.wantAll("List, going on from a deleted record,", t.list(t.b, q), want)
		records = t.list(t.b, store.Query{Registry: registry, Limit: 100})
	}
}

func listFiltersLiteralPrefix(t *trial) {
	names := []string{
		"a", "A", "ab", "aB", "a%", "a%b", "a_", "a_b", "axb", "a*", "a*b", "a?b", "a[b]", `a\`, `a\b`, `a\%`, "a'b",
		"a ", "a b", "%", "_", "*", `\`, "é", "e\u0301", "éa", "\u00ff", "\u00ffa", "\u0100",
		"\U0010FFFF", "\U0010FFFF\U0010FFFF", "\U0010FFFFa", "b", "ba",
	}
	var all []store.Record
	for _, name := range names {
		all = append(all, t.create(t.a, "registry", name))
	}
	elsewhere := t.create(t.a, "s", "ab")
	all = inOrder(all)
	prefixes := append([]string{"", "a%%", "none", "c", "[ab]", "^a", "\U0010FFFF\U0010FFFFa"}, names...)
	for _, prefix := range prefixes {
		var want []store.Record
		for _, r := range all {
			if strings.HasPrefix(r.Name, prefix) {
				want = append(want, r)
			}
		}
		got := t.list(t.b, store.Query{Registry: "registry", NamePrefix: prefix, Limit: 5})
		t.wantAll(fmt.Sprintf("List with the prefix %q", prefix), got, want)
		if strings.HasPrefix(elsewhere.Name, prefix) {
			want = append(want, elsewhere)
		}
		got = t.list(t.b, store.Query{AllRegistries: true, NamePrefix: prefix, Limit: 5})
		t.wantAll(fmt.Sprintf("List of all registries with the prefix %q", prefix), got, want)
	}
}

func listAllRegistries(t *trial) {
	// The order is that of pairs: joined by whatever byte, some would change
	// places.
	registries := []string{"", "a", "a!", "a/b", "a-b", "ab", "A", "a ", "é", "\U0010FFFF"}
	byRegistry := make(map[string][]store.Record)
	var all []store.Record
	for _, registry := range registries {
		for _, name := range []string{"z", "a", "\x01"} {
			r := t.create(t.a, registry, name)
			all = append(all, r)
			byRegistry[registry] = append(byRegistry[registry], r)
		}
	}
	all = inOrder(all)
	for _, limit := range []int{1, 2, 3, 7, len(all), math.MaxInt} {
		got := t.list(t.b, store.Query{AllRegistries: true, Limit: limit})
		t.wantAll(fmt.Sprintf("List of all registries with limit %d", limit), got, all)
	}
	for _, registry := range registries {
		got := t.list(t.b, store.Query{Registry: registry, Limit: 2})
		t.wantAll(fmt.Sprintf("List of the registry %q", registry), got, inOrder(byRegistry[registry]))
	}
}
