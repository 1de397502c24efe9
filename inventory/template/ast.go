package template

// The nodes of a template. An expression evaluates to an object, a statement
// writes to the output.
type (
	expr interface{ eval(*frame) (object, error) }
	stmt interface{ exec(*frame) error }
)

type (
	constExpr struct{ value object }
	nameExpr  struct{ name string }
	listExpr  struct{ items []expr }
	tupleExpr struct{ items []expr }
	dictExpr  struct{ keys, values []expr }
	attrExpr  struct {
		of   expr
		name string
	}
	itemExpr struct{ of, index expr }
	// sliceExpr is "a:b:c" in brackets; what is left out is nil.
	sliceExpr struct{ start, stop, step expr }
	callExpr  struct {
		of   expr
		args callArgs
	}
	filterExpr struct {
		of   expr
		name string
		args callArgs
	}
	testExpr struct {
		of   expr
		name string
		args callArgs
	}
	condExpr  struct{ test, then, otherwise expr }
	notExpr   struct{ of expr }
	logicExpr struct {
		left, right expr
		isOr        bool
	}
	signExpr struct {
		of       expr
		negative bool
	}
	mathExpr struct {
		op          string
		left, right expr
	}
	concatExpr  struct{ parts []expr }
	compareExpr struct {
		first expr
		ops   []string
		rest  []expr
	}
)

// callArgs are the arguments of a call, filter or test.
type callArgs struct {
	positional []expr
	names      []string
	named      []expr
}

type (
	dataStmt   struct{ text string }
	outputStmt struct{ of expr }
	ifStmt     struct {
		tests  []expr
		bodies [][]stmt
		// otherwise is the body of else.
		otherwise []stmt
	}
	forStmt struct {
		targets         []string
		isTuple         bool
		in, filter      expr
		body, otherwise []stmt
	}
	setStmt struct {
		targets []string
		isTuple bool
		// attr is that of "set ns.attr = ..."; then targets has one name.
		attr  string
		value expr
		// body is what "set x" without "=" captures, if value is nil.
		body []stmt
	}
	withStmt struct {
		names  []string
		values []expr
		body   []stmt
	}
)
