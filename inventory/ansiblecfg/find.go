package ansiblecfg

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

const fileName = "ansible.cfg"

// find reads the first file that can be read (find_ini_config_file), "" if
// there is none.
func (l *loader) find() (path string, text []byte, err error) {
	fromEnv, named := l.env("ANSIBLE_CONFIG")
	if named {
		fromEnv = l.opts.Path(fromEnv)
		if info, err := os.Stat(fromEnv); err == nil && info.IsDir() {
			fromEnv = filepath.Join(fromEnv, fileName)
		}
	}
	candidates := []string{fromEnv}
	skipped := false
	if l.opts.Dir != "" {
		inDir := filepath.Join(l.opts.Dir, fileName)
		if info, err := os.Stat(l.opts.Dir); err == nil && info.Mode()&0o002 != 0 {
			_, err := os.Stat(inDir)
			skipped = err == nil
		} else if err == nil {
			candidates = append(candidates, inDir)
		}
	}
	if l.opts.Home != "" {
		candidates = append(candidates, filepath.Join(l.opts.Home, "."+fileName))
	}
	candidates = append(candidates, l.opts.System)

	for _, candidate := range candidates {
		if candidate == "" {
			continue
		}
		text, err = os.ReadFile(candidate)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			if candidate == fromEnv {
				l.ignore("ANSIBLE_CONFIG", "its file is not there or cannot be read")
			}
			continue
		}
		path = candidate
		break
	}
	if skipped && (path == "" || path != fromEnv) {
		l.warn(filepath.Join(l.opts.Dir, fileName), "ignored, as its folder is writable by everybody; name it in ANSIBLE_CONFIG to use it")
	}
	if path == "" {
		return "", nil, nil
	}
	if err != nil {
		return "", nil, &Error{File: path, Message: "cannot be read", Err: bare(err)}
	}
	if ext := filepath.Ext(path); ext != ".cfg" && ext != ".ini" {
		return "", nil, &Error{File: path, Message: "is not taken for a configuration file: its name has to end in .cfg or .ini"}
	}
	return path, text, nil
}

func bare(err error) error {
	pathErr := (*fs.PathError)(nil)
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
