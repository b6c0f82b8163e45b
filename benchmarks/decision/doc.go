// Package decision measures one question, "may this login pull (push) that
// repository", by the number of rules that the login has: in a
// Grant, and in what else answers it. All is in its tests: a file
// for each contender says how that one is set up, where that was judged, and
// what it does more or less than ours.
//
// A rule lets the login pull from, or pull from and push to, either all
// repositories of one team ("team-7/*", shape=prefix) or one repository
// ("team-7/app", shape=exact). Every contender answers a table of names
// correctly before it is timed.
package decision
