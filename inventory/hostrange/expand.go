package hostrange

import (
	"errors"
	"fmt"
	"math/big"
	"strings"

	"oreg/inventory/value"
)

// MaxHosts is how many names one pattern may stand for. Ansible has no limit
// and dies of "n[0:999999999]".
const MaxHosts = 250_000

// Expand returns the host names that a token stands for, and their port
// (digits without leading zeros, or empty).
func Expand(token string) (names []string, port string, err error) {
	pattern := token
	if strings.ContainsAny(token, ":[") {
		pattern, port, _ = Split(token)
	}
	if !strings.Contains(pattern, "[") {
		return []string{pattern}, port, nil
	}
	names, err = expand(nil, pattern)
	return names, port, err
}

// ErrTooMany refuses a range that stands for an absurd number of hosts.
var ErrTooMany = errors.New("host range is too large")

var errBounds = errors.New("broken host range, expected [begin:end] or [begin:end:step]")

// expand replaces the leftmost brackets and goes on with each result. As in
// Ansible a bar may stand for a bracket, and then there is no room for another.
func expand(into []string, pattern string) ([]string, error) {
	parts := strings.Split(strings.Replace(strings.Replace(pattern, "[", "|", 1), "]", "|", 1), "|")
	if len(parts) != 3 {
		return nil, errBounds
	}
	head, tail := parts[0], parts[2]
	sequence, err := bounds(parts[1])
	if err != nil {
		return nil, err
	}
	for i := range sequence.count {
		name := head + sequence.at(i) + tail
		if !strings.Contains(name, "[") {
			if len(into) == MaxHosts {
				return nil, fmt.Errorf("%w: more than %d hosts", ErrTooMany, MaxHosts)
			}
			into = append(into, name)
			continue
		}
		before := len(into)
		if into, err = expand(into, name); err != nil {
			return nil, err
		}
		// The same tail gives the same number of names each time: none now
		// means none for ever, and a long outer range would spin for nothing.
		if len(into) == before {
			break
		}
	}
	return into, nil
}

type sequence struct {
	letters     string
	begin, step int64
	width       int
	count       int
}

func (s sequence) at(i int) string {
	n := s.begin + int64(i)*s.step
	if s.letters != "" {
		return s.letters[n : n+1]
	}
	text := fmt.Sprintf("%0*d", s.width, n)
	return text
}

const asciiLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

func bounds(text string) (sequence, error) {
	parts := strings.Split(text, ":")
	if len(parts) != 2 && len(parts) != 3 {
		return sequence{}, errBounds
	}
	begin, end, step := parts[0], parts[1], "1"
	if len(parts) == 3 {
		step = parts[2]
	}
	if begin == "" {
		begin = "0"
	}
	if end == "" {
		return sequence{}, errors.New("host range without an end, expected [begin:end]")
	}
	width := 0
	if begin[0] == '0' && len(begin) > 1 {
		// Python counts characters, not bytes.
		if width = len([]rune(begin)); width != len([]rune(end)) {
			return sequence{}, errors.New("padded host range, expected begin and end of the same length")
		}
	}
	s, ok := value.ParseInt(step)
	if !ok || s.Sign() == 0 {
		return sequence{}, errBounds
	}
	first, last := strings.Index(asciiLetters, begin), strings.Index(asciiLetters, end)
	if first >= 0 && last >= 0 {
		if first > last {
			return sequence{}, errors.New("host range runs backwards, expected begin before end in a..zA..Z")
		}
		return letters(int64(first), int64(last), s), nil
	}
	b, okB := value.ParseInt(begin)
	e, okE := value.ParseInt(end)
	if !okB || !okE {
		return sequence{}, errors.New("broken host range, expected two numbers or two letters")
	}
	return numbers(b, e, s, width)
}

// letters follows Python's slices, where a negative step from a begin that is
// not after the end gives nothing.
func letters(first, last int64, step *big.Int) sequence {
	if step.Sign() < 0 {
		return sequence{}
	}
	seq := sequence{letters: asciiLetters, begin: first, step: 1, count: 1}
	if step.IsInt64() && step.Int64() <= last-first {
		seq.step = step.Int64()
		seq.count = int((last-first)/seq.step) + 1
	}
	return seq
}

func numbers(begin, end, step *big.Int, width int) (sequence, error) {
	// range(begin, end+1, step), in numbers of any size.
	distance := new(big.Int).Sub(new(big.Int).Add(end, big.NewInt(1)), begin)
	if distance.Sign() == 0 || distance.Sign() != step.Sign() {
		return sequence{}, nil
	}
	count := new(big.Int).Abs(distance)
	size := new(big.Int).Abs(step)
	count.Add(count, size).Sub(count, big.NewInt(1)).Quo(count, size)
	if !count.IsInt64() || count.Int64() > MaxHosts || !begin.IsInt64() || !end.IsInt64() {
		return sequence{}, fmt.Errorf("%w: more than %d hosts, or numbers too long", ErrTooMany, MaxHosts)
	}
	seq := sequence{begin: begin.Int64(), count: int(count.Int64()), width: width}
	if seq.count > 1 {
		seq.step = step.Int64()
	}
	return seq, nil
}
