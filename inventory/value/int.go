package value

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
)

// ParseInt is Python's int() of a string: blanks around it, a sign, single
// underscores between digits, and any Unicode decimal digits.
func ParseInt(s string) (*big.Int, bool) {
	s = strings.TrimFunc(s, IsSpace)
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	var digits strings.Builder
	under := true
	for _, r := range s {
		switch {
		case r == '_' && !under:
			under = true
			continue
		case r >= '0' && r <= '9':
			digits.WriteRune(r)
		case unicode.Is(unicode.Nd, r):
			digits.WriteByte('0' + decimal(r))
		default:
			return nil, false
		}
		under = false
	}
	if under || digits.Len() > 4300 {
		return nil, false
	}
	n, ok := new(big.Int).SetString(digits.String(), 10)
	if ok && negative {
		n.Neg(n)
	}
	return n, ok
}

// decimal is the value of a decimal digit: Unicode lays each script's ten out
// in a row, and rows of the same table may touch.
func decimal(r rune) byte {
	for _, table := range unicode.Nd.R16 {
		if r >= rune(table.Lo) && r <= rune(table.Hi) {
			return byte((r - rune(table.Lo)) % 10)
		}
	}
	for _, table := range unicode.Nd.R32 {
		if r >= rune(table.Lo) && r <= rune(table.Hi) {
			return byte((r - rune(table.Lo)) % 10)
		}
	}
	return 0
}

// IsSpace is Python's str.isspace, which knows four separators more than
// Unicode's white space.
func IsSpace(r rune) bool {
	return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f
}

// ToInt is Python's int(v), false where that raises.
func ToInt(v *Value) (*big.Int, bool) {
	switch v.Kind {
	case Int:
		return new(big.Int).SetString(v.Text, 10)
	case Bool:
		if v.Text == "true" {
			return big.NewInt(1), true
		}
		return new(big.Int), true
	case Float:
		f, err := strconv.ParseFloat(v.Text, 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return nil, false
		}
		n, _ := big.NewFloat(f).Int(nil)
		return n, true
	case String, Unsafe:
		return ParseInt(v.Text)
	}
	return nil, false
}
