package sshd

import (
	"regexp"
	"strings"

	"oreg/hack/lab/nodes"
)

// The log's lines are English in every locale and their form has not changed in a decade; the lab's
// tests read them from the real sshd.
var (
	connectLine    = regexp.MustCompile(`^Connection from (\S+) port (\d+)`)
	authLine       = regexp.MustCompile(`^(Accepted|Failed) (\S+) for (?:invalid user )?(.*) from (\S+) port (\d+)`)
	sessionLine    = regexp.MustCompile(`^Starting session: (.*) for (.*) from (\S+) port (\d+)`)
	disconnectLine = regexp.MustCompile(`^(?:Disconnected from|Connection closed by|Connection reset by)(?: (?:authenticating |invalid )?user (.*?))? (\S+) port (\d+)`)
	forwardLine    = regexp.MustCompile(`(?:refused local port forward|open failed|Received request to connect)`)
)

// ParseLog turns a line of sshd's log (LogLevel VERBOSE) into an event, if it is one. sshd does not
// say which command a session runs; with the trace option of the lab the trace does.
func ParseLog(s string, emit func(nodes.Event)) {
	switch {
	case strings.HasPrefix(s, "Connection from "):
		if m := connectLine.FindStringSubmatch(s); m != nil {
			emit(nodes.Event{Event: "connect", Remote: m[1] + ":" + m[2]})
		}
	case authLine.MatchString(s):
		m := authLine.FindStringSubmatch(s)
		outcome := map[string]string{"Accepted": "accepted", "Failed": "refused"}[m[1]]
		emit(nodes.Event{Event: "auth", User: m[3], Remote: m[4] + ":" + m[5], Detail: m[2] + " " + outcome})
	case sessionLine.MatchString(s):
		m := sessionLine.FindStringSubmatch(s)
		emit(nodes.Event{Event: "exec", User: m[2], Remote: m[3] + ":" + m[4], Detail: m[1]})
	case disconnectLine.MatchString(s):
		m := disconnectLine.FindStringSubmatch(s)
		emit(nodes.Event{Event: "disconnect", User: m[1], Remote: m[2] + ":" + m[3]})
	case forwardLine.MatchString(s):
		emit(nodes.Event{Event: "forward", Detail: s})
	}
}
