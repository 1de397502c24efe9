package template

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"oreg/inventory/value"
)

// maxBits bounds the size of an int, so that "9**9**9" ends.
const maxBits = 1 << 14

// number is a Python int, float or bool.
type number struct {
	isFloat bool
	float   float64
	int     *big.Int
}

func toNumber(v *value.Value) (number, bool) {
	switch v.Kind {
	case value.Int, value.Bool:
		n, ok := value.ToInt(v)
		return number{int: n}, ok
	case value.Float:
		f, err := strconv.ParseFloat(v.Text, 64)
		return number{isFloat: true, float: f}, err == nil
	}
	return number{}, false
}

func (n number) asFloat() float64 {
	if n.isFloat {
		return n.float
	}
	f, _ := new(big.Float).SetInt(n.int).Float64()
	return f
}

func (n number) isZero() bool {
	if n.isFloat {
		return n.float == 0
	}
	return n.int.Sign() == 0
}

func (n number) value() *value.Value {
	if n.isFloat {
		return pyFloat(n.float)
	}
	return pyInt(n.int)
}

// cmp compares as Python does; ok is false for NaN.
func (n number) cmp(m number) (result int, ok bool) {
	if !n.isFloat && !m.isFloat {
		return n.int.Cmp(m.int), true
	}
	if n.isFloat && math.IsNaN(n.float) || m.isFloat && math.IsNaN(m.float) {
		return 0, false
	}
	return n.big().Cmp(m.big()), true
}

func (n number) big() *big.Float {
	if n.isFloat {
		return big.NewFloat(n.float)
	}
	return new(big.Float).SetPrec(uint(max(n.int.BitLen(), 64))).SetInt(n.int)
}

func tooLarge() error { return failf(ErrLimit, "a number becomes too large") }

func divisionByZero() error { return failf(ErrEvaluate, "division by zero") }

// arithmetic is "+ - * / // % **" of two numbers.
func arithmetic(op string, a, b number) (*value.Value, error) {
	if op == "/" || op == "//" || op == "%" {
		if b.isZero() {
			return nil, divisionByZero()
		}
	}
	if !a.isFloat && !b.isFloat && op != "/" && !(op == "**" && b.int.Sign() < 0) {
		return intArithmetic(op, a.int, b.int)
	}
	x, y := a.asFloat(), b.asFloat()
	if math.IsInf(x, 0) && !a.isFloat || math.IsInf(y, 0) && !b.isFloat {
		return nil, failf(ErrEvaluate, "a whole number is too large for a float")
	}
	var f float64
	switch op {
	case "+":
		f = x + y
	case "-":
		f = x - y
	case "*":
		f = x * y
	case "/":
		f = x / y
		if !a.isFloat && !b.isFloat {
			// Python divides whole numbers exactly and rounds once.
			f, _ = new(big.Rat).SetFrac(a.int, b.int).Float64()
		}
	case "//":
		return pyFloat(math.Floor((x-floorMod(x, y))/y + 0.5)), nil
	case "%":
		f = floorMod(x, y)
	case "**":
		return power(x, y)
	}
	return pyFloat(f), nil
}

func power(x, y float64) (*value.Value, error) {
	if x == 0 && y < 0 {
		return nil, divisionByZero()
	}
	f := math.Pow(x, y)
	if math.IsNaN(f) && !math.IsNaN(x) && !math.IsNaN(y) {
		return nil, failf(ErrUnsupported, "a complex number is not supported")
	}
	if math.IsInf(f, 0) && !math.IsInf(x, 0) && !math.IsInf(y, 0) {
		return nil, failf(ErrEvaluate, "a float becomes too large")
	}
	return pyFloat(f), nil
}

// floorMod has the sign of the divisor, as in Python.
func floorMod(x, y float64) float64 {
	m := math.Mod(x, y)
	if m != 0 && (m < 0) != (y < 0) {
		m += y
	}
	return m
}

func intArithmetic(op string, a, b *big.Int) (*value.Value, error) {
	n := new(big.Int)
	switch op {
	case "+":
		n.Add(a, b)
	case "-":
		n.Sub(a, b)
	case "*":
		n.Mul(a, b)
	case "//", "%":
		quotient, rest := new(big.Int).QuoRem(a, b, new(big.Int))
		if rest.Sign() != 0 && rest.Sign() != b.Sign() {
			quotient.Sub(quotient, big.NewInt(1))
			rest.Add(rest, b)
		}
		n = quotient
		if op == "%" {
			n = rest
		}
	case "**":
		if !b.IsInt64() || int64(a.BitLen())*b.Int64() > maxBits && a.BitLen() > 1 {
			return nil, tooLarge()
		}
		n.Exp(a, b, nil)
	}
	if n.BitLen() > maxBits {
		return nil, tooLarge()
	}
	return pyInt(n), nil
}

// small is a whole number that fits, for counts, widths and indices.
func small(v *value.Value) (int, bool) {
	if v.Kind != value.Int && v.Kind != value.Bool {
		return 0, false
	}
	n, ok := value.ToInt(v)
	if !ok || !n.IsInt64() || n.Int64() > math.MaxInt32 || n.Int64() < math.MinInt32 {
		return 0, false
	}
	return int(n.Int64()), true
}

// parseFloat is Python's float() of a string.
func parseFloat(s string) (float64, bool) {
	s = strings.ToLower(strings.TrimFunc(s, value.IsSpace))
	if strings.ContainsAny(s, "xp") || strings.HasPrefix(s, "_") || strings.HasSuffix(s, "_") || strings.Contains(s, "__") {
		return 0, false
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}
