package yamlvars

import (
	"encoding/base64"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"

	"oreg/inventory/problem"
	"oreg/inventory/value"
)

// The YAML 1.1 forms of plain scalars, as PyYAML tells them.
var (
	floatForm = regexp.MustCompile(`^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|` +
		`\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|` +
		`[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)
	intForm = regexp.MustCompile(`^(?:[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|` +
		`[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$`)
	timeForm = regexp.MustCompile(`^(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}` +
		`(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?` +
		`(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?)$`)
	timeParts = regexp.MustCompile(`^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})` +
		`(?:(?:[Tt]|[ \t]+)([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]*))?` +
		`(?:[ \t]*(Z|([-+])([0-9]{1,2})(?::([0-9]{2}))?))?)?$`)
)

// resolve returns the short tag of a plain scalar.
func resolve(s string) string {
	switch s {
	case "yes", "Yes", "YES", "no", "No", "NO", "true", "True", "TRUE", "false", "False", "FALSE",
		"on", "On", "ON", "off", "Off", "OFF":
		return "!!bool"
	case "", "~", "null", "Null", "NULL":
		return "!!null"
	case "<<":
		return "!!merge"
	case "=":
		return "!!value"
	}
	if strings.IndexByte("-+.0123456789", s[0]) < 0 {
		return "!!str"
	}
	switch {
	case floatForm.MatchString(s):
		return "!!float"
	case s[0] == '.':
	case intForm.MatchString(s):
		return "!!int"
	case s[0] >= '0' && timeForm.MatchString(s):
		return "!!timestamp"
	}
	return "!!str"
}

// scalar makes the value of a scalar of a known tag; false where Python raises.
func scalar(tag, s string, at problem.Position) (*value.Value, bool) {
	switch tag {
	case "!!str":
		return value.NewString(s, at), true
	case "!!null":
		return &value.Value{Kind: value.Null, Raw: s, Pos: at}, true
	case "!!bool":
		switch strings.ToLower(s) {
		case "yes", "true", "on":
			return value.NewBool(true, s, at), true
		case "no", "false", "off":
			return value.NewBool(false, s, at), true
		}
	case "!!int":
		if n, ok := parseInt(s); ok {
			return &value.Value{Kind: value.Int, Text: n.String(), Raw: s, Pos: at}, true
		}
	case "!!float":
		if f, ok := parseFloat(s); ok {
			return value.NewFloat(f, s, at), true
		}
	case "!!timestamp":
		if text, ok := parseTime(s); ok {
			return &value.Value{Kind: value.Date, Text: text, Raw: s, Pos: at}, true
		}
	case "!!binary":
		if content, ok := decodeBase64(s); ok {
			return &value.Value{Kind: value.Bytes, Text: content, Raw: s, Pos: at}, true
		}
	}
	return nil, false
}

// decodeBase64 is Python's lenient decoder: what is not base64 is skipped, and
// nothing is read behind the padding.
func decodeBase64(s string) (string, bool) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	var digits strings.Builder
	pads := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '=':
			if open := digits.Len() % 4; open >= 2 {
				if pads++; open+pads >= 4 {
					content, err := base64.RawStdEncoding.DecodeString(digits.String())
					return string(content), err == nil
				}
			}
		case c >= 128:
			// Only ASCII can be base64 at all.
			return "", false
		case strings.IndexByte(alphabet, c) >= 0:
			digits.WriteByte(c)
			pads = 0
		}
	}
	content, err := base64.StdEncoding.DecodeString(digits.String())
	return string(content), err == nil
}

func cutSign(s string) (rest string, negative bool) {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		return s[1:], s[0] == '-'
	}
	return s, false
}

func parseInt(s string) (*big.Int, bool) {
	s, negative := cutSign(strings.ReplaceAll(s, "_", ""))
	var n *big.Int
	ok := s != ""
	switch {
	case !ok:
	case strings.HasPrefix(s, "0b"):
		n, ok = inBase(s[2:], 2)
	case strings.HasPrefix(s, "0x"):
		n, ok = inBase(s[2:], 16)
	case s[0] == '0' && s != "0":
		n, ok = inBase(s, 8)
	case strings.Contains(s, ":"):
		n = new(big.Int)
		for _, part := range strings.Split(s, ":") {
			digit, good := value.ParseInt(part)
			if !good {
				return nil, false
			}
			n.Mul(n, big.NewInt(60)).Add(n, digit)
		}
	default:
		n, ok = value.ParseInt(s)
	}
	if ok && negative {
		n.Neg(n)
	}
	return n, ok
}

// inBase is Python's int(s, base): blanks around it and the prefix of the base
// are allowed.
func inBase(s string, base int) (*big.Int, bool) {
	s = strings.TrimFunc(s, value.IsSpace)
	for prefix, of := range map[string]int{"0b": 2, "0o": 8, "0x": 16} {
		if base == of {
			s = strings.TrimPrefix(strings.TrimPrefix(s, prefix), strings.ToUpper(prefix))
		}
	}
	return new(big.Int).SetString(s, base)
}

func parseFloat(s string) (float64, bool) {
	s, negative := cutSign(strings.ToLower(strings.ReplaceAll(s, "_", "")))
	sign := 1.0
	if negative {
		sign = -1
	}
	switch {
	case s == ".inf":
		return sign * math.Inf(1), true
	case s == ".nan":
		return math.NaN(), true
	case strings.Contains(s, ":"):
		parts := strings.Split(s, ":")
		total, base := 0.0, 1.0
		for i := len(parts) - 1; i >= 0; i-- {
			f, err := strconv.ParseFloat(parts[i], 64)
			if err != nil {
				return 0, false
			}
			total += f * base
			base *= 60
		}
		return sign * total, true
	}
	if strings.ContainsAny(s, "xp_") {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return sign * f, err == nil || math.IsInf(f, 0)
}

// parseTime returns what Python's isoformat prints of a date or a time.
func parseTime(s string) (string, bool) {
	m := timeParts.FindStringSubmatch(s)
	if m == nil {
		return "", false
	}
	// The pattern lets only digits through.
	number := func(i int) int {
		n, _ := strconv.Atoi(m[i])
		return n
	}
	year, month, day := number(1), number(2), number(3)
	date := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if year < 1 || date.Day() != day || int(date.Month()) != month {
		return "", false
	}
	if m[4] == "" {
		return date.Format("2006-01-02"), true
	}
	hour, minute, second := number(4), number(5), number(6)
	if hour > 23 || minute > 59 || second > 59 {
		return "", false
	}
	text := date.Format("2006-01-02T") + time.Date(1, 1, 1, hour, minute, second, 0, time.UTC).Format("15:04:05")
	if fraction := (m[7] + "000000")[:6]; fraction != "000000" {
		text += "." + fraction
	}
	switch {
	case m[9] != "":
		offset := number(10)*60 + number(11)
		if offset >= 24*60 {
			return "", false
		}
		sign := m[9]
		if offset == 0 {
			sign = "+"
		}
		text += sign + time.Date(1, 1, 1, 0, offset, 0, 0, time.UTC).Format("15:04")
	case m[8] != "":
		text += "+00:00"
	}
	return text, true
}
