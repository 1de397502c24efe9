package registry

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/distribution/distribution/v3/registry/auth/token"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	tokenIssuer   = "oreg lab token server"
	tokenKeyID    = "oreg-lab"
	tokenLifetime = 5 * time.Minute
)

// tokenServer answers as the distribution project's token specification says: a login by Basic
// authorization, one or more scope parameters, and a signed token that holds what the account may
// do of what was asked. An anonymous caller is refused, as on registries that are wholly private.
type tokenServer struct {
	registry *Registry
	signer   jose.Signer
	jwksPath string
}

func newTokenServer(r *Registry) (*tokenServer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("token key of registry %s: %w", r.cfg.Name, err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: tokenKeyID}}, nil)
	if err != nil {
		return nil, fmt.Errorf("token signer of registry %s: %w", r.cfg.Name, err)
	}
	jwks, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: tokenKeyID, Algorithm: string(jose.ES256)}}})
	if err != nil {
		return nil, err
	}
	s := &tokenServer{registry: r, signer: signer, jwksPath: filepath.Join(r.cfg.Dir, r.cfg.Name+".jwks")}
	return s, os.WriteFile(s.jwksPath, jwks, 0o600)
}

func (s *tokenServer) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.URL.Path != "/token" {
		http.NotFound(w, req)
		return
	}
	if req.Method != http.MethodGet {
		// The OAuth2 form of the specification; clients fall back to GET.
		http.Error(w, "only GET", http.StatusMethodNotAllowed)
		return
	}
	user, password, _ := req.BasicAuth()
	access, ok := s.registry.login(user, password)
	if !ok {
		w.Header().Set("WWW-Authenticate", `Basic realm="oreg lab token server"`)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		// The client went away: there is nobody to tell.
		_, _ = w.Write([]byte(`{"details":"incorrect username or password"}` + "\n"))
		return
	}
	now := s.registry.cfg.Now()
	signed, err := jwt.Signed(s.signer).Claims(token.ClaimSet{
		Issuer: tokenIssuer, Subject: user, Audience: token.AudienceList{s.registry.host},
		Expiration: now.Add(tokenLifetime).Unix(), NotBefore: now.Unix(), IssuedAt: now.Unix(),
		JWTID: rand.Text(), Access: granted(access, req.URL.Query()["scope"]),
	}).Serialize()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// The client went away: there is nobody to tell.
	_ = json.NewEncoder(w).Encode(map[string]any{
		"token": signed, "access_token": signed, "expires_in": int(tokenLifetime.Seconds()), "issued_at": now.UTC().Format(time.RFC3339),
	})
}

// granted cuts what was asked down to what the account may do. A scope parameter may hold several
// scopes with spaces between, TYPE:NAME:ACTION,ACTION each; NAME may hold colons (host:port/path).
func granted(access string, scopes []string) []*token.ResourceActions {
	out := []*token.ResourceActions{}
	for _, scope := range strings.Fields(strings.Join(scopes, " ")) {
		kind, rest, _ := strings.Cut(scope, ":")
		colon := strings.LastIndexByte(rest, ':')
		if kind != "repository" || colon < 0 {
			continue
		}
		var actions []string
		for a := range strings.SplitSeq(rest[colon+1:], ",") {
			if access == AccessPush || access == AccessPull && a == "pull" {
				actions = append(actions, a)
			}
		}
		if len(actions) > 0 {
			out = append(out, &token.ResourceActions{Type: kind, Name: rest[:colon], Actions: actions})
		}
	}
	return out
}
