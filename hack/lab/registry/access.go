package registry

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// Request is one line of the access record.
type Request struct {
	Time       time.Time `json:"time"`
	Server     string    `json:"server"` // registry or token
	Method     string    `json:"method"`
	Path       string    `json:"path"`
	Query      string    `json:"query,omitempty"`
	User       string    `json:"user,omitempty"` // as presented, right or wrong
	Credential string    `json:"credential"`     // none, basic or bearer
	Status     int       `json:"status"`
	Remote     string    `json:"remote"`
	UserAgent  string    `json:"user_agent,omitempty"`
}

// Failed says whether a login was presented here and refused. A token that is good but grants too
// little is no failed login.
func (r Request) Failed() bool {
	return r.Credential == "basic" && r.Status == http.StatusUnauthorized
}

// Authenticated says whether the request carried a credential that was not refused.
func (r Request) Authenticated() bool {
	return r.Credential != "none" && r.Status != http.StatusUnauthorized
}

// Count counts the requests of a kind: all (or empty), authenticated, failed or anonymous. It
// reports false for any other kind.
func Count(requests []Request, kind string) (n int, known bool) {
	var is func(Request) bool
	switch kind {
	case "", "all":
		return len(requests), true
	case "authenticated":
		is = Request.Authenticated
	case "failed":
		is = Request.Failed
	case "anonymous":
		is = func(r Request) bool { return r.Credential == "none" }
	default:
		return 0, false
	}
	for _, r := range requests {
		if is(r) {
			n++
		}
	}
	return n, true
}

// recorded enters each request in the record when its answer is known.
func (r *Registry) recorded(server string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		kind, user := credential(req)
		entry := Request{
			Time: r.cfg.Now(), Server: server, Method: req.Method, Path: req.URL.Path, Query: req.URL.RawQuery,
			User: user, Credential: kind, Remote: req.RemoteAddr, UserAgent: req.UserAgent(),
		}
		sw := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(sw, req)
		entry.Status = sw.status
		r.log.Add(entry)
	})
}

// credential tells what the request carries, and for whom; never the password or the token.
func credential(req *http.Request) (kind, user string) {
	scheme, rest, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	switch strings.ToLower(scheme) {
	case "":
		return "none", ""
	case "basic":
		user, _, _ = req.BasicAuth()
		return "basic", user
	case "bearer":
		return "bearer", subject(rest)
	}
	return strings.ToLower(scheme), ""
}

// subject reads whom a token was issued to. Nothing is decided by it, so it is not verified.
func subject(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct {
		Subject string `json:"sub"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return ""
	}
	return claims.Subject
}

// guarded keeps the rights of accounts at a basic registry; htpasswd itself knows none.
func (r *Registry) guarded(next http.Handler) http.Handler {
	if r.cfg.Auth != AuthBasic {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		user, password, _ := req.BasicAuth()
		access, ok := r.login(user, password)
		read := req.Method == http.MethodGet || req.Method == http.MethodHead
		if ok && strings.TrimSuffix(req.URL.Path, "/") != "/v2" && (access == AccessNone || access == AccessPull && !read) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			// The client went away: there is nobody to tell.
			_, _ = w.Write([]byte(`{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}` + "\n"))
			return
		}
		next.ServeHTTP(w, req)
	})
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
	sent   bool
}

func (w *statusWriter) WriteHeader(status int) {
	if !w.sent {
		w.status, w.sent = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	w.sent = true
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController find Flush.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
