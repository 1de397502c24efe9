package inventory

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// testCase is an inventory with its files. Without sources it is the file
// "hosts"; dir is the current folder below the case's own.
type testCase struct {
	name    string
	files   map[string]string
	sources []string
	extra   []string
	dir     string
	// vaultPassword opens what is encrypted.
	vaultPassword string
}

// goldenFile holds what the real Ansible printed of each case.
const goldenFile = "testdata/agreed.txtar"

func golden(t *testing.T) map[string]string {
	t.Helper()
	archive, err := txtar.ParseFile(goldenFile)
	require.NoError(t, err)
	want := map[string]string{}
	for _, f := range archive.Files {
		want[f.Name] = string(f.Data)
	}
	return want
}

// TestAgreedCases prints each case as Ansible did. Among them is every random
// inventory over which the two ever disagreed.
func TestAgreedCases(t *testing.T) {
	want := golden(t)
	for _, c := range agreedCases(t) {
		t.Run(c.name, func(t *testing.T) {
			require.Contains(t, want, c.name, "no golden text; go test -tags lab -run TestOracleTable -update writes it")
			o := c.options(t, t.TempDir())
			o.AllowScripts = true
			inv, err := Load(t.Context(), o)
			require.NoError(t, err)
			var out bytes.Buffer
			require.NoError(t, inv.List(&out, ListOptions{ShowSecrets: true}))
			if out.String() != want[c.name] && !sameJSON(out.String(), want[c.name]) {
				// Where keys have several types, Ansible does not sort them.
				assert.Equal(t, want[c.name], out.String())
			}
		})
	}
}

// options writes the files of a case into a folder.
func (c testCase) options(t *testing.T, dir string) Options {
	t.Helper()
	for name, content := range c.files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		mode := os.FileMode(0o600)
		if strings.HasPrefix(content, "#!") {
			mode = 0o700
		}
		require.NoError(t, os.WriteFile(path, []byte(content), mode))
	}
	require.NoError(t, os.MkdirAll(filepath.Join(dir, c.dir), 0o700))
	o := Options{Paths: c.sources, ExtraVars: c.extra, Dir: filepath.Join(dir, c.dir)}
	if c.vaultPassword != "" {
		o.Vault = withPassword(c.vaultPassword)
	}
	if len(o.Paths) == 0 {
		o.Paths = []string{"hosts"}
	}
	return o
}

func iniFile(text string) map[string]string { return map[string]string{"hosts": text} }

// variables is an inventory of one host with a group variable for each value.
func variables(values ...string) map[string]string {
	var b strings.Builder
	b.WriteString("[g]\nh\n[g:vars]\n")
	for i, v := range values {
		fmt.Fprintf(&b, "v%03d=%s\n", i, v)
	}
	return iniFile(b.String())
}

// hostWords is an inventory of a host line with a variable for each word.
func hostWords(words ...string) map[string]string {
	var b strings.Builder
	b.WriteString("[g]\n")
	for i, w := range words {
		fmt.Fprintf(&b, "h%03d x=%s\n", i, w)
	}
	return iniFile(b.String())
}

// yamlValues is an inventory of one host with a YAML variable for each value.
func yamlValues(values ...string) map[string]string {
	var b strings.Builder
	for i, v := range values {
		fmt.Fprintf(&b, "v%03d: %s\n", i, v)
	}
	return map[string]string{"hosts": "h\n", "group_vars/all.yml": b.String()}
}

// agreedCases are all cases of which goldenFile has the listing. Those of
// testdata/examples have every construct of the public examples of
// openshift-ansible 3.11.
func agreedCases(t *testing.T) []testCase {
	t.Helper()
	var cases []testCase
	examples, err := os.ReadDir("testdata/examples")
	require.NoError(t, err)
	require.NotEmpty(t, examples)
	for _, e := range examples {
		text, err := os.ReadFile(filepath.Join("testdata/examples", e.Name()))
		require.NoError(t, err)
		cases = append(cases, testCase{name: "example-" + e.Name(), files: iniFile(string(text))})
	}
	cases = append(cases, testCase{name: "I8-vaults", vaultPassword: "vault-test", sources: []string{"hosts", "more"}, files: map[string]string{
		"hosts": vaultFile(t, "hosts"), "more": "[nodes]\nn2\n", "group_vars/all.yml": vaultFile(t, "all.yml"), "host_vars/n2": vaultFile(t, "inline.yml"),
	}})
	cases = append(cases, valueCases()...)
	cases = append(cases, structureCases()...)
	cases = append(cases, fileCases()...)
	return append(cases, foundCases()...)
}

// sameJSON compares two listings but for the order of keys.
func sameJSON(a, b string) bool {
	// What Python prints and Go's decoder does not read.
	odd := regexp.MustCompile(`(?m)(^\s+|: )(-?Infinity|NaN)(,?)$`)
	decode := func(s string) (v any) {
		d := json.NewDecoder(strings.NewReader(odd.ReplaceAllString(s, `$1"$2"$3`)))
		d.UseNumber()
		if d.Decode(&v) != nil {
			return s
		}
		return v
	}
	return reflect.DeepEqual(decode(a), decode(b))
}
