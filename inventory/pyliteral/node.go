package pyliteral

// nodeKind is as much of Python's syntax tree as literal_eval looks at.
// Everything else that is valid Python is nodeOther.
type nodeKind uint8

const (
	nodeOther nodeKind = iota
	nodeConst
	nodeTuple
	nodeList
	nodeSet
	nodeDict
	nodeEmptySet // the call "set()"
	nodeSign     // unary plus and minus
	nodeSum      // binary plus and minus
)

type node struct {
	kind nodeKind
	// tok is the token of a constant name or number; text and bytes are for
	// strings, already joined and decoded.
	tok     token
	text    string
	isBytes bool
	isText  bool
	// op is "+" or "-".
	op string
	// kids are elements, operands, or keys and values in turn (a nil key is
	// "**").
	kids       []*node
	start, end int
}
