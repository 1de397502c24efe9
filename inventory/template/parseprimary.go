package template

import (
	"math/big"
	"strconv"
	"strings"
)

func (p *parser) primary() (expr, error) {
	switch t := p.next(); {
	case t.kind == tokName:
		switch t.text {
		case "true", "True", "false", "False":
			return &constExpr{pyBool(t.text[0]|0x20 == 't')}, nil
		case "none", "None":
			return &constExpr{pyNone()}, nil
		}
		return &nameExpr{t.text}, nil
	case t.kind == tokString:
		var b strings.Builder
		for {
			text, ok := unescape(t.text[1 : len(t.text)-1])
			if !ok {
				return nil, errSyntax
			}
			b.WriteString(text)
			if p.peek().kind != tokString {
				return &constExpr{pyStr(b.String())}, nil
			}
			t = p.next()
		}
	case t.kind == tokInt:
		n, ok := new(big.Int).SetString(strings.ReplaceAll(t.text, "_", ""), 0)
		if !ok || len(t.text) > maxIntDigits {
			return nil, errSyntax
		}
		return &constExpr{pyInt(n)}, nil
	case t.kind == tokFloat:
		f, err := strconv.ParseFloat(strings.ReplaceAll(t.text, "_", ""), 64)
		if err != nil {
			return nil, failf(ErrUnsupported, "a number as large as that is not supported")
		}
		return &constExpr{pyFloat(f)}, nil
	case t.kind == tokOperator && t.text == "(":
		e, err := p.tuple(true)
		if err != nil {
			return nil, err
		}
		return e, p.expectOp(")")
	case t.kind == tokOperator && t.text == "[":
		items, err := p.list("]", p.expression)
		return &listExpr{items}, err
	case t.kind == tokOperator && t.text == "{":
		d := &dictExpr{}
		_, err := p.list("}", func() (expr, error) {
			key, err := p.expression()
			if err != nil {
				return nil, err
			}
			if err := p.expectOp(":"); err != nil {
				return nil, err
			}
			v, err := p.expression()
			d.keys, d.values = append(d.keys, key), append(d.values, v)
			return v, err
		})
		return d, err
	}
	return nil, errSyntax
}

// list parses items up to the closing bracket; a comma may follow the last.
func (p *parser) list(closing string, item func() (expr, error)) ([]expr, error) {
	var items []expr
	for !p.isOp(closing) {
		if len(items) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
			if p.isOp(closing) {
				break
			}
		}
		e, err := item()
		if err != nil {
			return nil, err
		}
		items = append(items, e)
	}
	return items, p.expectOp(closing)
}

// tuple is parse_tuple: one expression, or several with commas. An empty one
// needs parentheses.
func (p *parser) tuple(parenthesized bool) (expr, error) {
	var items []expr
	isTuple := false
	for {
		if end := p.peek().kind; end == tokVariableEnd || end == tokBlockEnd || p.isOp(")") {
			break
		}
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		items = append(items, e)
		if !p.skipOp(",") {
			break
		}
		isTuple = true
	}
	if !isTuple && len(items) == 1 {
		return items[0], nil
	}
	if len(items) == 0 && !parenthesized {
		return nil, errSyntax
	}
	return &tupleExpr{items}, nil
}
