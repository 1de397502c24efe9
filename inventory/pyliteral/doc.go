// Package pyliteral evaluates the values of an INI inventory as Python's
// ast.literal_eval does, because Ansible hands every value to it: what is a
// literal becomes a number, a list or a dict, and what is not stays a string.
//
// Which of the two it is decides everything, so the package parses whole
// Python 3.11 expressions, not only literals. The surprises: a comma makes a
// tuple; adjacent strings join; a comment is skipped; and an unhashable key
// ("{{ 'x' }}", a set in a set) is neither a literal nor a string but makes
// Ansible refuse the file, yet only if all the rest of the text is valid
// Python and nothing before it was no literal.
package pyliteral
