package template

import "slices"

// statements parses up to a block that begins with one of the names, which is
// returned and consumed, or to the end of the template if there are none.
func (p *parser) statements(ends ...string) (body []stmt, end string, err error) {
	if p.depth++; p.depth > maxNesting {
		return nil, "", failf(ErrLimit, "it is nested deeper than %d levels", maxNesting)
	}
	defer func() { p.depth-- }()
	for {
		switch t := p.next(); t.kind {
		case tokEOF:
			if len(ends) > 0 {
				return nil, "", errSyntax
			}
			return body, "", nil
		case tokData:
			body = append(body, &dataStmt{t.text})
		case tokVariableBegin:
			e, err := p.tuple(false)
			if err != nil {
				return nil, "", err
			}
			if p.next().kind != tokVariableEnd {
				return nil, "", errSyntax
			}
			body = append(body, &outputStmt{e})
		case tokBlockBegin:
			name, err := p.expectName()
			if err != nil {
				return nil, "", err
			}
			if slices.Contains(ends, name) {
				return body, name, nil
			}
			s, err := p.statement(name)
			if err != nil {
				return nil, "", err
			}
			body = append(body, s)
		default:
			return nil, "", errSyntax
		}
	}
}

func (p *parser) blockEnd() error {
	if p.next().kind != tokBlockEnd {
		return errSyntax
	}
	return nil
}

// body parses what follows the head of a compound statement.
func (p *parser) body(ends ...string) ([]stmt, string, error) {
	p.skipOp(":")
	if err := p.blockEnd(); err != nil {
		return nil, "", err
	}
	return p.statements(ends...)
}

func (p *parser) statement(name string) (stmt, error) {
	switch name {
	case "if":
		return p.ifStatement()
	case "for":
		return p.forStatement()
	case "set":
		return p.setStatement()
	case "with":
		return p.withStatement()
	case "include", "import", "from", "extends":
		return nil, failf(ErrRefused, "{%% %s %%} reads another file, which a variable must not", name)
	case "macro", "call", "filter", "block", "print", "autoescape":
		return nil, failf(ErrUnsupported, "{%% %s %%} is not supported", name)
	}
	return nil, errSyntax
}

func (p *parser) ifStatement() (stmt, error) {
	s := &ifStmt{}
	for {
		test, err := p.bareTuple(p.or)
		if err != nil {
			return nil, err
		}
		body, end, err := p.body("elif", "else", "endif")
		if err != nil {
			return nil, err
		}
		s.tests, s.bodies = append(s.tests, test), append(s.bodies, body)
		switch end {
		case "else":
			if s.otherwise, _, err = p.body("endif"); err != nil {
				return nil, err
			}
			return s, p.blockEnd()
		case "endif":
			return s, p.blockEnd()
		}
	}
}

func (p *parser) forStatement() (stmt, error) {
	s := &forStmt{}
	var err error
	if s.targets, s.isTuple, err = p.targets(); err != nil {
		return nil, err
	}
	if !p.skipName("in") {
		return nil, errSyntax
	}
	if s.in, err = p.bareTuple(p.or); err != nil {
		return nil, err
	}
	if p.skipName("if") {
		if s.filter, err = p.expression(); err != nil {
			return nil, err
		}
	}
	if p.isName("recursive") {
		return nil, failf(ErrUnsupported, "a recursive loop is not supported")
	}
	var end string
	if s.body, end, err = p.body("endfor", "else"); err != nil {
		return nil, err
	}
	if end == "else" {
		if s.otherwise, _, err = p.body("endfor"); err != nil {
			return nil, err
		}
	}
	return s, p.blockEnd()
}

func (p *parser) setStatement() (stmt, error) {
	s := &setStmt{}
	var err error
	if p.at(1) == (token{tokOperator, "."}) {
		ns, err := p.expectName()
		if err != nil {
			return nil, err
		}
		p.next()
		if s.attr, err = p.expectName(); err != nil {
			return nil, err
		}
		s.targets = []string{ns}
	} else if s.targets, s.isTuple, err = p.targets(); err != nil {
		return nil, err
	}
	if p.skipOp("=") {
		if s.value, err = p.bareTuple(p.expression); err != nil {
			return nil, err
		}
		return s, p.blockEnd()
	}
	if p.isOp("|") {
		return nil, failf(ErrUnsupported, "{%% set %%} with a filter is not supported")
	}
	if s.body, _, err = p.body("endset"); err != nil {
		return nil, err
	}
	return s, p.blockEnd()
}

func (p *parser) withStatement() (stmt, error) {
	s := &withStmt{}
	for p.peek().kind != tokBlockEnd {
		if len(s.names) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
		}
		name, err := p.target()
		if err != nil {
			return nil, err
		}
		if err := p.expectOp("="); err != nil {
			return nil, err
		}
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		s.names, s.values = append(s.names, name), append(s.values, e)
	}
	var err error
	if s.body, _, err = p.body("endwith"); err != nil {
		return nil, err
	}
	return s, p.blockEnd()
}

// target parses a name that can be assigned to.
func (p *parser) target() (string, error) {
	name, err := p.expectName()
	if err == nil && slices.Contains([]string{"true", "false", "none", "True", "False", "None"}, name) {
		return "", errSyntax
	}
	return name, err
}

// targets parses "a", "a, b" or "(a, b)". Only in parentheses a comma may
// follow the last: Jinja means to allow it before "in", but takes that for a
// name.
func (p *parser) targets() (names []string, isTuple bool, err error) {
	parenthesized := p.skipOp("(")
	for {
		if p.isOp("(", "[") {
			return nil, false, failf(ErrUnsupported, "names in parentheses in an assignment are not supported")
		}
		name, err := p.target()
		if err != nil {
			return nil, false, err
		}
		names = append(names, name)
		if !p.skipOp(",") {
			break
		}
		isTuple = true
		if parenthesized && p.isOp(")") {
			break
		}
	}
	if parenthesized {
		err = p.expectOp(")")
	}
	return names, isTuple, err
}

// bareTuple parses one expression, or several with commas between them.
func (p *parser) bareTuple(item func() (expr, error)) (expr, error) {
	first, err := item()
	if err != nil || !p.isOp(",") {
		return first, err
	}
	items := []expr{first}
	for p.skipOp(",") {
		if k := p.peek().kind; k == tokBlockEnd || k == tokVariableEnd {
			break
		}
		e, err := item()
		if err != nil {
			return nil, err
		}
		items = append(items, e)
	}
	return &tupleExpr{items}, nil
}
