package ansiblecfg

import (
	"os/user"
	"path/filepath"
	"strings"
)

// Path makes a path absolute as Ansible does (unfrackpath without following
// links): variables and "~" are replaced, what is relative is taken from Dir,
// and "." and ".." are cleaned away.
func (o Options) Path(path string) string { return o.pathFrom(o.Dir, path) }

func (o Options) pathFrom(base, path string) string {
	path = o.expandUser(o.expandVars(path))
	if !filepath.IsAbs(path) {
		path = filepath.Join(base, path)
	}
	return filepath.Clean(path)
}

func (o Options) lookup(name string) (string, bool) {
	if o.Env == nil {
		return "", false
	}
	return o.Env(name)
}

// expandVars is Python's os.path.expandvars: a variable that is not set stays
// as it is, and what a value brings in is not expanded again.
func (o Options) expandVars(s string) string {
	var b strings.Builder
	for s != "" {
		dollar := strings.IndexByte(s, '$')
		if dollar < 0 {
			break
		}
		b.WriteString(s[:dollar])
		s = s[dollar:]
		name, length := variable(s)
		if value, set := o.lookup(name); set && name != "" {
			b.WriteString(value)
		} else {
			b.WriteString(s[:length])
		}
		s = s[length:]
	}
	return b.String() + s
}

// variable reads "$name" or "${name}" at the start of s; the name is "" where
// there is none.
func variable(s string) (name string, length int) {
	if strings.HasPrefix(s, "${") {
		if end := strings.IndexByte(s, '}'); end > 0 {
			return s[2:end], end + 1
		}
		return "", 1
	}
	n := 1
	for n < len(s) && (s[n] == '_' || s[n]|0x20 >= 'a' && s[n]|0x20 <= 'z' || s[n] >= '0' && s[n] <= '9') {
		n++
	}
	return s[1:n], n
}

// expandUser is Python's os.path.expanduser: an unknown user stays as it is.
func (o Options) expandUser(path string) string {
	if !strings.HasPrefix(path, "~") {
		return path
	}
	name, rest, _ := strings.Cut(path[1:], "/")
	home := o.Home
	if name != "" {
		account, err := user.Lookup(name)
		if err != nil {
			return path
		}
		home = account.HomeDir
	}
	if home == "" {
		return path
	}
	return strings.TrimRight(home, "/") + "/" + rest
}
