package template

import (
	"oreg/inventory/value"
)

func dictFilters() map[string]filter {
	return map[string]filter{
		"combine": filterCombine, "dict2items": filterDictToItems, "items2dict": filterItemsToDict, "items": filterItems,
		"dictsort": filterDictSort, "extract": filterExtract,
	}
}

// dictOf is an object that has to be a dictionary.
func dictOf(filter string, o object) (*value.Value, error) {
	v, err := strict(o)
	if err != nil {
		return nil, err
	}
	if v.Kind != value.Dict {
		return nil, failf(ErrEvaluate, "%s of %s", filter, v.TypeName())
	}
	return v, nil
}

// filterCombine merges dictionaries, the last one wins.
func filterCombine(f *frame, in object, args arguments) (object, error) {
	p := params(args.named)
	recursive, err := p.truth("recursive")
	if err != nil {
		return nil, err
	}
	if merge, err := p.text("list_merge", "replace"); err != nil || merge != "replace" {
		return nil, failf(ErrUnsupported, "combine with another list_merge than replace is not supported")
	}
	for name := range args.named {
		if name != "recursive" && name != "list_merge" {
			return nil, failf(ErrEvaluate, "combine has no parameter %s", name)
		}
	}
	var terms []*value.Value
	for _, o := range append([]object{in}, args.positional...) {
		v, err := plain(o)
		if err != nil {
			return nil, err
		}
		terms = append(terms, v)
	}
	dicts := flatten(nil, terms, 1, true)
	merged := pyDict(nil)
	for i, d := range dicts {
		switch {
		case d.Kind != value.Dict && len(dicts) == 1:
			return d, nil
		case d.Kind != value.Dict:
			return nil, failf(ErrEvaluate, "combine of %s", d.TypeName())
		case i == 0:
			merged = d
			continue
		}
		if merged, err = f.merge(merged, d, recursive); err != nil {
			return nil, err
		}
	}
	return merged, nil
}

func (f *frame) merge(low, high *value.Value, recursive bool) (*value.Value, error) {
	if err := f.run.grow(0, len(low.Entries)+len(high.Entries)); err != nil {
		return nil, err
	}
	var dict value.DictBuilder
	for _, e := range low.Entries {
		dict.Add(e.Key, e.Value)
	}
	for _, e := range high.Entries {
		v := e.Value
		if below, ok := get(low, e.Key); ok && recursive && below.Kind == value.Dict && v.Kind == value.Dict {
			var err error
			if v, err = f.merge(below, v, true); err != nil {
				return nil, err
			}
		}
		dict.Add(e.Key, v)
	}
	return pyDict(dict.Entries()), nil
}

// itemNames are the keys of the dictionaries of dict2items and items2dict.
func itemNames(filter string, args arguments) (key, val *value.Value, err error) {
	p, err := args.bind(filter, "key_name=", "value_name=")
	if err != nil {
		return nil, nil, err
	}
	if key, err = p.value("key_name"); err != nil {
		return nil, nil, err
	}
	if val, err = p.value("value_name"); err != nil {
		return nil, nil, err
	}
	if key == nil {
		key = pyStr("key")
	}
	if val == nil {
		val = pyStr("value")
	}
	return key, val, nil
}

func filterDictToItems(f *frame, in object, args arguments) (object, error) {
	key, val, err := itemNames("dict2items", args)
	if err != nil {
		return nil, err
	}
	d, err := dictOf("dict2items", in)
	if err != nil {
		return nil, err
	}
	items := make([]*value.Value, len(d.Entries))
	for i, e := range d.Entries {
		items[i] = pyDict([]value.Entry{{Key: key, Value: e.Key}, {Key: val, Value: e.Value}})
	}
	return pyList(items), f.run.grow(0, 2*len(items))
}

func filterItemsToDict(f *frame, in object, args arguments) (object, error) {
	key, val, err := itemNames("items2dict", args)
	if err != nil {
		return nil, err
	}
	list, err := plain(in)
	if err != nil {
		return nil, err
	}
	if list.Kind != value.List && list.Kind != value.Tuple {
		return nil, failf(ErrEvaluate, "items2dict of %s", list.TypeName())
	}
	var dict value.DictBuilder
	for _, item := range list.Items {
		k, hasKey := get(item, key)
		v, hasValue := get(item, val)
		if !hasKey || !hasValue || !value.Hashable(k) {
			return nil, failf(ErrEvaluate, "items2dict of an item without the two keys")
		}
		dict.Add(k, v)
	}
	return pyDict(dict.Entries()), f.run.grow(0, len(list.Items))
}

// pairs are the items of a dictionary as tuples.
func pairs(d *value.Value) []*value.Value {
	tuples := make([]*value.Value, len(d.Entries))
	for i, e := range d.Entries {
		tuples[i] = pyTuple(e.Key, e.Value)
	}
	return tuples
}

func filterItems(f *frame, in object, args arguments) (object, error) {
	if _, err := args.bind("items"); err != nil {
		return nil, err
	}
	if _, missing := in.(*undefined); missing {
		return pyList(nil), nil
	}
	d, err := dictOf("items", in)
	if err != nil {
		return nil, err
	}
	return pyList(pairs(d)), f.run.grow(0, 2*len(d.Entries))
}

func filterDictSort(_ *frame, in object, args arguments) (object, error) {
	p, err := args.bind("dictsort", "case_sensitive=", "by=", "reverse=")
	if err != nil {
		return nil, err
	}
	d, err := dictOf("dictsort", in)
	if err != nil {
		return nil, err
	}
	by, err := p.text("by", "key")
	if err != nil {
		return nil, err
	}
	if by != "key" && by != "value" {
		return nil, failf(ErrEvaluate, "dictsort by something else than key or value")
	}
	caseSensitive, err := p.truth("case_sensitive")
	if err != nil {
		return nil, err
	}
	reverse, err := p.truth("reverse")
	if err != nil {
		return nil, err
	}
	keys := make([]*value.Value, len(d.Entries))
	for i, e := range d.Entries {
		keys[i] = e.Key
		if by == "value" {
			keys[i] = e.Value
		}
		if !caseSensitive {
			keys[i] = ignoreCase(keys[i])
		}
	}
	sorted, err := sortBy(pairs(d), keys, reverse)
	if err != nil {
		return nil, err
	}
	return pyList(sorted), nil
}

// filterExtract is container[item], and what is below it.
func filterExtract(f *frame, in object, args arguments) (object, error) {
	p, first, err := args.bindValue(in, "extract", "container", "morekeys=")
	if err != nil {
		return nil, err
	}
	path := []*value.Value{first}
	more, err := p.value("morekeys")
	switch {
	case err != nil:
		return nil, err
	case more == nil || more.Kind == value.Null:
	case more.Kind == value.List:
		path = append(path, more.Items...)
	default:
		path = append(path, more)
	}
	return f.attr(p["container"], path)
}
