package template

import (
	"slices"
	"sort"
	"strings"

	"oreg/inventory/value"
)

func listFilters() map[string]filter {
	return map[string]filter{
		"first": filterFirst, "last": filterLast, "join": filterJoin, "sort": filterSort, "reverse": filterReverse, "unique": filterUnique,
		"min": extreme(func(c int) bool { return c < 0 }), "max": extreme(func(c int) bool { return c > 0 }), "sum": filterSum,
		"map": filterMap, "select": choose(true, false), "reject": choose(false, false), "selectattr": choose(true, true), "rejectattr": choose(false, true),
		"flatten": filterFlatten, "zip": filterZip,
		"union": ofTwoLists(func(_, _ bool) bool { return true }), "intersect": ofTwoLists(func(a, b bool) bool { return a && b }),
		"difference":           ofTwoLists(func(a, b bool) bool { return a && !b }),
		"symmetric_difference": ofTwoLists(func(a, b bool) bool { return a != b }),
	}
}

func filterFirst(f *frame, in object, args arguments) (object, error) {
	_, items, err := args.bindItems(f, in, "first")
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return &undefined{what: "the first item of nothing"}, nil
	}
	return items[0], nil
}

func filterLast(f *frame, in object, args arguments) (object, error) {
	_, items, err := args.bindItems(f, in, "last")
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return &undefined{what: "the last item of nothing"}, nil
	}
	return items[len(items)-1], nil
}

// attributeParts splits "a.b.0" (_prepare_attribute_parts).
func attributeParts(v *value.Value) ([]*value.Value, error) {
	if v == nil || v.Kind == value.Null {
		return nil, nil
	}
	if !v.IsText() {
		return []*value.Value{v}, nil
	}
	var parts []*value.Value
	for part := range strings.SplitSeq(v.Text, ".") {
		key := pyStr(part)
		if part != "" && strings.Trim(part, "0123456789") == "" {
			n, ok := value.ParseInt(part)
			if !ok {
				return nil, failf(ErrEvaluate, "an index that is no number")
			}
			key = pyInt(n)
		}
		parts = append(parts, key)
	}
	return parts, nil
}

// path is a parameter that names an attribute.
func (p params) path(name string) ([]*value.Value, error) {
	v, err := p.value(name)
	if err != nil {
		return nil, err
	}
	return attributeParts(v)
}

// attr follows parts from an item, as Jinja's attribute getters do.
func (f *frame) attr(item object, parts []*value.Value) (object, error) {
	for _, part := range parts {
		o, err := (&itemExpr{nil, &constExpr{part}}).item(f, item)
		if item, err = anonymous(item, o, err); err != nil {
			return nil, err
		}
	}
	return item, nil
}

func filterJoin(f *frame, in object, args arguments) (object, error) {
	p, err := args.bind("join", "d=", "attribute=")
	if err != nil {
		return nil, err
	}
	glue := ""
	if p["d"] != nil {
		if glue, err = textOf(p["d"]); err != nil {
			return nil, err
		}
	}
	items, err := f.iterate(in)
	if err != nil {
		return nil, err
	}
	parts, err := p.path("attribute")
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(items))
	for i, item := range items {
		o, err := f.attr(item, parts)
		if err != nil {
			return nil, err
		}
		if texts[i], err = textOf(o); err != nil {
			return nil, err
		}
		if err := f.run.grow(len(texts[i])+len(glue), 0); err != nil {
			return nil, err
		}
	}
	return pyStr(strings.Join(texts, glue)), nil
}

// ignoreCase is Jinja's: text in lower case.
func ignoreCase(v *value.Value) *value.Value {
	if v.IsText() {
		return pyStr(strings.ToLower(v.Text))
	}
	return v
}

// keys are what items are sorted by: attributes, and text whatever its case.
func (f *frame) keys(items []*value.Value, p params) ([]*value.Value, error) {
	caseSensitive, err := p.truth("case_sensitive")
	if err != nil {
		return nil, err
	}
	attribute, err := p.value("attribute")
	if err != nil {
		return nil, err
	}
	var paths [][]*value.Value
	if attribute != nil && attribute.IsText() {
		for name := range strings.SplitSeq(attribute.Text, ",") {
			parts, err := attributeParts(pyStr(name))
			if err != nil {
				return nil, err
			}
			paths = append(paths, parts)
		}
	} else {
		parts, err := attributeParts(attribute)
		if err != nil {
			return nil, err
		}
		paths = [][]*value.Value{parts}
	}
	keys := make([]*value.Value, len(items))
	for i, item := range items {
		key := make([]*value.Value, len(paths))
		for j, parts := range paths {
			o, err := f.attr(item, parts)
			if err != nil {
				return nil, err
			}
			if key[j], err = plain(o); err != nil {
				return nil, err
			}
			if !caseSensitive {
				key[j] = ignoreCase(key[j])
			}
		}
		keys[i] = pyList(key)
	}
	return keys, nil
}

