package tasks

// CauseMeaning is one row of the closed set of causes.
type CauseMeaning struct {
	// About is "credentials", "hosts" or "secrets".
	About string
	// Cause is the word in JSON; Meaning is one line for people.
	Cause, Meaning string
}

// Causes is the closed set: every cause in a report stands here. Tests hold
// the packages that name them, and the README, to this table.
func Causes() []CauseMeaning {
	const credentials, hosts, secrets = "credentials", "hosts", "secrets"
	return []CauseMeaning{
		{credentials, "bad-credentials", "the registry, or its token server, rejected user and password"},
		{credentials, "no-access", "the login was accepted, but it may not read the image"},
		{credentials, "image-missing", "the login was accepted, but the image does not exist"},
		{credentials, "anonymous", "the image is readable without any login, which proves nothing"},
		{credentials, "dns", "the registry's name did not resolve"},
		{credentials, "refused", "the registry's port refused the connection"},
		{credentials, "unreachable", "there is no route to the registry"},
		{credentials, "timeout", "the check took longer than --check-timeout"},
		{credentials, "tls-unknown-authority", "the certificate is signed by an authority that is not trusted"},
		{credentials, "tls-hostname", "the certificate is for another name"},
		{credentials, "tls-expired", "the certificate has expired or is not yet valid"},
		{credentials, "tls-other", "the TLS handshake failed"},
		{credentials, "plain-http", "the port speaks plain HTTP; no credential was sent"},
		{credentials, "proxy", "the proxy refused or failed"},
		{credentials, "rate-limited", "the registry limits requests (429)"},
		{credentials, "server-error", "the registry failed (5xx) or answered with something unexpected"},
		{credentials, "not-a-registry", "what answers is not a registry, a captive portal for example"},
		{credentials, "realm-failed", "the token server failed, or may not be used"},
		{credentials, "forwarding-refused", "the node's sshd does not allow forwarding"},
		{credentials, "not-tried", "the same login had just been rejected elsewhere"},

		{hosts, "dns", "the host's name did not resolve"},
		{hosts, "unreachable", "there is no route to the host"},
		{hosts, "refused", "nothing listens on the SSH port"},
		{hosts, "timeout", "a step took longer than --timeout"},
		{hosts, "jump-failed", "a jump host could not be passed"},
		{hosts, "connection-lost", "the connection ended in the middle"},
		{hosts, "host-key-unknown", "known_hosts has no key of the host"},
		{hosts, "host-key-mismatch", "the host's key is not the one in known_hosts"},
		{hosts, "host-key-revoked", "the host's key is marked @revoked"},
		{hosts, "auth-failed", "the host accepted no key and no password"},
		{hosts, "become-failed", "sudo refused"},
		{hosts, "become-password-required", "sudo wants a password and none is known"},
		{hosts, "permission-denied", "the file or its folder may not be written"},
		{hosts, "disk-full", "no space, or a quota"},
		{hosts, "read-only", "the file system is read-only"},
		{hosts, "broken-config", "the present file is one that a reader would reject"},
		{hosts, "not-a-file", "a folder or device stands in the file's place"},
		{hosts, "changed-underneath", "the file changed between reading and writing"},
		{hosts, "locked", "another run works on the host"},
		{hosts, "managed-by-operator", "the machine-config operator manages the host"},
		{hosts, "restart-failed", "the node's service did not come back"},
		{hosts, "not-ready", "the node did not become Ready again"},
		{hosts, "ambiguous-node", "the host's Node object could not be told"},
		{hosts, "command-failed", "a command on the host failed"},
		{hosts, "not-tried", "the run ended, or the same password had just failed, before the host's turn"},

		{secrets, "api-unreachable", "the cluster's API did not answer"},
		{secrets, "unauthorized", "the API did not accept the kubeconfig's login"},
		{secrets, "forbidden", "the login may not do this (RBAC)"},
		{secrets, "namespace-missing", "the namespace does not exist"},
		{secrets, "conflict", "somebody else kept changing the secret"},
		{secrets, "wrong-type", "the secret exists with a type that cannot hold credentials"},
		{secrets, "rejected", "the API refused the object: quota, admission, immutable"},
		{secrets, "wrong-cluster", "the API belongs to another cluster than the inventory"},
	}
}
