package graph

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oreg/inventory/problem"
	"oreg/inventory/value"
)

func groupNames(groups []*Group) []string {
	var list []string
	for _, g := range groups {
		list = append(list, g.Name)
	}
	return list
}

func build(t *testing.T, groups []string, edges [][2]string) *Inventory {
	t.Helper()
	inv := New()
	for _, g := range groups {
		require.NoError(t, inv.AddGroup(g))
	}
	for _, e := range edges {
		require.NoError(t, inv.AddChild(e[0], e[1]))
	}
	return inv
}

func TestDepthIsTheLongestPath(t *testing.T) {
	inv := build(t, []string{"a", "b", "c", "d"}, [][2]string{{"c", "d"}, {"a", "d"}, {"a", "b"}, {"b", "c"}})
	require.NoError(t, inv.AddHost("h", "d", nil, ""))
	require.NoError(t, inv.Reconcile())
	for name, depth := range map[string]int{"all": 0, "ungrouped": 1, "a": 1, "b": 2, "c": 3, "d": 4} {
		assert.Equal(t, depth, inv.Group(name).Depth, name)
	}
	assert.Equal(t, []string{"a", "b", "c", "d"}, groupNames(inv.Host("h").SortedGroups()))
}

func TestCyclesAreRefused(t *testing.T) {
	inv := build(t, []string{"a", "b", "c"}, [][2]string{{"a", "b"}, {"b", "c"}, {"a", "b"}})
	require.ErrorIs(t, inv.AddChild("c", "a"), ErrCycle)
	require.ErrorIs(t, inv.AddChild("a", "a"), ErrCycle)
	require.ErrorContains(t, inv.AddChild("x", "a"), "unknown group x")
	require.ErrorContains(t, inv.AddChild("a", "x"), "unknown group or host x")

	inv = build(t, []string{"a"}, [][2]string{{"a", "all"}})
	require.ErrorIs(t, inv.Reconcile(), ErrCycle)
}

func TestUngrouped(t *testing.T) {
	inv := build(t, []string{"g", "p"}, [][2]string{{"p", "ungrouped"}})
	require.NoError(t, inv.AddHost("h1", Ungrouped, nil, ""))
	require.NoError(t, inv.AddHost("h2", All, nil, ""))
	require.NoError(t, inv.AddHost("h3", "g", nil, ""))
	require.NoError(t, inv.Reconcile())
	// h1 was in p through ungrouped, so it leaves both and is nowhere.
	assert.Empty(t, inv.Host("h1").SortedGroups())
	members := inv.Members(inv.Group(All))
	require.Len(t, members, 2)
	assert.Equal(t, []string{"p", "ungrouped"}, groupNames(inv.Host("h2").SortedGroups()))
}

func TestNamesAndPorts(t *testing.T) {
	inv := New()
	require.ErrorIs(t, inv.AddGroup(""), ErrEmptyName)
	require.ErrorIs(t, inv.AddHost("", All, nil, ""), ErrEmptyName)
	require.ErrorContains(t, inv.AddHost("h", "g", nil, ""), "unknown group g")
	require.ErrorContains(t, inv.SetVariable("h", "x", nil), "no group or host named h")
	port := func(s string) *value.Value { return &value.Value{Kind: value.Int, Text: s} }
	require.NoError(t, inv.AddHost("h", All, port("22"), "first"))
	require.NoError(t, inv.AddHost("h", All, port("33"), "second"))
	assert.Equal(t, "22", inv.Host("h").Vars["ansible_port"].Text)
	assert.Equal(t, "first", inv.Host("h").Source)
	require.NoError(t, inv.AddHost("i", All, port("0"), ""))
	assert.Empty(t, inv.Host("i").Vars)

	require.NoError(t, inv.SetVariable("all", "ansible_group_priority", value.NewFloat(2.9, "", problem.Position{})))
	assert.Equal(t, int64(2), inv.Group(All).Priority.Int64())
	require.ErrorContains(t, inv.SetVariable("all", "ansible_group_priority", value.NewString("x", problem.Position{})), "expected an integer")
	require.NoError(t, inv.AddHost("all", All, nil, ""))
	require.NoError(t, inv.SetVariable("all", "x", value.NewString("group's", problem.Position{})))
	assert.Empty(t, inv.Host("all").Vars)
}
