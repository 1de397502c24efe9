package template

func (p *parser) callArgs() (callArgs, error) {
	var args callArgs
	_ = p.expectOp("(") // seen by the caller
	for first := true; !p.isOp(")"); first = false {
		if !first {
			if err := p.expectOp(","); err != nil {
				return args, err
			}
			if p.isOp(")") {
				break
			}
		}
		switch {
		case p.isOp("*", "**"):
			return args, failf(ErrUnsupported, "a call with *args or **kwargs is not supported")
		case p.peek().kind == tokName && p.at(1) == token{tokOperator, "="}:
			name := p.next().text
			p.next()
			e, err := p.expression()
			if err != nil {
				return args, err
			}
			args.names, args.named = append(args.names, name), append(args.named, e)
		case len(args.names) > 0:
			return args, errSyntax
		default:
			e, err := p.expression()
			if err != nil {
				return args, err
			}
			args.positional = append(args.positional, e)
		}
	}
	return args, p.expectOp(")")
}

// filters is parse_filter_expr: filters, tests and calls behind a primary.
func (p *parser) filters(e expr) (expr, error) {
	var err error
	for err == nil {
		switch {
		case p.isOp("|"):
			e, err = p.filter(e)
		case p.isName("is"):
			e, err = p.test(e)
		case p.isOp("("):
			c := &callExpr{of: e}
			c.args, err = p.callArgs()
			e = c
		default:
			return e, nil
		}
	}
	return nil, err
}

func (p *parser) filter(of expr) (expr, error) {
	p.next()
	name, err := p.dottedName()
	if err != nil {
		return nil, err
	}
	f := &filterExpr{of: of, name: name}
	if p.isOp("(") {
		if f.args, err = p.callArgs(); err != nil {
			return nil, err
		}
	}
	p.missing(p.engine.hasFilter(name))
	return f, nil
}

// missing keeps the first filter or test that cannot be used, for when the
// whole template was read: what cannot be read is not even a template.
func (p *parser) missing(err error) {
	if p.unusable == nil {
		p.unusable = err
	}
}

func (p *parser) dottedName() (string, error) {
	name, err := p.expectName()
	for err == nil && p.skipOp(".") {
		var part string
		part, err = p.expectName()
		name += "." + part
	}
	return name, err
}

func (p *parser) test(of expr) (expr, error) {
	p.next()
	negated := p.skipName("not")
	name, err := p.dottedName()
	if err != nil {
		return nil, err
	}
	t := &testExpr{of: of, name: name}
	switch next := p.peek(); {
	case p.isOp("("):
		t.args, err = p.callArgs()
	case p.isName("else", "or", "and"):
	case p.isName("is"):
		return nil, errSyntax
	case next.kind == tokName || next.kind == tokString || next.kind == tokInt || next.kind == tokFloat || p.isOp("[", "{"):
		var arg expr
		if arg, err = p.primary(); err == nil {
			arg, err = p.postfix(arg)
		}
		t.args.positional = []expr{arg}
	}
	if err != nil {
		return nil, err
	}
	p.missing(p.engine.hasTest(name))
	if negated {
		return &notExpr{t}, nil
	}
	return t, nil
}
