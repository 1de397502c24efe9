#!/usr/bin/env bash
# Every test of the tree: hack/test.sh BIN-FOLDER. The linters have run.
set -euo pipefail
bin=$1
cd "$(dirname "$0")/.."
export OREG_BIN=$bin/oreg OREG_LAB=$bin/lab
fuzztime=${FUZZTIME:-3s}

echo "== unit tests and tests on real parts"
go test -race -tags lab -timeout 40m ./...
echo "== the lab's own tests"
go -C hack/lab test -tags lab -timeout 20m ./...
echo "== fuzz targets, $fuzztime each"
hack/fuzz.sh "$fuzztime"
echo "== the demo"
hack/demo.sh "$bin"
