package validate

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
)

// certFiles is what certs.d folders hold for a host.
type certFiles struct {
	authorities []*x509.Certificate
	pairs       []tls.Certificate
}

// certFiles reads the folders of the origin for the named hosts. From a node
// the node's own folder counts in place of this machine's, since it is the
// node's runtime that will pull; the user's own folders always count.
func (c *Checker) certFiles(origin Origin, names []string) (certFiles, error) {
	var all certFiles
	for _, dir := range c.options.CertsDirs {
		if _, err := os.Stat(dir); err != nil {
			return all, fmt.Errorf("certificates folder %s: %s", dir, reason(err))
		}
		if err := all.read(os.DirFS(dir), ".", dir); err != nil {
			return all, err
		}
		for _, name := range names {
			if err := all.read(os.DirFS(dir), name, dir); err != nil {
				return all, err
			}
		}
	}
	trees := map[string]fs.FS{}
	order := c.options.HostCertsDirs
	switch {
	case origin.Certs != nil:
		order = []string{origin.Name + ":" + DefaultHostCertsDir}
		trees[order[0]] = origin.Certs
	case origin.Name != Controller:
		order = nil
	default:
		for _, dir := range order {
			trees[dir] = os.DirFS(dir)
		}
	}
	for _, dir := range order {
		for _, name := range names {
			if err := all.read(trees[dir], name, dir); err != nil {
				return all, err
			}
		}
	}
	return all, nil
}

// read adds the files of one folder; shown is how the tree is called in
// messages. A file that cannot be used is an error, as for docker: left out
// silently, it would come back as an unknown authority.
func (f *certFiles) read(tree fs.FS, folder, shown string) error {
	entries, err := fs.ReadDir(tree, folder)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrInvalid):
		return nil
	case err != nil:
		return fmt.Errorf("certificates for the registry: cannot read the folder %s: %s", path.Join(shown, folder), reason(err))
	}
	for _, entry := range entries {
		file := path.Join(folder, entry.Name())
		name := path.Join(shown, file)
		switch path.Ext(entry.Name()) {
		case ".crt":
			data, err := fs.ReadFile(tree, file)
			if err != nil {
				return fmt.Errorf("cannot read the CA %s: %s", name, reason(err))
			}
			authorities := parseAuthorities(data)
			if len(authorities) == 0 {
				return fmt.Errorf("%s holds no certificate in PEM form", name)
			}
			f.authorities = append(f.authorities, authorities...)
		case ".cert":
			certificate, err := fs.ReadFile(tree, file)
			if err != nil {
				return fmt.Errorf("cannot read the client certificate %s: %s", name, reason(err))
			}
			key, err := fs.ReadFile(tree, strings.TrimSuffix(file, ".cert")+".key")
			if err != nil {
				return fmt.Errorf("the client certificate %s needs a .key file of the same name beside it: %s", name, reason(err))
			}
			pair, err := tls.X509KeyPair(certificate, key)
			if err != nil {
				// The text of the error could quote the key file.
				return fmt.Errorf("the client certificate %s and its .key file do not fit together, or are not PEM", name)
			}
			f.pairs = append(f.pairs, pair)
		}
	}
	return nil
}

// reason is the plain cause of a file error, without the path that the
// message names already.
func reason(err error) string {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err.Error()
	}
	return err.Error()
}

func parseAuthorities(data []byte) []*x509.Certificate {
	var found []*x509.Certificate
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return found
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		if ca, err := x509.ParseCertificate(block.Bytes); err == nil {
			found = append(found, ca)
		}
	}
}
