package template

import (
	"math/big"
	"slices"
	"strings"
)

// maxNesting bounds the nesting of a template, so that one cannot exhaust the
// stack.
const maxNesting = 100

// parser is Jinja's (jinja2/parser.py, 3.1). Its errors are errSyntax, and
// *Error for tags that Jinja knows and oreg does not.
type parser struct {
	engine *Engine
	tokens []token
	depth  int
	// unusable is a filter or test that cannot be used.
	unusable error
}

func (e *Engine) parse(tokens []token) ([]stmt, error) {
	p := &parser{engine: e, tokens: tokens}
	body, _, err := p.statements()
	if err != nil {
		return nil, err
	}
	if p.peek().kind != tokEOF {
		return nil, errSyntax
	}
	return body, p.unusable
}

func (p *parser) peek() token { return p.at(0) }

func (p *parser) at(n int) token {
	if n >= len(p.tokens) {
		return token{}
	}
	return p.tokens[n]
}

func (p *parser) next() token {
	t := p.peek()
	if len(p.tokens) > 0 {
		p.tokens = p.tokens[1:]
	}
	return t
}

func (p *parser) isOp(ops ...string) bool {
	t := p.peek()
	return t.kind == tokOperator && slices.Contains(ops, t.text)
}

func (p *parser) isName(names ...string) bool {
	t := p.peek()
	return t.kind == tokName && slices.Contains(names, t.text)
}

func (p *parser) skipOp(op string) bool {
	if p.isOp(op) {
		p.next()
		return true
	}
	return false
}

func (p *parser) skipName(name string) bool {
	if p.isName(name) {
		p.next()
		return true
	}
	return false
}

func (p *parser) expectOp(op string) error {
	if !p.skipOp(op) {
		return errSyntax
	}
	return nil
}

func (p *parser) expectName() (string, error) {
	if p.peek().kind != tokName {
		return "", errSyntax
	}
	return p.next().text, nil
}

// expression is Jinja's parse_expression.
func (p *parser) expression() (expr, error) {
	if p.depth++; p.depth > maxNesting {
		return nil, failf(ErrLimit, "it is nested deeper than %d levels", maxNesting)
	}
	defer func() { p.depth-- }()
	e, err := p.or()
	for err == nil && p.skipName("if") {
		c := &condExpr{then: e}
		if c.test, err = p.or(); err != nil {
			return nil, err
		}
		if p.skipName("else") {
			if c.otherwise, err = p.expression(); err != nil {
				return nil, err
			}
		}
		e = c
	}
	return e, err
}

func (p *parser) or() (expr, error) {
	left, err := p.and()
	for err == nil && p.skipName("or") {
		var right expr
		right, err = p.and()
		left = &logicExpr{left, right, true}
	}
	return left, err
}

func (p *parser) and() (expr, error) {
	left, err := p.not()
	for err == nil && p.skipName("and") {
		var right expr
		right, err = p.not()
		left = &logicExpr{left, right, false}
	}
	return left, err
}

func (p *parser) not() (expr, error) {
	negations := 0
	for p.skipName("not") {
		negations++
	}
	e, err := p.compare()
	for range min(negations, 2+negations%2) {
		e = &notExpr{e} // more than three say no more than one or two
	}
	return e, err
}

func (p *parser) compare() (expr, error) {
	first, err := p.sum()
	if err != nil {
		return nil, err
	}
	c := &compareExpr{first: first}
	for {
		op := ""
		switch {
		case p.isOp("==", "!=", "<", "<=", ">", ">="), p.isName("in"):
			op = p.next().text
		case p.isName("not") && p.at(1) == token{tokName, "in"}:
			p.next()
			p.next()
			op = "not in"
		}
		if op == "" {
			break
		}
		right, err := p.sum()
		if err != nil {
			return nil, err
		}
		c.ops, c.rest = append(c.ops, op), append(c.rest, right)
	}
	if len(c.ops) == 0 {
		return first, nil
	}
	return c, nil
}

// binary parses a left-associative level of operators.
func (p *parser) binary(operand func() (expr, error), ops ...string) (expr, error) {
	left, err := operand()
	for err == nil && p.isOp(ops...) {
		m := &mathExpr{op: p.next().text, left: left}
		m.right, err = operand()
		left = m
	}
	return left, err
}

func (p *parser) sum() (expr, error) { return p.binary(p.concat, "+", "-") }

func (p *parser) concat() (expr, error) {
	first, err := p.product()
	if err != nil || !p.isOp("~") {
		return first, err
	}
	c := &concatExpr{parts: []expr{first}}
	for p.skipOp("~") {
		part, err := p.product()
		if err != nil {
			return nil, err
		}
		c.parts = append(c.parts, part)
	}
	return c, nil
}

func (p *parser) product() (expr, error) { return p.binary(p.power, "*", "/", "//", "%") }

func (p *parser) power() (expr, error) {
	return p.binary(func() (expr, error) { return p.unary(true) }, "**")
}

func (p *parser) unary(withFilter bool) (expr, error) {
	if p.depth++; p.depth > maxNesting {
		return nil, failf(ErrLimit, "it is nested deeper than %d levels", maxNesting)
	}
	defer func() { p.depth-- }()
	var e expr
	var err error
	switch {
	case p.isOp("-", "+"):
		negative := p.next().text == "-"
		if e, err = p.unary(false); err != nil {
			return nil, err
		}
		e = &signExpr{e, negative}
	default:
		if e, err = p.primary(); err != nil {
			return nil, err
		}
	}
	if e, err = p.postfix(e); err != nil || !withFilter {
		return e, err
	}
	return p.filters(e)
}

func (p *parser) postfix(e expr) (expr, error) {
	var err error
	for err == nil {
		switch {
		case p.skipOp("."):
			switch t := p.next(); t.kind {
			case tokName:
				e = &attrExpr{e, t.text}
			case tokInt:
				n, ok := new(big.Int).SetString(strings.ReplaceAll(t.text, "_", ""), 0)
				if !ok {
					return nil, errSyntax
				}
				e = &itemExpr{e, &constExpr{pyInt(n)}}
			default:
				return nil, errSyntax
			}
		case p.skipOp("["):
			e, err = p.subscript(e)
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

func (p *parser) subscript(of expr) (expr, error) {
	var items []expr
	for !p.isOp("]") {
		if len(items) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
		}
		item, err := p.subscribed()
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	p.next()
	if len(items) == 1 {
		return &itemExpr{of, items[0]}, nil
	}
	return &itemExpr{of, &tupleExpr{items}}, nil
}

func (p *parser) subscribed() (expr, error) {
	var start expr
	var err error
	if !p.isOp(":") {
		if start, err = p.expression(); err != nil || !p.isOp(":") {
			return start, err
		}
	}
	p.next()
	s := &sliceExpr{start: start}
	if s.stop, err = p.sliceBound(); err != nil || !p.skipOp(":") {
		return s, err
	}
	s.step, err = p.sliceBound()
	return s, err
}

func (p *parser) sliceBound() (expr, error) {
	if p.isOp(":", "]", ",") {
		return nil, nil
	}
	return p.expression()
}
