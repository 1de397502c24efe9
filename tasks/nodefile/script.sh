# The part of oreg that runs on a node. POSIX sh; the controller leaves out
# comment lines and indentation, so none may stand inside a quoted string.
# Everything is in one function: a stream that breaks off inside it is a syntax
# error and runs nothing. The line that calls it is added by the controller.
#
# Standard output carries lines that begin with the nonce $N, and files raw
# between "data"/"bak" and "end". Standard input carries the controller's
# lines and raw content, and only after "ready": dash reads its script in
# blocks, and what came early would be run as commands.
#
# What is to be said is gathered and sent at once, as each write is a packet to
# and a wake-up of a controller that listens to hundreds of nodes.
#
# Rules of the house: no content in any argument, variable or environment; no
# here-documents (bash writes them to /tmp); external commands are few, because
# each costs a process on each of thousands of nodes; paths are absolute, so no
# argument can be taken for an option.
oreg_node() {
	N=$1 op=$2 wait=$3 run=$4 bak=$5 marker=$6
	PATH=$PATH:$7
	shift 7
	LC_ALL=C
	export LC_ALL
	umask 077
	nl='
'
	puts= rms= locks= out=

	say() { out="$out$N $*$nl"; }
	flush() {
		[ -z "$out" ] || printf %s "$out"
		out=
	}

	# fail FILE STEP TEXT: TEXT is what a command said, made one line.
	fail() {
		eval "x$1=1"
		who="$1 $2"
		set -f
		set -- $3
		set +f
		say err "$who" "$*"
	}

	# On every way out no temporary stays, a lock file is given back, and what
	# is still to be said is said: last, as nobody may be listening any more.
	clean() {
		set --
		for i in $puts; do
			eval "t=\$t$i"
			[ ! -e "$t" ] || set -- "$@" "$t"
		done
		for i in $locks; do
			eval "set -- \"\$@\" \"\$d$i/.oreg-lock\""
		done
		[ $# -eq 0 ] || rm -f "$@"
		flush
	}
	trap clean EXIT
	trap 'exit 1' HUP INT PIPE TERM

	# The lock is the kernel's, on the folder: nothing is left behind, and it
	# is free the instant its holder is gone. Where there is no flock(1), a
	# file naming process and start time stands in.
	# 1 is "held by another", anything else that the file system cannot lock.
	take() {
		if [ -n "$flock" ]; then
			flock -n $(($1 + 2)) 2>/dev/null
			case $? in
			0) return 0 ;;
			1) return 1 ;;
			esac
		fi
		l=$2/.oreg-lock
		if [ -z "$me" ]; then
			since=0
			started $$
			me="$$ $since"
		fi
		# A lock that cannot be made although none is there may just have been
		# given back; where that goes on, none can be made, and writing will fail
		# with a better reason.
		tries=0
		until (set -C; echo "$me" >"$l") 2>/dev/null; do
			[ ! -e "$l" ] || tries=9
			tries=$((tries + 1))
			[ $tries -lt 5 ] || break
		done
		if [ $tries -lt 5 ]; then
			locks="$locks $1"
			return 0
		fi
		[ $tries -gt 5 ] || return 0
		him=
		read -r him <"$l" 2>/dev/null
		[ -n "$him" ] && ! alive $him || return 1
		# Only one may clear away, or two would, and the second the lock of
		# somebody who is alive.
		who=
		if (set -C; echo "$me" >"$l.dead") 2>/dev/null; then
			read -r who <"$l" 2>/dev/null
			[ "$who" != "$him" ] || rm -f "$l"
			rm -f "$l.dead"
		else
			read -r who <"$l.dead" 2>/dev/null
			[ -z "$who" ] || alive $who || rm -f "$l.dead"
		fi
		return 1
	}
	started() {
		read -r _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ since _ <"/proc/$1/stat"
	} 2>/dev/null
	alive() {
		kill -0 "$1" 2>/dev/null || return 1
		since=$2
		started "$1"
		[ "$since" = "$2" ]
	}
	# lock FILE DIR waits up to $wait tenths of a second.
	lock() {
		[ -z "$flock" ] || eval "exec $(($1 + 2))<\"\$2\""
		n=0
		until take "$1" "$2"; do
			[ $n -lt $wait ] || return 1
			if sleep 0.1 2>/dev/null; then
				n=$((n + 1))
			else
				n=$((n + 10))
				sleep 1
			fi
		done
	}
	flock= me=
	! command -v flock >/dev/null || flock=1

	# look FILE PATH finds what stands there. Sets q (symlinks followed), d (its
	# folder) and kind.
	look() {
		q=$2 kind= miss=0 hops=0 writable=1 own=1 linked=0
		while [ -L "$q" ]; do
			hops=$((hops + 1))
			if [ $hops -gt 20 ] || ! to=$(readlink "$q"); then
				kind=loop
				break
			fi
			case $to in
			/*) q=$to ;;
			*) q=${q%/*}/$to ;;
			esac
		done
		d=${q%/*}
		d=${d:-/}
		[ ! -L "$d" ] || linked=1
		j=1
		while [ -z "$kind" ] && [ $j -lt $1 ]; do
			eval "dj=\$d$j qj=\$q$j"
			if [ "${q##*/}" = "${qj##*/}" ]; then
				if [ "$d" = "$dj" ] || [ "$d" -ef "$dj" ]; then kind=same$j; fi
			fi
			j=$((j + 1))
		done
		eval "q$1=\$q d$1=\$d"
		[ -z "$kind" ] || return
		if [ $op = write ] && [ -d "$d" ] && [ -r "$d" ]; then
			lock $1 "$d" || kind=locked
		fi
		[ -z "$kind" ] || return
		a=$d
		while [ ! -d "$a" ]; do
			if [ -e "$a" ] || [ -L "$a" ]; then
				kind=notdir
				return
			fi
			miss=$((miss + 1))
			a=${a%/*}
			a=${a:-/}
		done
		[ -w "$a" ] || writable=0
		if [ -d "$q" ]; then
			kind=dir
		elif [ -f "$q" ]; then
			kind=file
			[ -O "$q" ] || own=0
			[ -r "$q" ] || kind=denied
		elif [ -e "$q" ]; then
			kind=other
		else
			kind=absent
			[ -x "$a" ] || kind=denied
		fi
	}

	# show VERB FILE PATH sends a file; one byte more than the limit shows that
	# it is larger.
	show() {
		say $1 $2
		flush
		dd if="$3" bs=1048577 count=1 2>/dev/null
		out="$nl$N end $?$nl"
	}

	# makedir DIR: parents as usual, .docker for its owner alone. It runs in a
	# subshell, as everything does whose words are wanted; exec there saves the
	# node a process.
	makedir() {
		up=${1%/*}
		case $1 in
		*/.docker) m=0700 ;;
		*) m=0755 ;;
		esac
		umask 022
		[ -z "$up" ] || [ -d "$up" ] || mkdir -p "$up" || return
		exec mkdir -m $m "$1"
	}

	# receive FILE SIZE takes the content into the temporary. dd reads byte by
	# byte, so that it takes exactly its share of the stream, and writes once,
	# after it has read everything. Where it was not started, because there is
	# no temporary for it, the content is thrown away to stay in step.
	receive() {
		e=
		[ -d "$d" ] || e=$(makedir "$d" 2>&1)
		if [ ! -d "$d" ]; then
			fail $1 mkdir "$e"
		elif [ $kind = absent ] && [ $miss -gt 0 ] && ! lock $1 "$d"; then
			fail $1 locked
		elif ! vacate "$t"; then
			fail $1 create "$t: File exists"
		elif e=$(set -C; exec 2>&1; exec dd ibs=1 obs=$2 count=$2 conv=fsync >"$t"); then
			return
		elif [ -e "$t" ]; then
			fail $1 write "$e"
			return
		else
			fail $1 create "$e"
		fi
		dd ibs=1 obs=65536 count=$2 of=/dev/null 2>/dev/null
	}

	# vacate PATH: nothing stands there, not even a link that leads nowhere.
	vacate() {
		[ ! -e "$1" ] && [ ! -L "$1" ] && return
		rm -f "$1" 2>/dev/null
		[ ! -e "$1" ] && [ ! -L "$1" ]
	}

	# copy FILE FROM TO copies within the folder, for backups and back.
	copy() {
		if ! vacate "$3"; then
			fail $1 backup "$3: File exists"
		elif ! e=$(set -C; exec 2>&1; exec dd if="$2" bs=1048576 conv=fsync >"$3"); then
			fail $1 backup "$e"
		fi
	}

	# has SUM PATH: was that its digest?
	has() {
		case $sums in
		*"$nl$1  $2$nl"*) return 0 ;;
		esac
		return 1
	}

	# inplace FILE puts the temporary's content into a file that cannot be
	# replaced, because it is a mount point. The new content is padded with
	# blanks to the length of the old and written by one call, then cut: a
	# reader sees the old file, or the new one with blanks after it.
	inplace() {
		eval "size=\$size$1 mode=\$mode$1"
		pad=$(($(wc -c <"$q") - size))
		if [ $pad -gt 0 ]; then
			printf "%${pad}s" '' >>"$t"
		else
			pad=0
		fi
		e=$(
			{
				dd if="$t" of="$q" bs=$((size + pad)) count=1 conv=notrunc,fsync &&
					dd if=/dev/null of="$q" bs=$size seek=1 count=0 &&
					chmod $mode "$q"
			} 2>&1
		) && return
		fail $1 inplace "$e"
		[ ! -f "$q.oreg-$run" ] || dd if="$q.oreg-$run" of="$q" bs=1048576 conv=fsync 2>/dev/null
	}

	# install FILE: every check again, then the one rename. What became of the
	# file before is told first, should this be the end.
	install() {
		flush
		eval "q=\$q$1 t=\$t$1 sha=\$sha$1 want=\$want$1 owner=\$owner$1 mode=\$mode$1 keep=\$keep$1 state=\$state$1"
		if ! has $sha "$t"; then
			fail $1 digest
			return
		fi
		if [ $want = folder ] && ! e=$(rmdir "$q" 2>&1); then
			fail $1 rmdir "$e"
			return
		fi
		case $want in
		absent | folder) [ ! -e "$q" ] && [ ! -L "$q" ] ;;
		*) [ ! -d "$q" ] && has $want "$q" ;;
		esac || {
			fail $1 changed
			return
		}
		if [ $keep = new ] && ! has $want "$q.oreg-$run"; then
			fail $1 backup digest
			return
		fi
		[ -z "$restorecon" ] || restorecon "$t" >/dev/null 2>&1
		if [ $owner != - ] && ! e=$(exec chown $owner "$t" 2>&1); then
			fail $1 chown "$e"
			return
		fi
		if [ $mode != 0600 ] && ! e=$(exec chmod $mode "$t" 2>&1); then
			fail $1 chmod "$e"
			return
		fi
		case $keep in
		new | none) state="$state${nl}wrote $sha" ;;
		again) state="wrote $sha" ;;
		esac
		if [ $keep != back ]; then
			s=$q.oreg-$run.state
			[ $keep = again ] || vacate "$s" || {
				fail $1 backup "$s: File exists"
				return
			}
			if ! printf '%s\n' "$state" 2>/dev/null >>"$s"; then
				fail $1 backup "$(printf '%s\n' "$state" 2>&1 | dd of="$s" 2>&1)"
				return
			fi
		fi
		if e=$(exec mv -f "$t" "$q" 2>&1); then
			how=
		else
			case $e in
			*[Bb]usy*) inplace $1 ;;
			*) fail $1 rename "$e" ;;
			esac
			how=inplace
		fi
		eval "[ -n \"\$x$1\" ]" || say ok $1 $how
	}

	# A login shell may have left a line unfinished.
	out=$nl
	if command -v sha256sum >/dev/null; then
		hash=sha256sum
	elif command -v shasum >/dev/null; then
		hash='shasum -a 256'
	elif [ $op = write ]; then
		say nohash
		exit 0
	fi
	restorecon=
	! command -v restorecon >/dev/null || restorecon=1
	say hello 1
	if [ -e "$marker" ]; then
		say managed
		exit 0
	fi

	files=0
	for p in "$@"; do
		files=$((files + 1))
		look $files "$p"
		eval "k$files=\$kind miss$files=\$miss x$files="
		say file $files $kind $miss $writable $own $linked "$q"
		case $kind in
		file | absent | dir) ;;
		*) continue ;;
		esac
		[ $kind != file ] || show data $files "$q"
		for s in "$q".oreg-*; do
			[ ! -e "$s" ] || say beside $files "${s#"$q".oreg-}"
		done
		if [ -f "$q.oreg-$run.state" ]; then
			while IFS= read -r line; do
				say state $files "$line"
			done <"$q.oreg-$run.state"
		fi
		[ $bak != 1 ] || [ ! -f "$q.oreg-$run" ] || show bak $files "$q.oreg-$run"
	done
	set --
	i=0
	while [ $i -lt $files ]; do
		i=$((i + 1))
		eval "q=\$q$i d=\$d$i kind=\$k$i"
		case $kind in
		file) set -- "$@" "$d/." "$q" ;;
		absent) [ ! -d "$d" ] || set -- "$@" "$d/." ;;
		esac
	done
	if [ $# -gt 0 ]; then
		say ls $#
		out="$out$(exec ls -ldn "$@" 2>/dev/null)$nl"
	fi
	say ready
	flush
	[ $op = write ] || exit 0

	while :; do
		IFS=' ' read -r verb i size sha want owner keep state || exit 1
		[ "$verb" != go ] || break
		case $i in
		[1-6]) eval "q=\$q$i d=\$d$i kind=\$k$i miss=\$miss$i" ;;
		*) exit 1 ;;
		esac
		t=$q.oreg-$run.tmp
		case $verb in
		put | restore)
			puts="$puts $i"
			mode=0600
			eval "t$i=\$t"
			if [ $verb = put ]; then
				receive $i $size
			else
				mode=$keep keep=back
				copy $i "$q.oreg-$run" "$t"
			fi
			eval "size$i=\$size sha$i=\$sha want$i=\$want owner$i=\$owner mode$i=\$mode keep$i=\$keep state$i=\$state"
			eval "x=\$x$i"
			[ -n "$x" ] || [ $keep != new ] || if [ -f "$q" ]; then
				copy $i "$q" "$q.oreg-$run"
			else
				fail $i changed
			fi
			;;
		unlink) eval "unlink$i=\$sha made$i=\$size" ;;
		chmod) e=$(exec chmod 0600 "$q" 2>&1) && say ok $i chmod || fail $i chmod "$e" ;;
		tighten) e=$(exec chmod 0700 "$d" 2>&1) && say ok $i tighten || fail $i chmod "$e" ;;
		rm) rms="$rms $i:$size" ;;
		*) exit 1 ;;
		esac
	done

	set --
	i=0
	while [ $i -lt $files ]; do
		i=$((i + 1))
		eval "q=\$q$i t=\$t$i x=\$x$i want=\$want$i keep=\$keep$i gone=\$unlink$i"
		[ -z "$gone" ] || set -- "$@" "$q"
		[ -z "$x" ] && [ -n "$t" ] || continue
		set -- "$@" "$t"
		case $want in
		absent | folder) ;;
		*) set -- "$@" "$q" ;;
		esac
		[ $keep != new ] || set -- "$@" "$q.oreg-$run"
	done
	[ $# -eq 0 ] || sums=$nl$(exec $hash "$@" 2>/dev/null)$nl
	i=0
	while [ $i -lt $files ]; do
		i=$((i + 1))
		eval "q=\$q$i d=\$d$i t=\$t$i x=\$x$i gone=\$unlink$i made=\$made$i"
		if [ -n "$gone" ]; then
			if ! has $gone "$q"; then
				fail $i changed
			elif e=$(exec rm -f "$q" "$q.oreg-$run" "$q.oreg-$run.state" 2>&1); then
				while [ $made -gt 0 ] && rmdir "$d" 2>/dev/null; do
					made=$((made - 1))
					d=${d%/*}
				done
				say ok $i
			else
				fail $i rename "$e"
			fi
		fi
		[ -n "$x" ] || [ -z "$t" ] || install $i
	done
	set --
	for r in $rms; do
		i=${r%%:*}
		eval "q=\$q$i x=\$x$i"
		[ -n "$x" ] || set -- "$@" "$q.oreg-${r#*:}"
	done
	[ $# -eq 0 ] || rm -f "$@" 2>/dev/null
	say done
	exit 0
}
