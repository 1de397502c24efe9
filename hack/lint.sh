#!/usr/bin/env bash
# Lints each module named: hack/lint.sh TOOLS-FOLDER MODULE...
set -euo pipefail
tools=$1; shift
fail=0
for module in "$@"; do
	echo "lint $module"
	pushd "$module" >/dev/null
	# A module ends where another begins: "./..." and git both need that said.
	files=$(git ls-files -co --exclude-standard -- '*.go' | if [ "$module" = . ]; then grep -v '^hack/' || true; else cat; fi)
	unformatted=$(gofmt -l $files)
	if [ -n "$unformatted" ]; then
		echo "not formatted (run gofmt -w):"; echo "$unformatted"; fail=1
	fi
	# With the tag lab every file is in: none is for its absence alone.
	go vet -tags lab ./... || fail=1
	"$tools/staticcheck" -tags lab ./... || fail=1
	"$tools/errcheck" -tags lab -exclude "$OLDPWD/hack/errcheck.txt" ./... || fail=1
	GOFLAGS="${GOFLAGS:-} -tags=lab" "$tools/go-errorlint" ./... || fail=1
	# encoded-compare wants JSONEq, which forgives what our tests are about: the
	# order of keys, and bytes that must not change.
	GOFLAGS="${GOFLAGS:-} -tags=lab" "$tools/testifylint" -disable encoded-compare ./... || fail=1
	# The list of vulnerabilities is on the network; without it there is no
	# verdict, which is said and is not a failure of this tree.
	if out=$("$tools/govulncheck" ./... 2>&1); then
		echo "govulncheck: clean"
	elif grep -q 'fetching vulnerabilities' <<<"$out"; then
		echo "govulncheck: NOT RUN, its database cannot be reached from here"
	else
		echo "$out"; fail=1
	fi
	popd >/dev/null
done
exit $fail
