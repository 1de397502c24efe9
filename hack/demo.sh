#!/usr/bin/env bash
# The main job, end to end, on real parts of this machine: hack/demo.sh BIN-FOLDER
# Any user may run it. Everything is taken down again, also after Ctrl-C.
set -euo pipefail
bin=$1
oreg=$bin/oreg
lab=$bin/lab
dir=$(mktemp -d "${TMPDIR:-/tmp}/oreg-demo.XXXXXX")
labdir=$dir/lab
labpid=
# The demo's runs are not for the user's own journal.
export XDG_STATE_HOME=$dir/state

down() {
	status=$?
	trap - EXIT INT TERM HUP
	if [ -n "$labpid" ]; then
		"$lab" down --dir "$labdir" >/dev/null 2>&1 || true
		wait "$labpid" 2>/dev/null || true
	fi
	rm -rf "$dir"
	exit "$status"
}
trap down EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Bold on a terminal; a pipe or a file gets the words alone.
bold= plain=
if [ -t 1 ]; then bold=$'\033[1m' plain=$'\033[0m'; fi
say() { printf '\n%s# %s%s\n' "$bold" "$*" "$plain"; }
# run CODE COMMAND...: shows the command, runs it, demands its exit code.
run() {
	want=$1; shift
	printf '$ %s\n' "${*//$bin\//}" | sed "s|$labdir|LAB|g; s|$dir|DIR|g"
	got=0
	"$@" 2>&1 | sed "s|$labdir|LAB|g; s|$dir|DIR|g" || got=$?
	printf '(exit %d)\n' "$got"
	if [ "$got" -ne "$want" ]; then
		echo "the demo expected exit $want"; exit 1
	fi
}

say "a cluster's worth of real parts: registries, kube-apiserver, 6 nodes"
mkfifo "$dir/ready"
"$lab" up --dir "$labdir" --nodes 6 --json >"$dir/ready" 2>"$dir/lab.log" &
labpid=$!
# One line when all is ready, or the end of the file when the lab has died.
if ! read -r _ <"$dir/ready"; then
	cat "$dir/lab.log"; echo "the lab did not start"; exit 1
fi
common=(--certs-dir "$labdir/certs.d" --allow-realm localhost)
files() { find "$labdir"/nodes/*/root -name config.json | wc -l; }

say "a wrong password: refused, and nothing is touched"
run 3 "$oreg" install -i "$labdir/hosts.wrong" "${common[@]}"
echo "config.json files on the nodes: $(files)"
[ "$(files)" -eq 0 ]

say "the right one: every credential proved, then 6 nodes and the secret"
run 0 "$oreg" install -i "$labdir/hosts" "${common[@]}"
echo "config.json files on the nodes: $(files)"
[ "$(files)" -eq 12 ]

say "again: nothing to do"
run 0 "$oreg" install -i "$labdir/hosts" "${common[@]}"

say "somebody spoils a node's file; verify finds it"
victim=$(find "$labdir/nodes/n3/root" -path '*origin*' -name config.json)
printf '{"auths":{}}' >"$victim"
run 2 "$oreg" verify -i "$labdir/hosts" "${common[@]}"

say "and install mends it"
run 0 "$oreg" install -i "$labdir/hosts" "${common[@]}"
run 0 "$oreg" verify -i "$labdir/hosts" "${common[@]}"

say "a rotation: the new credential is proved, a canary first, then the rest"
printf 'the new password #2' | "$lab" ctl --dir "$labdir" registry passwd basic 'new|svc' --access pull
(umask 077; printf 'oreg_auth_user: "new|svc"\noreg_auth_password: "the new password #2"\n' >"$dir/new.yml")
holding() { grep -l -r "$(printf 'new|svc:the new password #2' | base64 -w0)" "$labdir"/nodes/*/root --include config.json | wc -l; }
run 0 "$oreg" rotate -i "$labdir/hosts" "${common[@]}" -e "@$dir/new.yml" --restart never
echo "files that hold the new credential: $(holding)"
[ "$(holding)" -eq 12 ]

say "and back again, byte for byte"
run 0 "$oreg" rollback -i "$labdir/hosts" "${common[@]}"
echo "files that hold the new credential: $(holding)"
[ "$(holding)" -eq 0 ]
run 0 "$oreg" verify -i "$labdir/hosts" "${common[@]}"

say "done; everything is taken down again"
