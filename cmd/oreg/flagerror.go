package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/pflag"
)

// flagError puts pflag's error for a value that is no number into words: its
// own ones are those of strconv. All other errors of pflag speak for
// themselves.
func flagError(command string, err error) error {
	usage := &usageError{message: err.Error(), hint: fmt.Sprintf("see 'oreg %s --help'", command)}
	var invalid *pflag.InvalidValueError
	var number *strconv.NumError
	if !errors.As(err, &invalid) || !errors.As(err, &number) {
		return usage
	}
	expected := map[string]string{
		"int": "a whole number", "count": "a whole number", "float64": "a number", "bool": "true or false",
	}[invalid.GetFlag().Value.Type()]
	if expected == "" {
		return usage
	}
	if errors.Is(number, strconv.ErrRange) {
		expected = "a smaller number"
	}
	usage.message = fmt.Sprintf("--%s %q: expected %s", invalid.GetFlag().Name, invalid.GetValue(), expected)
	return usage
}
