package inventory

// DefaultTestImage is what is asked for where neither an image nor a release
// is known: the image of the OpenShift 3 installer, without a registry.
const DefaultTestImage = "openshift3/ose-pod:latest"

// TestImage is the reference of a test image in the registry: the named one,
// relative to the registry as the user wrote it, else [DefaultTestImage].
func (h RegistryHost) TestImage(named string) (reference string, isNamed bool) {
	if named == "" {
		return namedImage(h, DefaultTestImage), false
	}
	return namedImage(h, named), true
}
