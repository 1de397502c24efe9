package validate

import (
	"strings"
	"unicode"
)

// maxWords is how much of a server's own text is shown, in characters.
const maxWords = 200

// foreign makes text that a server sent fit to be shown: secrets masked,
// control and formatting characters removed, white space folded, cut. It masks
// before and after the removal, because either could bring a secret to light
// that the other left, and cuts last, because half a secret is not recognised.
func foreign(text string, mask func(string) string) string {
	text = mask(strings.ToValidUTF8(text, "\uFFFD"))
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, text)
	text = mask(strings.Join(strings.Fields(text), " "))
	if runes := []rune(text); len(runes) > maxWords {
		text = strings.TrimSpace(string(runes[:maxWords])) + "..."
	}
	return text
}
