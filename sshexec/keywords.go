package sshexec

import (
	"strings"
	"sync"
)

// The keywords of ssh_config(5) up to OpenSSH 10, sorted by what they mean
// here. Each list is words separated by white space.
const (
	// usedKeywords change what we do.
	usedKeywords = `addressfamily batchmode bindaddress certificatefile
		ciphers connecttimeout globalknownhostsfile hashknownhosts
		hostkeyalgorithms hostkeyalias hostname identitiesonly identityagent
		identityfile ignoreunknown kbdinteractiveauthentication kexalgorithms
		macs passwordauthentication port preferredauthentications proxycommand
		proxyjump pubkeyauthentication serveralivecountmax serveraliveinterval
		stricthostkeychecking user userknownhostsfile`

	// harmlessKeywords are about terminals, forwarding, multiplexing, logging,
	// or methods of authentication that we do not have: leaving them out never
	// makes a connection less safe. (Certificates signed with SHA-1 are refused
	// whatever CASignatureAlgorithms says, which RHEL sets for everybody.)
	harmlessKeywords = `addkeystoagent canonicaldomains casignaturealgorithms
		canonicalizefallbacklocal canonicalizemaxdots
		canonicalizepermittedcnames channeltimeout checkhostip cipher
		clearallforwardings compression compressionlevel connectionattempts
		controlmaster controlpath controlpersist dsaauthentication
		dynamicforward enableescapecommandline enablesshkeysign escapechar
		exitonforwardfailure fallbacktorsh fingerprinthash
		forkafterauthentication forwardagent forwardx11 forwardx11timeout
		forwardx11trusted gatewayports globalknownhostsfile2 gssapiauthentication
		gssapiclientidentity gssapidelegatecredentials gssapikexalgorithms
		gssapikeyexchange gssapirenewalforcesrekey gssapiserveridentity
		gssapitrustdns hostbasedacceptedalgorithms hostbasedauthentication
		hostbasedkeytypes ipqos kbdinteractivedevices keepalive localcommand
		localforward loglevel logverbose nohostauthenticationforlocalhost
		numberofpasswordprompts obscurekeystroketiming permitlocalcommand
		permitremoteopen protocol pubkeyacceptedalgorithms refuseconnection
		rekeylimit remotecommand remoteforward requesttty requiredrsasize
		rhostsauthentication rhostsrsaauthentication rsaauthentication sendenv
		sessiontype setenv smartcarddevice stdinnull streamlocalbindmask
		streamlocalbindunlink syslogfacility tag tcpkeepalive tunnel tunneldevice
		updatehostkeys usekeychain useprivilegedport userknownhostsfile2
		useroaming usersh verifyhostkeydns versionaddendum visualhostkey
		warnweakcrypto xauthlocation`

	// foreignKeywords matter to OpenSSH and cannot be honoured: an error in
	// arguments, a warning in a file.
	foreignKeywords = `bindinterface canonicalizehostname knownhostscommand
		pkcs11provider proxyusefdpass revokedhostkeys securitykeyprovider`
)

// canonicalKeyword returns the present name of an option with an old one.
func canonicalKeyword(key string) string {
	key = strings.ToLower(key)
	switch key {
	case "challengeresponseauthentication", "skeyauthentication", "tisauthentication":
		return "kbdinteractiveauthentication"
	case "pubkeyacceptedkeytypes":
		return "pubkeyacceptedalgorithms"
	}
	return key
}

type keywordKind int

const (
	keywordUnknown keywordKind = iota
	keywordUsed
	keywordHarmless
	keywordForeign
)

var keywordKinds = sync.OnceValue(func() map[string]keywordKind {
	kinds := map[string]keywordKind{}
	for list, kind := range map[string]keywordKind{usedKeywords: keywordUsed, harmlessKeywords: keywordHarmless, foreignKeywords: keywordForeign} {
		for word := range strings.FieldsSeq(list) {
			kinds[word] = kind
		}
	}
	return kinds
})

// kindOfKeyword expects a canonical keyword.
func kindOfKeyword(key string) keywordKind { return keywordKinds()[key] }
