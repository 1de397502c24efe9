package nodefile

// WithMarker gives a request another file for [ManagedMarker].
func WithMarker(r Request, path string) Request {
	r.marker = path
	return r
}

// WithPath gives a request other folders in which the script looks for tools
// beside the shell's own.
func WithPath(r Request, path string) Request {
	r.systemPath = path
	return r
}

// Script is what is sent to the shell for a request.
func Script(r Request, nonce string) (string, error) {
	r, err := r.prepare()
	if err != nil {
		return "", err
	}
	return string(call{nonce: nonce, op: opWrite, lockWait: 10, runID: r.RunID, marker: r.marker, path: r.systemPath, paths: r.Paths}.script()), nil
}
