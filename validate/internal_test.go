package validate

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory/secret"
)

// TestO2_SecretsThatCleaningChanges: white space and control characters of a
// password are gone after the text was made fit to be shown, so it must be
// masked before.
func TestO2_SecretsThatCleaningChanges(t *testing.T) {
	for _, hidden := range []string{"pass  w0rd", "pass\tw0rd", "pass\x01w0rd", " lead and trail ", "line\nbreak"} {
		masker := secret.NewMasker(secret.New(hidden))
		assert.Equal(t, "it was \""+secret.Redacted+"\", wrong", foreign("it was \""+hidden+"\", wrong", masker.Mask))
	}
}

// TestV7_WaitingEndsWithTheContext: whoever waits for another's verdict stops
// at the end of the own time, and takes nobody's turn.
func TestV7_WaitingEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, key := newLedger(), loginKey{user: "u", realm: "r"}
		earlier, err := l.begin(t.Context(), key)
		require.NoError(t, err)
		require.Nil(t, earlier)

		ctx, cancel := context.WithCancel(t.Context())
		waiting := make(chan error, 1)
		go func() {
			_, err := l.begin(ctx, key)
			waiting <- err
		}()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-waiting, context.Canceled)

		l.end(key, false, &rejection{registry: "r", detail: "no"})
		earlier, err = l.begin(t.Context(), key)
		require.NoError(t, err)
		assert.Equal(t, "no", earlier.detail)
	})
}

// TestEachCauseHasAHint reads the closed set from its declaration, so that a
// new cause cannot be forgotten.
func TestEachCauseHasAHint(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "result.go", nil, 0)
	require.NoError(t, err)
	causes := 0
	for _, d := range file.Decls {
		declaration, ok := d.(*ast.GenDecl)
		if !ok || declaration.Tok != token.CONST {
			continue
		}
		for _, spec := range declaration.Specs {
			value := spec.(*ast.ValueSpec)
			if kind, ok := value.Type.(*ast.Ident); !ok || kind.Name != "Cause" {
				continue
			}
			text, err := strconv.Unquote(value.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			causes++
			for _, from := range []string{Controller, "node1"} {
				assert.NotEmpty(t, hintFor(Cause(text), &session{host: "reg.test", origin: Origin{Name: from}}, "reg.test"), text)
			}
		}
	}
	assert.Equal(t, 20, causes, "the design's closed set")
}
