package main

import (
	"strconv"
	"strings"
)

// ranges shortens a list of host names for people: n1, n2, n3 becomes
// "n1..n3". Only neighbours in the list whose names differ in one number by
// one are joined, so the order of the inventory stays.
func ranges(names []string) string {
	var out []string
	for i := 0; i < len(names); {
		j := i
		for j+1 < len(names) && follows(names[j], names[j+1]) {
			j++
		}
		switch {
		case j-i >= 2:
			out = append(out, names[i]+".."+names[j])
		default:
			out = append(out, names[i:j+1]...)
		}
		i = j + 1
	}
	return strings.Join(out, ", ")
}

// follows says whether b is a with its first differing number counted up.
func follows(a, b string) bool {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	for i > 0 && isDigit(a[i-1]) { // back to the number's first digit
		i--
	}
	numberA, restA := leadingNumber(a[i:])
	numberB, restB := leadingNumber(b[i:])
	if restA != restB || numberA == "" || numberB == "" {
		return false
	}
	x, errA := strconv.ParseUint(numberA, 10, 64)
	y, errB := strconv.ParseUint(numberB, 10, 64)
	// 9 and 010 are not neighbours: padding must agree where there is any.
	padded := numberA[0] == '0' || numberB[0] == '0'
	return errA == nil && errB == nil && y == x+1 && (!padded || len(numberA) == len(numberB))
}

func leadingNumber(s string) (number, rest string) {
	i := 0
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return s[:i], s[i:]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
