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
