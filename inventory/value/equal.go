package value

// Equal compares two values by kind and content; places and source texts do
// not count.
func Equal(a, b *Value) bool {
	if a == b {
		return true
	}
	kind := func(v *Value) Kind {
		switch v.Kind {
		case Unsafe:
			return String
		case Tuple:
			return List
		}
		return v.Kind
	}
	if kind(a) != kind(b) || a.Text != b.Text || len(a.Items) != len(b.Items) || len(a.Entries) != len(b.Entries) {
		return false
	}
	for i := range a.Items {
		if !Equal(a.Items[i], b.Items[i]) {
			return false
		}
	}
	for _, e := range a.Entries {
		found := false
		for _, other := range b.Entries {
			if KeyID(e.Key) == KeyID(other.Key) {
				found = Equal(e.Value, other.Value)
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}
