#!/usr/bin/env bash
# Builds the lab into the folder given. kube-apiserver takes minutes the first
# time, so that build shows that it moves.
set -euo pipefail
bin=$1
mkdir -p "$bin"
cd "$(dirname "$0")/lab"
if ! [ -x "$bin/lab" ]; then
	echo "building the lab (the first time about 5 minutes: a whole kube-apiserver)"
fi
go build -o "$bin/lab" .
exec "$bin/lab" build
