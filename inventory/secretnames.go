package inventory

import "strings"

// isCredential says whether a variable holds a credential that oreg itself
// acts on: where one of the format's traps deserves a warning.
func isCredential(name string) bool {
	switch name {
	case "oreg_auth_user", "oreg_auth_password", "oreg_url", "openshift_additional_registry_credentials":
		return true
	}
	return isSecretName(name)
}

// isSecretName says whether the name of a variable, or of a key inside one,
// tells that its value is secret.
func isSecretName(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"password", "passwd", "passphrase", "secret", "token", "access_key", "accesskey", "credential", "apikey", "api_key"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	// ansible_ssh_pass, ansible_become_pass, and a private key itself; not
	// ansible_ssh_private_key_file, nor a bypass.
	return strings.HasSuffix(name, "_pass") || name == "pass" || strings.HasSuffix(name, "private_key")
}
