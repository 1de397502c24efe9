package inventory

// testCase is an inventory with its files. Without sources it is the file
// "hosts"; dir is the current folder below the case's own.
type testCase struct {
	name    string
	files   map[string]string
	sources []string
	extra   []string
	dir     string
	// want is the listing, with secrets.
	want string
}

func agreedCases() []testCase { return nil }
