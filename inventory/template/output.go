package template

import (
	"slices"
	"strings"

	"oreg/inventory/problem"
	"oreg/inventory/pyliteral"
	"oreg/inventory/value"
)

// output collects what a template writes, in pieces: what becomes of it
// depends on whether it is one piece or several.
type output struct {
	run    *run
	pieces []object
}

func (out *output) add(o object) error {
	if err := out.run.grow(0, 1); err != nil {
		return err
	}
	out.pieces = append(out.pieces, o)
	return nil
}

// finish is ansible_eval_concat: the text of all pieces, evaluated if it looks
// like a list, a dictionary or a boolean.
func (out *output) finish(at problem.Position) (object, error) {
	if len(out.pieces) == 1 {
		if text, ok := out.pieces[0].(nativeText); ok {
			return text, nil
		}
		if v, ok := out.pieces[0].(*value.Value); ok && survives(v, true) {
			return v, nil
		}
	}
	text, err := out.text()
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "[") && text != "True" && text != "False" {
		return value.NewString(text, at), nil
	}
	if err := out.run.grow(len(text), 0); err != nil {
		return nil, err
	}
	if last := text[strings.LastIndexByte(text, '\n')+1:]; last != text && last != "" && strings.Trim(last, " \t") == "" {
		// An indentation that no line follows is an error in Python.
		return value.NewString(text, at), nil
	}
	v, outcome := pyliteral.Eval(jsonNames(text), at)
	switch outcome {
	case pyliteral.Literal:
		return v, nil
	case pyliteral.Refused:
		return nil, failf(ErrEvaluate, "its text looks like a list or dictionary that Python cannot build")
	}
	return value.NewString(text, at), nil
}

func (out *output) text() (string, error) {
	var b strings.Builder
	for _, piece := range out.pieces {
		v, err := plain(piece)
		if err != nil {
			return "", err
		}
		s, err := str(v)
		if err != nil {
			return "", err
		}
		if err := out.run.grow(len(s), 0); err != nil {
			return "", err
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

// survives says whether a value comes out of repr and literal_eval as it went
// in, so that the way there can be spared and the places and source texts in
// it stay.
func survives(v *value.Value, top bool) bool {
	switch v.Kind {
	case value.Bool:
		return true
	case value.Null, value.Int, value.String, value.Unsafe:
		return !top
	case value.Float:
		return !top && !strings.ContainsAny(v.Text, "IN")
	case value.Tuple, value.List:
		return !(top && v.Kind == value.Tuple) && !slices.ContainsFunc(v.Items, func(item *value.Value) bool { return !survives(item, false) })
	case value.Dict:
		return !slices.ContainsFunc(v.Entries, func(e value.Entry) bool { return !survives(e.Key, false) || !survives(e.Value, false) })
	}
	return false
}

// jsonNames replaces the names true, false and null by Python's, as Ansible
// does in the syntax tree: everywhere but in strings and comments.
func jsonNames(s string) string {
	names := map[string]string{"true": "True", "false": "False", "null": "None"}
	var b strings.Builder
	for s != "" {
		n := 1
		switch {
		case s[0] == '"' || s[0] == '\'':
			if n = stringLength(s); n == 0 {
				n = len(s)
			}
		case s[0] == '#':
			if n = strings.IndexByte(s, '\n'); n < 0 {
				n = len(s)
			}
		default:
			if n = nameLength(s); n == 0 {
				n = 1
			} else if python, ok := names[s[:n]]; ok {
				b.WriteString(python)
				s = s[n:]
				continue
			}
		}
		b.WriteString(s[:n])
		s = s[n:]
	}
	return b.String()
}
