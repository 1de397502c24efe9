package sshexec

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestN3_WhichProxyCommandIsAJump: only what an `ssh -W` to this very host
// would do the same way; anything else is left to the program that it names.
func TestN3_WhichProxyCommandIsAJump(t *testing.T) {
	for command, jump := range map[string]bool{
		"ssh -W node:22 bastion": true,
		"/usr/bin/ssh -q -o RequestTTY=no -l core -W node:22 bastion": true,
		"ssh -o PKCS11Provider=/lib/x.so -W node:22 bastion":          false,
		"ssh -o NoSuchOption=yes -W node:22 bastion":                  false,
		"ssh -W other:22 bastion":                                     false,
		"ssh -W node:2222 bastion":                                    false,
		"ssh -W node:22 bastion uptime":                               false,
		"ssh -W node:22":                                              false,
		"ssh -W node:22 bastion; true":                                false,
		"ssh -W node:22 $BASTION":                                     false,
		"nc node 22":                                                  false,
	} {
		spec, ok := jumpCommand(command, &settings{host: "node", port: 22})
		assert.Equal(t, jump, ok, command)
		if ok {
			assert.Equal(t, "bastion", spec.host, command)
		}
	}
}
