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
	for tags in "" lab; do
		go vet -tags "$tags" ./... || fail=1
		"$tools/staticcheck" -tags "$tags" ./... || fail=1
		"$tools/errcheck" -tags "$tags" -exclude "$OLDPWD/hack/errcheck.txt" ./... || fail=1
		GOFLAGS="${GOFLAGS:-} -tags=$tags" "$tools/go-errorlint" ./... || fail=1
		GOFLAGS="${GOFLAGS:-} -tags=$tags" "$tools/testifylint" ./... || fail=1
	done
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
