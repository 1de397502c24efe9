#!/usr/bin/env bash
# Runs every fuzz target of the tree for the time given: hack/fuzz.sh 1m
set -euo pipefail
cd "$(dirname "$0")/.."
grep -rhoE --include='*_test.go' --exclude-dir=hack '^func (Fuzz[A-Za-z0-9_]+)\(' . >/dev/null || { echo "no fuzz targets found"; exit 1; }
grep -rlE --include='*_test.go' --exclude-dir=hack '^func Fuzz' . | while read -r file; do
	package=$(dirname "$file")
	grep -oE '^func Fuzz[A-Za-z0-9_]+' "$file" | awk '{print $2}' | while read -r target; do
		echo "== $package $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$1" "$package"
	done
done
