// Package ansiblecfg reads the settings that oreg takes from ansible.cfg and
// from the ANSIBLE_* variables of the environment.
//
// It follows ansible-core 2.14 (lib/ansible/config/manager.py and base.yml):
// one file only, the first that exists of ANSIBLE_CONFIG, ./ansible.cfg,
// ~/.ansible.cfg and /etc/ansible/ansible.cfg; a variable of the environment
// wins over the file.
package ansiblecfg

// Options are where to look. The zero value finds nothing.
type Options struct {
	// Env looks a variable up; nil means that none is set.
	Env func(string) (string, bool)
	// Dir is the current folder (absolute) and Home the user's.
	Dir, Home string
	// System is the last file tried, as a rule /etc/ansible/ansible.cfg; ""
	// means none.
	System string
}

// Setting is a value and where it comes from. The zero value is "not set".
type Setting[T any] struct {
	Value T
	// Set says that somebody set it; Value is meaningless otherwise.
	Set bool
	// From names the place: "ANSIBLE_FORKS" or
	// "/home/u/.ansible.cfg [defaults] forks".
	From string
}

// Config holds the settings. Paths are absolute: relative ones are relative
// to the file that holds them, or to the current folder where a variable of
// the environment does.
type Config struct {
	// File is the configuration file in force, "" if there is none.
	File string

	Inventory         Setting[[]string] // files, folders or "host," lists
	Forks             Setting[int]
	Timeout           Setting[int] // seconds, as Ansible's connect time-out
	RemoteUser        Setting[string]
	PrivateKeyFile    Setting[string]
	AskPass           Setting[bool]
	AskVaultPass      Setting[bool]
	VaultPasswordFile Setting[string]
	VaultIdentityList Setting[[]string] // "label@source" or "source"
	VaultIDMatch      Setting[bool]

	Become        Setting[bool]
	BecomeUser    Setting[string]
	BecomeMethod  Setting[string]
	BecomeAskPass Setting[bool]

	SSHArgs       Setting[string]
	SSHCommonArgs Setting[string]
	SSHExtraArgs  Setting[string]

	// HostKeyChecking is recorded so that a warning can name its place; oreg
	// never switches host key checking off because of it.
	HostKeyChecking Setting[bool]

	// Taken are the settings in force and Ignored everything else that was
	// found, in the file's order, for -v.
	Taken, Ignored []Note
	// Warnings are for the user whatever the verbosity.
	Warnings []string
}

// Note is one line of the report for -v.
type Note struct {
	// From is the place, as in Setting.
	From string
	// Text says what became of it; it holds no value.
	Text string
}

// Load finds and reads the configuration. A file that cannot be read as
// Ansible reads it, and a value of the wrong type, are a *Error.
func Load(opts Options) (*Config, error) { return load(opts) }
