package pyliteral

import "strings"

// maxDepth bounds recursion. Python gives up in about the same region, but
// what it then does depends on its build.
const maxDepth = 900

type parser struct {
	scan scanner
	// furthest is the end of the last token that was read before a failure.
	furthest int
	tok      token
	prev     token
	bad      bool
	deep     bool
	depth    int
}

// parse reads one expression that is all of src; nil is a SyntaxError.
func parse(src string) (tree *node, tooDeep bool) {
	p := &parser{scan: scanner{src: src}}
	p.advance()
	n := p.expressions()
	if p.bad || p.tok.kind != tokEnd {
		return nil, p.deep
	}
	return n, false
}

// Furthest is the offset in src up to which it reads as a Python expression,
// for messages about text that was meant as one.
func Furthest(src string) int {
	trimmed := strings.TrimLeft(src, " \t")
	p := &parser{scan: scanner{src: trimmed}}
	p.advance()
	p.expressions()
	if !p.bad && p.tok.kind == tokEnd {
		return len(src)
	}
	if !p.bad {
		p.furthest = p.tok.start
	}
	return len(src) - len(trimmed) + p.furthest
}

func (p *parser) advance() {
	p.prev = p.tok
	tok, ok := p.scan.next()
	if !ok {
		if !p.bad {
			p.furthest = p.prev.end
		}
		p.bad = true
		tok = token{kind: tokEnd}
	}
	p.tok = tok
}

func (p *parser) isOp(op string) bool   { return p.tok.kind == tokOp && p.tok.text == op }
func (p *parser) isWord(w string) bool  { return p.tok.kind == tokName && p.tok.text == w }
func (p *parser) other(start int) *node { return &node{start: start, end: p.prev.end} }

func (p *parser) acceptOp(op string) bool {
	if p.isOp(op) {
		p.advance()
		return true
	}
	return false
}

func (p *parser) acceptWord(w string) bool {
	if p.isWord(w) {
		p.advance()
		return true
	}
	return false
}

func (p *parser) expectOp(op string) {
	if !p.acceptOp(op) {
		p.fail()
	}
}

// fail stops the parse: the end token ends every loop.
func (p *parser) fail() {
	if !p.bad {
		p.furthest = p.tok.start
	}
	p.bad = true
	p.tok = token{kind: tokEnd}
	p.scan.pos = len(p.scan.src)
}

func (p *parser) enter() bool {
	if p.depth++; p.depth > maxDepth {
		p.deep = true
		p.fail()
	}
	return !p.bad
}

func (p *parser) leave() { p.depth-- }

// expressions is one expression, or a tuple without parentheses.
func (p *parser) expressions() *node {
	first := p.expression()
	if !p.isOp(",") {
		return first
	}
	tuple := &node{kind: nodeTuple, kids: []*node{first}, start: first.start}
	for p.acceptOp(",") && p.tok.kind != tokEnd {
		tuple.kids = append(tuple.kids, p.expression())
	}
	tuple.end = p.prev.end
	return tuple
}

func (p *parser) expression() *node {
	start := p.tok.start
	defer p.leave()
	if !p.enter() {
		return p.other(start)
	}
	if p.acceptWord("lambda") {
		p.parameters()
		p.expectOp(":")
		p.expression()
		return p.other(start)
	}
	n := p.disjunction()
	if p.acceptWord("if") {
		p.disjunction()
		if !p.acceptWord("else") {
			p.fail()
		}
		p.expression()
		return p.other(start)
	}
	return n
}

// parameters are those of a lambda, without a check of their order.
func (p *parser) parameters() {
	for !p.bad && !p.isOp(":") {
		if p.acceptOp("*") {
			if p.tok.kind == tokName {
				p.identifier()
			}
		} else if p.acceptOp("**") {
			p.identifier()
		} else if !p.acceptOp("/") {
			p.identifier()
			if p.acceptOp("=") {
				p.expression()
			}
		}
		if !p.acceptOp(",") {
			return
		}
	}
}

func (p *parser) identifier() {
	if p.tok.kind != tokName || isKeyword(p.tok.text) {
		p.fail()
		return
	}
	p.advance()
}

func (p *parser) disjunction() *node {
	return p.words(func() *node { return p.words(p.inversion, "and") }, "or")
}

func (p *parser) words(operand func() *node, word string) *node {
	start := p.tok.start
	n := operand()
	for p.acceptWord(word) {
		operand()
		n = p.other(start)
	}
	return n
}

func (p *parser) inversion() *node {
	start := p.tok.start
	defer p.leave()
	if !p.enter() {
		return p.other(start)
	}
	if p.acceptWord("not") {
		p.inversion()
		return p.other(start)
	}
	n := p.binary(0)
	for p.comparison() {
		p.binary(0)
		n = p.other(start)
	}
	return n
}

func (p *parser) comparison() bool {
	switch {
	case p.tok.kind == tokOp:
		switch p.tok.text {
		case "==", "!=", "<", "<=", ">", ">=":
			p.advance()
			return true
		}
	case p.acceptWord("in"):
		return true
	case p.acceptWord("is"):
		p.acceptWord("not")
		return true
	case p.acceptWord("not"):
		if !p.acceptWord("in") {
			p.fail()
		}
		return true
	}
	return false
}

// binaryLevels are the left-associative operators, weakest first.
func binaryLevel(op string) int {
	switch op {
	case "|":
		return 0
	case "^":
		return 1
	case "&":
		return 2
	case "<<", ">>":
		return 3
	case "+", "-":
		return 4
	case "*", "/", "//", "%", "@":
		return 5
	}
	return -1
}

func (p *parser) binary(level int) *node {
	if level > 5 {
		return p.factor()
	}
	start := p.tok.start
	n := p.binary(level + 1)
	for p.tok.kind == tokOp && binaryLevel(p.tok.text) == level {
		op := p.tok.text
		p.advance()
		right := p.binary(level + 1)
		if level == 4 {
			n = &node{kind: nodeSum, op: op, kids: []*node{n, right}, start: start, end: p.prev.end}
		} else {
			n = p.other(start)
		}
	}
	return n
}

func (p *parser) factor() *node {
	start := p.tok.start
	defer p.leave()
	if !p.enter() {
		return p.other(start)
	}
	if p.tok.kind == tokOp && len(p.tok.text) == 1 && strings.Contains("+-~", p.tok.text) {
		op := p.tok.text
		p.advance()
		operand := p.factor()
		if op == "~" {
			return p.other(start)
		}
		return &node{kind: nodeSign, op: op, kids: []*node{operand}, start: start, end: p.prev.end}
	}
	p.acceptWord("await")
	awaited := p.prev.text == "await" && p.prev.end > start
	n := p.primary()
	if p.acceptOp("**") {
		p.factor()
		return p.other(start)
	}
	if awaited {
		return p.other(start)
	}
	return n
}

func (p *parser) primary() *node {
	start := p.tok.start
	name := ""
	if p.tok.kind == tokName {
		name = p.tok.text
	}
	n := p.atom()
	for trailers := 0; ; trailers++ {
		switch {
		case p.acceptOp("."):
			p.identifier()
		case p.isOp("("):
			empty := p.arguments()
			if trailers == 0 && name == "set" && empty {
				n = &node{kind: nodeEmptySet, start: start, end: p.prev.end}
				continue
			}
		case p.acceptOp("["):
			p.subscript()
		default:
			return n
		}
		n = p.other(start)
	}
}

func isKeyword(s string) bool {
	switch s {
	case "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def",
		"del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda",
		"nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield":
		return true
	}
	return false
}
