package pyliteral

func (p *parser) atom() *node {
	start := p.tok.start
	switch p.tok.kind {
	case tokString:
		return p.strings()
	case tokNumber:
		n := &node{kind: nodeConst, tok: p.tok, start: start, end: p.tok.end}
		p.advance()
		return n
	case tokName:
		n := &node{kind: nodeConst, tok: p.tok, start: start, end: p.tok.end}
		switch p.tok.text {
		case "True", "False", "None":
		default:
			n.kind = nodeOther
			p.identifier()
			return n
		}
		p.advance()
		return n
	case tokOp:
		switch p.tok.text {
		case "...":
			n := &node{kind: nodeConst, tok: p.tok, start: start, end: p.tok.end}
			p.advance()
			return n
		case "(":
			return p.group()
		case "[":
			return p.list()
		case "{":
			return p.braces()
		}
	}
	p.fail()
	return p.other(start)
}

// strings joins adjacent strings. f-strings are not looked into.
func (p *parser) strings() *node {
	n := &node{kind: nodeConst, start: p.tok.start}
	for first := true; p.tok.kind == tokString; first = false {
		text, kind, ok := decodeString(p.tok.text)
		switch {
		case !ok || !first && n.isBytes != (kind == stringBytes):
			p.fail()
			return n
		case kind == stringFormat:
			n.kind = nodeOther
		}
		n.isBytes = kind == stringBytes
		n.isText = !n.isBytes
		n.text += text
		p.advance()
	}
	n.end = p.prev.end
	return n
}

func (p *parser) group() *node {
	start := p.tok.start
	p.advance()
	if p.acceptOp(")") {
		return &node{kind: nodeTuple, start: start, end: p.prev.end}
	}
	if p.isWord("yield") {
		p.yield()
		p.expectOp(")")
		return p.other(start)
	}
	first, starred := p.element()
	if p.comprehension() {
		if starred {
			p.fail()
		}
		p.expectOp(")")
		return p.other(start)
	}
	if !p.isOp(",") {
		p.expectOp(")")
		if starred {
			p.fail()
		}
		first.start, first.end = start, p.prev.end
		return first
	}
	tuple := &node{kind: nodeTuple, kids: []*node{first}, start: start}
	p.rest(tuple, ")")
	return tuple
}

func (p *parser) yield() {
	p.advance()
	if p.acceptWord("from") {
		p.expression()
		return
	}
	for !p.bad && !p.isOp(")") {
		p.element()
		if !p.acceptOp(",") {
			return
		}
	}
}

// rest reads further elements up to the closing bracket.
func (p *parser) rest(into *node, closing string) {
	for p.acceptOp(",") && !p.isOp(closing) {
		n, _ := p.element()
		into.kids = append(into.kids, n)
	}
	p.expectOp(closing)
	into.end = p.prev.end
}

// element is an element of a display: starred, named or plain.
func (p *parser) element() (n *node, starred bool) {
	start := p.tok.start
	if p.acceptOp("*") {
		p.binary(0)
		return p.other(start), true
	}
	return p.named(), false
}

// named is an expression or "name := expression".
func (p *parser) named() *node {
	start, name := p.tok.start, p.tok
	n := p.expression()
	if p.isOp(":=") {
		if name.kind != tokName || n.end != name.end || isKeyword(name.text) {
			p.fail()
		}
		p.advance()
		p.expression()
		return p.other(start)
	}
	return n
}

func (p *parser) list() *node {
	n := &node{kind: nodeList, start: p.tok.start}
	p.advance()
	if p.acceptOp("]") {
		n.end = p.prev.end
		return n
	}
	first, starred := p.element()
	if p.comprehension() {
		if starred {
			p.fail()
		}
		p.expectOp("]")
		return p.other(n.start)
	}
	n.kids = append(n.kids, first)
	p.rest(n, "]")
	return n
}

// braces is a dict or a set, or a comprehension of one.
func (p *parser) braces() *node {
	n := &node{kind: nodeDict, start: p.tok.start}
	p.advance()
	if p.acceptOp("}") {
		n.end = p.prev.end
		return n
	}
	if p.isOp("**") {
		return p.dict(n)
	}
	first, starred := p.element()
	switch {
	case p.isOp(":") && !starred:
		p.advance()
		n.kids = append(n.kids, first, p.expression())
		if p.comprehension() {
			p.expectOp("}")
			return p.other(n.start)
		}
		if p.acceptOp(",") && !p.isOp("}") {
			return p.dict(n)
		}
		p.expectOp("}")
		n.end = p.prev.end
		return n
	case p.comprehension():
		if starred {
			p.fail()
		}
		p.expectOp("}")
		return p.other(n.start)
	}
	n.kind = nodeSet
	n.kids = append(n.kids, first)
	p.rest(n, "}")
	return n
}

// dict reads entries from one that is not the first, or is "**".
func (p *parser) dict(n *node) *node {
	for !p.bad && !p.isOp("}") {
		if p.acceptOp("**") {
			n.kids = append(n.kids, nil, p.binary(0))
		} else {
			key := p.expression()
			p.expectOp(":")
			n.kids = append(n.kids, key, p.expression())
		}
		if !p.acceptOp(",") {
			break
		}
	}
	p.expectOp("}")
	n.end = p.prev.end
	return n
}

// comprehension reads "for x in y if z" clauses, if one stands here.
func (p *parser) comprehension() bool {
	found := false
	for p.isWord("for") || p.isWord("async") {
		found = true
		if p.acceptWord("async") && !p.isWord("for") {
			p.fail()
		}
		p.advance()
		p.targets()
		if !p.acceptWord("in") {
			p.fail()
		}
		p.disjunction()
		for p.acceptWord("if") {
			p.disjunction()
		}
	}
	return found
}

func (p *parser) targets() {
	for !p.bad && !p.isWord("in") {
		p.acceptOp("*")
		p.primary()
		if !p.acceptOp(",") {
			return
		}
	}
}

// arguments reads those of a call and says whether there were none.
func (p *parser) arguments() (empty bool) {
	p.expectOp("(")
	keyword, count := false, 0
	for !p.bad && !p.isOp(")") {
		count++
		switch {
		case p.acceptOp("**"):
			keyword = true
			p.expression()
		case p.acceptOp("*"):
			p.expression()
		default:
			name := p.tok
			n := p.named()
			switch {
			case p.isOp("="):
				if name.kind != tokName || n.end != name.end || isKeyword(name.text) {
					p.fail()
				}
				p.advance()
				keyword = true
				p.expression()
			case p.comprehension():
				if count > 1 || !p.isOp(")") {
					p.fail()
				}
			case keyword:
				p.fail()
			}
		}
		if !p.acceptOp(",") {
			break
		}
	}
	p.expectOp(")")
	return count == 0
}

func (p *parser) subscript() {
	for first := true; !p.bad && (first || !p.isOp("]")); first = false {
		switch {
		case p.acceptOp("*"):
			p.binary(0)
		default:
			if !p.isOp(":") {
				p.named()
			}
			for colons := 0; colons < 2 && p.acceptOp(":"); colons++ {
				if !p.isOp(":") && !p.isOp(",") && !p.isOp("]") {
					p.expression()
				}
			}
		}
		if !p.acceptOp(",") {
			break
		}
	}
	p.expectOp("]")
}
