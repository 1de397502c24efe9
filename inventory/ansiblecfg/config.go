// Package ansiblecfg reads the settings that oreg takes from ansible.cfg and
// from the ANSIBLE_* variables of the environment.
//
// It follows ansible-core 2.14 (lib/ansible/config/manager.py and base.yml, and
// the ssh and sudo plugins): one file only, the first that can be read of
// ANSIBLE_CONFIG, ./ansible.cfg, ~/.ansible.cfg and /etc/ansible/ansible.cfg; a
// variable of the environment wins over the file. A test compares it with
// ansible-config. What surprised us there:
//
//   - An ANSIBLE_CONFIG that does not exist is passed over without a word.
//   - The file is in the dialect of Python's configparser: a line that is
//     indented deeper than its key continues the value, ";" after a blank
//     starts a comment and "#" does not, a repeated key is an error, and so is
//     anything before the first section.
//   - Paths in the file are relative to the file, those in the environment to
//     the current folder.
//   - A boolean that is not known is false.
//   - vault_id_match has no type, so that Ansible takes "False" for true. Here
//     it is a boolean.
//   - An empty path stands for a folder; here it counts as not set.
package ansiblecfg

import "fmt"

// Options are where to look. The zero value finds nothing.
type Options struct {
	// Env looks a variable up; nil means that none is set.
	Env func(string) (string, bool)
	// Dir is the current folder (absolute) and Home the user's; "" means that
	// there is none.
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
	// "/home/u/.ansible.cfg:3 [defaults] forks".
	From string
}

// Config holds the settings. Paths are absolute.
type Config struct {
	// File is the configuration file in force, "" if there is none.
	File string

	Inventory         Setting[[]string] // files and folders
	Forks             Setting[int]
	Timeout           Setting[int] // seconds, of connect and handshake
	RemoteUser        Setting[string]
	RemotePort        Setting[int]
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

	// HostKeyChecking is recorded so that the caller's warning can name its
	// place; oreg never switches host key checking off because of it.
	HostKeyChecking Setting[bool]

	// Taken are the settings in force, and Ignored what else was found, for -v.
	Taken, Ignored []Note
	// Warnings are for the user whatever the verbosity.
	Warnings []Note
}

// Note is one line of a report. It holds no value.
type Note struct {
	// From is the place, as in Setting.
	From string
	Text string
}

func (n Note) String() string { return n.From + ": " + n.Text }

// Error is what makes Ansible stop, too: a file outside of the dialect, or a
// value of the wrong type.
type Error struct {
	// File is the configuration file, or the variable of the environment.
	File string
	// Line counts from 1; 0 where there is none.
	Line int
	// Message says what was found and what was expected; it holds no value.
	Message string
	// Err is the operating system's, if it was that.
	Err error
}

func (e *Error) Error() string {
	at := e.File
	if e.Line > 0 {
		at = fmt.Sprintf("%s:%d", e.File, e.Line)
	}
	if e.Err != nil {
		return at + ": " + e.Message + ": " + e.Err.Error()
	}
	return at + ": " + e.Message
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }
