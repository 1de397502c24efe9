package ca_test

import (
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oreg/hack/lab/ca"
)

func leaf(t *testing.T, p ca.Pair) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(p.Cert)
	require.NotNil(t, block)
	c, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	return c
}

func TestLeavesAreTrustedForTheirNamesAlone(t *testing.T) {
	a, err := ca.New("test", time.Now)
	require.NoError(t, err)
	other, err := ca.New("other", time.Now)
	require.NoError(t, err)
	pair, err := a.Server("127.1.2.3", "localhost")
	require.NoError(t, err)
	for _, tc := range []struct {
		name string
		pool *x509.CertPool
		ok   bool
	}{
		{"127.1.2.3", a.Pool(), true},
		{"localhost", a.Pool(), true},
		{"127.1.2.4", a.Pool(), false},
		{"example.com", a.Pool(), false},
		{"127.1.2.3", other.Pool(), false},
	} {
		_, err := leaf(t, pair).Verify(x509.VerifyOptions{DNSName: tc.name, Roots: tc.pool})
		if tc.ok {
			require.NoError(t, err, tc.name)
		} else {
			require.Error(t, err, tc.name)
		}
	}
	_, err = pair.TLS()
	require.NoError(t, err)
}

func TestSelfSignedIsNotTrustedAndClientsCarryGroups(t *testing.T) {
	a, err := ca.New("test", time.Now)
	require.NoError(t, err)
	bad, err := ca.SelfSigned(time.Now(), "127.1.2.3")
	require.NoError(t, err)
	var unknown x509.UnknownAuthorityError
	_, err = leaf(t, bad).Verify(x509.VerifyOptions{DNSName: "127.1.2.3", Roots: a.Pool()})
	require.ErrorAs(t, err, &unknown)

	client, err := a.Client("system:admin", "system:masters")
	require.NoError(t, err)
	require.Equal(t, "system:admin", leaf(t, client).Subject.CommonName)
	require.Equal(t, []string{"system:masters"}, leaf(t, client).Subject.Organization)
}
