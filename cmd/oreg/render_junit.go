package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"oreg/tasks"
	"oreg/validate"
)

// The JUnit XML that Jenkins and GitLab read: a suite for credentials with a
// case for each credential and origin, one for nodes, one for secrets.
type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Name    string       `xml:"name,attr"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitMessage `xml:"failure,omitempty"`
	Error   *junitMessage `xml:"error,omitempty"`
	Skipped *junitMessage `xml:"skipped,omitempty"`
	Output  string        `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Type    string `xml:"type,attr,omitempty"`
	Message string `xml:"message,attr,omitempty"`
	Text    string `xml:",chardata"`
}

func (s *junitSuite) add(c junitCase) {
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
	s.Cases = append(s.Cases, c)
}

// renderJUnit writes the suites; strict makes an inconclusive credential a
// failure, as it makes it one of the run.
func renderJUnit(w io.Writer, report *tasks.Report, strict bool) error {
	doc := junitSuites{Name: "oreg " + report.Command}
	for _, suite := range []junitSuite{credentialSuite(report, strict), hostSuite(report), secretSuite(report)} {
		if suite.Tests > 0 {
			doc.Suites = append(doc.Suites, suite)
		}
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func credentialSuite(report *tasks.Report, strict bool) junitSuite {
	suite := junitSuite{Name: "credentials"}
	for _, c := range report.Credentials {
		one := junitCase{Class: "credentials." + c.Host, Name: c.User + " from " + c.From,
			Time: junitSeconds(c.DurationMS), Output: strings.TrimSpace("login " + c.Login + ", pull " + c.Pull + " " + c.Detail)}
		message := &junitMessage{Type: c.Cause, Message: c.Detail, Text: c.Hint}
		switch validate.Status(c.Status) {
		case validate.StatusInvalid:
			one.Failure = message
		case validate.StatusError:
			one.Error = message
		case validate.StatusSkipped:
			one.Skipped = &junitMessage{Message: "test_login is false"}
		case validate.StatusInconclusive:
			if strict {
				one.Failure = message
			}
		case validate.StatusValid:
		}
		suite.add(one)
	}
	return suite
}

func hostSuite(report *tasks.Report) junitSuite {
	suite := junitSuite{Name: "hosts"}
	for _, h := range report.Hosts {
		one := junitCase{Class: "hosts", Name: h.Name, Time: junitSeconds(h.DurationMS), Output: h.Status}
		switch {
		case h.Status == tasks.StatusSkipped:
			one.Skipped = &junitMessage{Message: "skipped"}
		case h.Error != nil:
			one.Error = failureMessage(h.Error)
		}
		for _, f := range h.Files {
			if f.Status == tasks.StatusMissing || f.Status == tasks.StatusDrift {
				one.Failure = &junitMessage{Type: f.Status, Message: f.Path, Text: strings.Join(f.Notes, "\n")}
			}
		}
		suite.add(one)
	}
	return suite
}

func secretSuite(report *tasks.Report) junitSuite {
	suite := junitSuite{Name: "secrets"}
	for _, s := range report.Secrets {
		one := junitCase{Class: strings.TrimSuffix(firstOf(s.Kind, "secrets")+"."+s.Namespace, "."),
			Name: firstOf(s.Name, s.Namespace, s.Kind), Time: "0", Output: s.Status}
		switch {
		case s.Error != nil:
			one.Error = failureMessage(s.Error)
		case s.Status == tasks.StatusSkipped:
			one.Skipped = &junitMessage{Message: joinNotes(s.Notes)}
		case s.Status == tasks.StatusMissing || s.Status == tasks.StatusDrift:
			one.Failure = &junitMessage{Type: s.Status, Message: s.Status, Text: strings.Join(append(slices.Clone(s.Notes), s.Diff...), "\n")}
		}
		suite.add(one)
	}
	return suite
}

// joinNotes is why something was skipped.
func joinNotes(notes []string) string { return firstOf(strings.Join(notes, "; "), tasks.StatusSkipped) }

func failureMessage(f *tasks.Failure) *junitMessage {
	return &junitMessage{Type: f.Cause, Message: f.Message, Text: f.Hint}
}

func junitSeconds(ms int64) string { return fmt.Sprintf("%.3f", float64(ms)/1000) }