func filterSort(f *frame, in object, args arguments) (object, error) {
	p, items, err := args.bindItems(f, in, "sort", "reverse=", "case_sensitive=", "attribute=")
	if err != nil {
		return nil, err
	}
	keys, err := f.keys(items, p)
	if err != nil {
		return nil, err
	}
	reverse, err := p.truth("reverse")
	if err != nil {
		return nil, err
	}
	sorted, err := sortBy(items, keys, reverse)
	if err != nil {
		return nil, err
	}
	return pyList(sorted), nil
}

// sortBy is Python's sorted: stable, also where it is reversed.
func sortBy(items, keys []*value.Value, reverse bool) ([]*value.Value, error) {
	places := make([]int, len(items))
	for i := range places {
		places[i] = i
	}
	comparable := true
	sort.SliceStable(places, func(i, j int) bool {
		c, ok := order(keys[places[i]], keys[places[j]])
		comparable = comparable && ok
		if reverse {
			c = -c
		}
		return c < 0
	})
	if !comparable {
		return nil, failf(ErrEvaluate, "items that cannot be ordered")
	}
	sorted := make([]*value.Value, len(items))
	for i, place := range places {
		sorted[i] = items[place]
	}
	return sorted, nil
}

func filterReverse(f *frame, in object, args arguments) (object, error) {
	_, items, err := args.bindItems(f, in, "reverse")
	if err != nil {
		return nil, err
	}
	reversed := slices.Clone(items)
	slices.Reverse(reversed)
	_, isText := in.(nativeText)
	if v, ok := in.(*value.Value); !isText && !(ok && v.IsText()) {
		return pyList(reversed), nil
	}
	var b strings.Builder
	for _, item := range reversed {
		b.WriteString(item.Text)
	}
	return pyStr(b.String()), nil
}

// extreme is min and max.
func extreme(better func(c int) bool) filter {
	return func(f *frame, in object, args arguments) (object, error) {
		p, items, err := args.bindItems(f, in, "the filter", "case_sensitive=", "attribute=")
		if err != nil {
			return nil, err
		}
		if len(items) == 0 {
			return &undefined{what: "the extreme of nothing"}, nil
		}
		keys, err := f.keys(items, p)
		if err != nil {
			return nil, err
		}
		best := 0
		for i := range items {
			c, ok := order(keys[i].Items[0], keys[best].Items[0])
			if !ok && i > 0 {
				return nil, failf(ErrEvaluate, "items that cannot be ordered")
			}
			if better(c) {
				best = i
			}
		}
		return items[best], nil
	}
}

func filterSum(f *frame, in object, args arguments) (object, error) {
	p, items, err := args.bindItems(f, in, "sum", "attribute=", "start=")
	if err != nil {
		return nil, err
	}
	parts, err := p.path("attribute")
	if err != nil {
		return nil, err
	}
	var total object = pySmall(0)
	if p["start"] != nil {
		total = p["start"]
	}
	for _, item := range items {
		o, err := f.attr(item, parts)
		if err != nil {
			return nil, err
		}
		if v, ok := total.(*value.Value); ok && v.IsText() {
			return nil, failf(ErrEvaluate, "sum of text")
		}
		if total, err = (&mathExpr{"+", &constExpr{total}, &constExpr{o}}).eval(f); err != nil {
			return nil, err
		}
	}
	return total, nil
}

func filterFlatten(f *frame, in object, args arguments) (object, error) {
	p, err := args.bind("flatten", "levels=", "skip_nulls=")
	if err != nil {
		return nil, err
	}
	levels := -1
	if v, ok := p["levels"].(*value.Value); ok && v.Kind != value.Null {
		if levels, err = p.number("levels", -1); err != nil {
			return nil, err
		}
		levels = max(levels, 0)
	}
	skip := true
	if p["skip_nulls"] != nil {
		if skip, err = p.truth("skip_nulls"); err != nil {
			return nil, err
		}
	}
	items, err := f.iterate(in)
	if err != nil {
		return nil, err
	}
	return pyList(flatten(nil, items, levels, skip)), f.run.grow(0, len(items))
}

// flatten puts the items of lists in their place, down to a level; -1 is all.
func flatten(flat, items []*value.Value, levels int, skipNulls bool) []*value.Value {
	for _, item := range items {
		switch {
		case skipNulls && (item.Kind == value.Null || item.IsText() && (item.Text == "None" || item.Text == "null")):
		case levels != 0 && (item.Kind == value.List || item.Kind == value.Tuple):
			flat = flatten(flat, item.Items, max(levels-1, -1), skipNulls)
		default:
			flat = append(flat, item)
		}
	}
	return flat
}

func filterZip(f *frame, in object, args arguments) (object, error) {
	if len(args.named) > 0 {
		return nil, failf(ErrUnsupported, "zip with options is not supported")
	}
	columns := make([][]*value.Value, 0, len(args.positional)+1)
	shortest := maxItems
	for _, o := range append([]object{in}, args.positional...) {
		items, err := f.iterate(o)
		if err != nil {
			return nil, err
		}
		columns = append(columns, items)
		shortest = min(shortest, len(items))
	}
	rows := make([]*value.Value, shortest)
	for i := range rows {
		row := make([]*value.Value, len(columns))
		for j, column := range columns {
			row[j] = column[i]
		}
		rows[i] = pyTuple(row...)
	}
	return pyList(rows), f.run.grow(0, shortest*len(columns))
}
