package template

import "oreg/inventory/value"

// iterateIfTrue is what map, select and their like do with what is false:
// nothing, whatever its type.
func (f *frame) iterateIfTrue(in object) ([]*value.Value, error) {
	yes, err := isTrue(in)
	if err != nil || !yes {
		return nil, err
	}
	return f.iterate(in)
}

func filterMap(f *frame, in object, args arguments) (object, error) {
	items, err := f.iterateIfTrue(in)
	if err != nil {
		return nil, err
	}
	apply, err := f.mapper(args)
	if err != nil {
		return nil, err
	}
	mapped := make([]*value.Value, len(items))
	for i, item := range items {
		o, err := apply(item)
		if err != nil {
			return nil, err
		}
		if mapped[i], err = plain(o); err != nil {
			return nil, err
		}
	}
	return pyList(mapped), nil
}

// mapper is what map does to an item (prepare_map).
func (f *frame) mapper(args arguments) (func(object) (object, error), error) {
	if len(args.positional) > 0 {
		name, err := params{"filter": args.positional[0]}.text("filter", "")
		if err != nil {
			return nil, err
		}
		if err := f.run.engine.hasFilter(name); err != nil {
			return nil, failf(ErrUnsupported, "the filter that map names is not known or not supported")
		}
		rest := arguments{args.positional[1:], args.named, args.order}
		return func(item object) (object, error) { return f.filter(name, item, rest) }, nil
	}
	p, err := args.bind("map", "attribute", "default=")
	if err != nil {
		return nil, err
	}
	parts, err := p.path("attribute")
	if err != nil {
		return nil, err
	}
	return func(item object) (object, error) {
		for _, part := range parts {
			var err error
			if item, err = f.attr(item, []*value.Value{part}); err != nil {
				return nil, err
			}
			if _, missing := item.(*undefined); missing && p["default"] != nil {
				item = p["default"]
			}
		}
		return item, nil
	}, nil
}

// choose is select, reject, selectattr and rejectattr.
func choose(wanted, byAttribute bool) filter {
	return func(f *frame, in object, args arguments) (object, error) {
		items, err := f.iterateIfTrue(in)
		if err != nil || len(items) == 0 {
			return pyList(nil), err
		}
		var parts []*value.Value
		if byAttribute {
			if len(args.positional) == 0 {
				return nil, failf(ErrEvaluate, "the filter needs an attribute")
			}
			attribute, err := plain(args.positional[0])
			if err != nil {
				return nil, err
			}
			if parts, err = attributeParts(attribute); err != nil {
				return nil, err
			}
			args.positional = args.positional[1:]
		}
		check := isTrue
		if len(args.positional) > 0 {
			name, err := params{"test": args.positional[0]}.text("test", "")
			if err != nil {
				return nil, err
			}
			if err := f.run.engine.hasTest(name); err != nil {
				return nil, failf(ErrUnsupported, "the test that select or reject names is not supported")
			}
			rest := arguments{args.positional[1:], args.named, args.order}
			check = func(o object) (bool, error) { return f.test(name, o, rest) }
		}
		var kept []*value.Value
		for _, item := range items {
			o, err := f.attr(item, parts)
			if err != nil {
				return nil, err
			}
			yes, err := check(o)
			if err != nil {
				return nil, err
			}
			if yes == wanted {
				kept = append(kept, item)
			}
		}
		return pyList(kept), nil
	}
}
