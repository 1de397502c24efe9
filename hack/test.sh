#!/usr/bin/env bash
# Every test of the tree: hack/test.sh BIN-FOLDER. The linters have run.
set -euo pipefail
bin=$1
cd "$(dirname "$0")/.."
export OREG_LAB=$bin/lab
# Counted and not timed: a timed run that ends on a busy machine may report
# its own deadline as a failure.
fuzztime=${FUZZTIME:-500x}

echo "== unit tests and tests on real parts"
go test -race -tags lab -timeout 75m ./...
echo "== the lab's own tests"
go -C hack/lab test -race -tags lab -timeout 20m ./...
echo "== fuzz targets, $fuzztime each"
hack/fuzz.sh "$fuzztime"
echo "== the demo"
hack/demo.sh "$bin"
