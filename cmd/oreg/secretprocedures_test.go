package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestReadmeProceduresAreRun: each line of the README's table of procedures has
// its part in the story procedures, which begins with "# README: " and the
// documented words, and runs oreg's command.
func TestReadmeProceduresAreRun(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	story, err := os.ReadFile("testdata/lab/procedures.txtar")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(readme), "| documented by hand | command |\n|---|---|\n")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n\n")
	parts := strings.Split(string(story), "\n# README: ")[1:]
	verb := regexp.MustCompile("`(oreg [a-z-]+ [a-z]+)")
	rows := strings.Split(strings.TrimSpace(table), "\n")
	assert.Len(t, rows, len(parts), "lines of the table and parts of the story")
	for _, row := range rows {
		cells := regexp.MustCompile(`[^\\]\|`).Split(strings.Trim(row, "|"), 2)
		require.Len(t, cells, 2, row)
		documented, command := strings.TrimSpace(cells[0]), strings.TrimSpace(cells[1])
		run := ""
		for _, part := range parts {
			if title, body, _ := strings.Cut(part, "\n"); strings.HasPrefix(documented, title) {
				run = body
			}
		}
		if !assert.NotEmpty(t, run, "the story has no part for: %s", documented) {
			continue
		}
		for _, m := range verb.FindAllStringSubmatch(command, -1) {
			assert.Contains(t, run, m[1], "the story's part for: %s", documented)
		}
	}
}
