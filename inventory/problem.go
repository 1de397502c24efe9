package inventory

import "oreg/inventory/problem"

// Position is a place in an inventory, group_vars or host_vars file.
type Position = problem.Position

// Problem is one mistake in the inventory, or one warning about it. Its text
// never holds a value.
type Problem = problem.Problem

// Problems are several mistakes reported together, in file order.
type Problems = problem.Problems
