# Shows on a host that the three caches hit: a green build proves nothing, since each of them fails silently.
# Run as: sh -s, with host/sections' framing on stdout, this text on stdin, and at its end one call such as
#   prove home=/home/ci sccache=/…/sccache port=4226 max_cache_size=1073741824 wrapper=/…/rustc-wrapper \
#     env=/…/env http=127.0.0.1:9090 grpc=grpc://127.0.0.1:9092 MaxSize=5368709120 moon=/…/moon cargo_home=/…/.cargo
# A word that is left out is a tier the stack does not have. All work is done in one temporary directory, which goes.
# Output: `@@warmbox prove TIER proved|failed|skipped`, then `|fact …`, `|cause …`, `|next …` lines.

PV_BUILD_SECONDS=12   # a build of two tiny crates takes about one
PV_FETCH_SECONDS=6    # the index entry of one crate and the crate take about one
PV_MOON_SECONDS=10    # a moon run of one task that writes a file takes about one, on a loaded box several
PV_WARM_SECONDS=18    # the first moon of a HOME compiles its built-in plugin: four seconds of processor time
PV_ANSWER_SECONDS=5   # a question to a running server takes milliseconds
PV_BLOB_BYTES=5242880 # above the 4 MiB that one gRPC message holds

prove() {
	LC_ALL=C RUSTUP_AUTO_INSTALL=0
	export LC_ALL RUSTUP_AUTO_INSTALL
	pv_sccache='' pv_port='' pv_max_cache_size='' pv_wrapper='' pv_env='' pv_http='' pv_grpc='' pv_MaxSize=''
	pv_moon='' pv_cargo_home='' pv_http_get='' pv_conf='' pv_cache=''
	for pv_word; do
		pv_value=${pv_word#*=}
		case $pv_word in
		sccache=* | port=* | max_cache_size=* | wrapper=* | env=* | http=* | grpc=* | MaxSize=* | moon=* | cargo_home=* | http_get=* | conf=* | cache=*)
			eval "pv_${pv_word%%=*}=\$pv_value"
			;;
		esac
	done
	pv_work=$(mktemp -d "${TMPDIR:-/tmp}/warmbox-prove.XXXXXX") || {
		pv_tier setup failed
		pv_cause "no temporary directory can be made below ${TMPDIR:-/tmp}" 'free space there, or set TMPDIR'
		echo '@@warmbox end'
		return 0
	}
	trap 'rm -rf "$pv_work"' EXIT
	trap 'exit 143' TERM INT HUP
	pv_nonce=$$_$(date +%s)
	case $PATH in *"$HOME/.cargo/bin"*) ;; *) PATH=$PATH:${pv_cargo_home:-$HOME/.cargo}/bin:$HOME/.cargo/bin ;; esac
	[ -z "$pv_moon" ] || PATH=$(dirname "$pv_moon"):$PATH
	export PATH
	[ -z "$pv_cargo_home" ] || [ "$pv_cargo_home" = "$HOME/.cargo" ] || export CARGO_HOME="$pv_cargo_home"
	# What the caller's shell happens to have must not decide; what a session on this host gets, must.
	unset RUSTC_WRAPPER CARGO_BUILD_RUSTC_WRAPPER CARGO_INCREMENTAL CARGO_TARGET_DIR RUSTFLAGS CI
	if [ -n "$pv_env" ] && [ -r "$pv_env" ]; then . "$pv_env"; fi
	# The tiers do not share a server, so each waits for its own.
	pv_sccache_tier >"$pv_work/1" 2>/dev/null &
	pv_moon_tier >"$pv_work/2" 2>/dev/null &
	pv_cargo_tier >"$pv_work/3" 2>/dev/null &
	wait
	cat "$pv_work/1" "$pv_work/2" "$pv_work/3"
	echo '@@warmbox end'
}

# Findings are gathered first, since the state of a tier stands in its head line.
pv_tier() { printf '@@warmbox prove %s %s\n' "$1" "$2"; }
pv_fact() { printf '|fact %s\n' "$*"; }
pv_cause() { printf '|cause %s\n|next %s\n' "$1" "$2"; }
pv_skip() { pv_tier "$1" skipped && printf '|cause %s\n' "$2"; }
pv_found() { command -v "$1" >/dev/null 2>&1; }
pv_json() { sed -n "s/.*\"$1\":\\(-\\{0,1\\}[0-9][0-9]*\\).*/\\1/p" | head -n 1; }
# pv_end TIER FILE: FILE holds |cause lines where the tier failed.
pv_end() {
	if grep -q '^|cause' "$2"; then pv_tier "$1" failed; else pv_tier "$1" proved; fi
	cat "$2"
}

# --- tier 1: sccache ---------------------------------------------------------------------------------------------

pv_stats() {
	env SCCACHE_SERVER_PORT="$pv_port" SCCACHE_CONF=/dev/null SCCACHE_DIR=/dev/null SCCACHE_CACHE_SIZE=1 \
		timeout -k 1 "$PV_ANSWER_SECONDS" "$pv_sccache" --show-stats --stats-format=json
}
pv_hits() { sed -n 's/.*"cache_hits":{"counts":{\([^}]*\)}.*/\1/p' "$1" | sed -n 's/.*"Rust":\([0-9]*\).*/\1/p'; }
pv_misses() { sed -n 's/.*"cache_misses":{"counts":{\([^}]*\)}.*/\1/p' "$1" | sed -n 's/.*"Rust":\([0-9]*\).*/\1/p'; }
# pv_delta FIELD FROM TO
pv_delta() {
	pv_from=$(pv_json "$1" <"$2") pv_to=$(pv_json "$1" <"$3")
	echo $((${pv_to:-0} - ${pv_from:-0}))
}

pv_sccache_tier() {
	[ -n "$pv_sccache" ] || return 0
	pv_found cargo || { pv_skip sccache 'there is no cargo on this host'; return; }
	pv_said=$pv_work/sccache.said
	pv_prove_sccache >"$pv_said"
	pv_end sccache "$pv_said"
}

pv_prove_sccache() {
	[ -x "$pv_sccache" ] || {
		pv_cause "sccache is not at $pv_sccache" 'npm run up'
		return
	}
	pv_hex=$(printf '%04X' "$pv_port")
	awk -v port="$pv_hex" '$4 == "0A" && substr($2, length($2) - 3) == port { f = 1 } END { exit !f }' \
		/proc/net/tcp /proc/net/tcp6 2>/dev/null || {
		pv_cause "no server listens on port $pv_port" 'npm run up, which starts it'
		return
	}
	pv_stats >"$pv_work/s0" || {
		pv_cause "port $pv_port is open, but no sccache answers there within $PV_ANSWER_SECONDS s: it is stopped, hung, of another version, or another program" "see who has the port (ss -ltnp), end it, then npm run up"
		return
	}
	pv_live=$(pv_json max_cache_size <"$pv_work/s0")
	if [ "$pv_live" = "$pv_max_cache_size" ]; then
		pv_fact "max_cache_size $pv_live bytes, as configured"
	else
		pv_cause "the server on port $pv_port has max_cache_size ${pv_live:-none}, configured is $pv_max_cache_size: it was started with other settings (SCCACHE_CACHE_SIZE or SCCACHE_DIR in an environment win over the file), or is another server" "end it ($pv_sccache --stop-server with SCCACHE_SERVER_PORT=$pv_port), then npm run up"
	fi
	grep -q '"effective_cache_mode":"ReadOnly"' "$pv_work/s0" &&
		pv_cause 'the server is read-only: it stores nothing' "remove rw_mode from $pv_conf, then npm run up"
	pv_crates
	pv_build first || {
		pv_build_failed first
		return
	}
	pv_stats >"$pv_work/s1"
	rm -rf "$pv_work/first/target"
	pv_build first || {
		pv_build_failed first
		return
	}
	pv_stats >"$pv_work/s2"
	pv_build second || {
		pv_build_failed second
		return
	}
	pv_stats >"$pv_work/s3"
	pv_hits0=$(pv_hits "$pv_work/s1") pv_hits1=$(pv_hits "$pv_work/s2") pv_hits2=$(pv_hits "$pv_work/s3")
	pv_again=$((${pv_hits1:-0} - ${pv_hits0:-0})) pv_other=$((${pv_hits2:-0} - ${pv_hits1:-0}))
	if [ "$pv_again" -ge 2 ]; then
		pv_fact "built again after its target was wiped: $pv_again of 2 libraries from the cache"
	else
		pv_why_no_hit "built again after its target was wiped: $pv_again of 2 libraries from the cache"
	fi
	if [ "$pv_other" -ge 1 ]; then
		pv_fact "built in a second worktree: its dependency from the cache"
	elif [ "$pv_again" -ge 2 ]; then
		pv_cause "a second worktree does not hit for its dependency" 'a setting that names the worktree is in every key: look for --remap-path-prefix, trim-paths or CARGO_* variables that differ'
	fi
}

# One dependency outside both worktrees, as a registry crate is; a member and a program in each.
pv_crates() {
	pv_package dependency '' "pub fn dependency() -> &'static str { \"$pv_nonce\" }"
	for pv_tree in first second; do
		pv_package "$pv_tree/member" "dependency = { path = \"$pv_work/dependency\" }" \
			"pub fn member() -> usize { dependency::dependency().len() } // $pv_tree $pv_nonce"
		printf '[workspace]\nmembers = ["member"]\nresolver = "2"\n' >"$pv_work/$pv_tree/Cargo.toml"
	done
}
pv_package() {
	mkdir -p "$pv_work/$1/src"
	printf '[package]\nname = "%s"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n%s\n' "${1##*/}" "$2" >"$pv_work/$1/Cargo.toml"
	printf '%s\n' "$3" >"$pv_work/$1/src/lib.rs"
}
# pv_build TREE: -v, because cargo then shows what it runs.
pv_build() {
	(cd "$pv_work/$1" && timeout -k 1 "$PV_BUILD_SECONDS" cargo build -v --offline </dev/null >"$pv_work/$1.out" 2>&1)
}
pv_build_failed() {
	pv_code=$?
	pv_last=$(grep -v '^ *$' "$pv_work/$1.out" | tail -n 1)
	pv_cause "the probe crate does not build (exit code $pv_code; 124 is the time limit): $pv_last" 'npm run doctor'
}

pv_why_no_hit() {
	pv_runs=$(sed -n 's/^ *Running `\(.*\) [^ ]*rustc --crate-name member.*/\1/p' "$pv_work/first.out" | sed 's/.* //' | head -n 1)
	if said=$(grep -h '^warmbox: sccache: ' "$pv_work/first.out" "$pv_work/second.out"); then
		pv_cause "$1: $(printf '%s\n' "$said" | head -n 1 | sed 's/^warmbox: sccache: //; s/; compiling without.*//')" 'npm run up'
	elif ! grep -q "$pv_wrapper" "$pv_work/first.out"; then
		pv_cause "$1: cargo does not run $pv_wrapper but ${pv_runs:-rustc alone}" "see which file sets build.rustc-wrapper: ${CARGO_HOME:-$HOME/.cargo}/config.toml, one in a parent directory, or RUSTC_WRAPPER; then npm run up"
	elif grep -q -e '-C incremental=' "$pv_work/first.out"; then
		pv_cause "$1: incremental compilation is on, which sccache does not cache" "remove build.incremental and profile.*.incremental from ${CARGO_HOME:-$HOME/.cargo}/config.toml; then npm run up"
	elif [ "$(pv_delta compile_requests "$pv_work/s0" "$pv_work/s3")" -eq 0 ]; then
		pv_cause "$1: the server on port $pv_port saw no request, so clients ask another one" "compare the port in $pv_wrapper with $pv_port; then npm run up"
	elif [ "$(pv_delta cache_write_errors "$pv_work/s0" "$pv_work/s3")" -gt 0 ]; then
		pv_cause "$1: the server cannot write its cache" "see space and owner of ${pv_cache:-its directory} (df, ls -ld); restart it afterwards: npm run up"
	elif [ "$(pv_delta cache_writes "$pv_work/s0" "$pv_work/s3")" -eq 0 ]; then
		pv_cause "$1: the server stores nothing" "see rw_mode in $pv_conf, and whether ${pv_cache:-its directory} was removed under the server; then npm run up"
	else
		pv_cause "$1: it stores, but finds nothing" 'something in the key differs between two equal builds: look for CARGO_* variables with changing values'
	fi
}

# --- tier 2: bazel-remote behind moon ----------------------------------------------------------------------------

pv_moon_tier() {
	[ -n "$pv_grpc" ] || return 0
	pv_said=$pv_work/moon.said
	pv_prove_size >"$pv_said"
	if ! pv_found moon; then
		if grep -q '^|cause' "$pv_said"; then pv_end moon "$pv_said"; else pv_skip moon 'there is no moon on this host'; fi
	elif ! pv_found git; then
		pv_skip moon 'there is no git on this host, without which moon caches nothing'
	elif case ${MOON_CACHE:-read-write} in off | read | write) true ;; *) false ;; esac; then
		pv_skip moon "moon.cache is $MOON_CACHE: nothing can be stored and read back"
	else
		grep -q '^|cause' "$pv_said" || pv_prove_moon >>"$pv_said"
		pv_end moon "$pv_said"
	fi
}

pv_prove_size() {
	[ -n "$pv_http" ] && [ -n "$pv_http_get" ] || return 0
	pv_status=$(sh -c "$pv_http_get" http-get "${pv_http%:*}" "${pv_http##*:}" /status) || {
		pv_cause "bazel-remote does not answer http://$pv_http/status within $PV_ANSWER_SECONDS s" 'npm run up, which starts it; while it reads its index it does not listen'
		return
	}
	pv_live=$(printf '%s' "$pv_status" | tr -d '\n ' | pv_json MaxSize)
	if [ "$pv_live" = "$pv_MaxSize" ]; then
		pv_fact "MaxSize $pv_live bytes, as configured"
	else
		pv_cause "bazel-remote has MaxSize ${pv_live:-none}, configured is $pv_MaxSize: it was started with other settings, or is another server" 'end it, then npm run up'
	fi
}

pv_prove_moon() {
	[ "${MOON_REMOTE_HOST-}" = "$pv_grpc" ] || {
		pv_cause "MOON_REMOTE_HOST is '${MOON_REMOTE_HOST-}', not $pv_grpc: a new session on this host does not get warmbox's environment" "see $pv_env; then npm run up"
		return
	}
	# moon's own local layers would answer in the remote's stead; its home would be the user's.
	unset MOON_CACHE_SHARED_WORKTREE_CACHE MOON_EXPERIMENT_CAS_OUTPUTS_CACHE MOON_FORCE MOON_HOME
	if [ -d "$HOME/.moon" ]; then XDG_CACHE_HOME=${XDG_CACHE_HOME:-$HOME/.cache}; else XDG_CACHE_HOME=$pv_work/moon-home/.cache; fi
	HOME=$pv_work/moon-home MOON_DEBUG_REMOTE=1
	export HOME XDG_CACHE_HOME MOON_DEBUG_REMOTE
	mkdir "$HOME"
	pv_repository 0
	(cd "$pv_work/moon0/one" && MOON_REMOTE_HOST='' timeout -k 1 "$PV_WARM_SECONDS" moon run proof:blob </dev/null >"$pv_work/moon.warm" 2>&1) || {
		pv_cause "moon itself does not work (exit code $?; 124 is the time limit): $(grep -v '^ *$' "$pv_work/moon.warm" | tail -n 1)" 'npm run doctor'
		return
	}
	# Twice: until moon 2.5.6 a first lookup that comes before the connection stands is skipped without a word.
	for pv_try in 1 2; do
		pv_repository "$pv_try"
		pv_moon_run "$pv_try" one || return
		pv_moon_run "$pv_try" two || return
		if grep -q '"cached-from-remote"' "$pv_work/moon$pv_try/two/.moon/cache/runReport.json" 2>/dev/null; then
			if cmp -s "$pv_work/moon$pv_try/one/big.bin" "$pv_work/moon$pv_try/two/big.bin"; then
				pv_fact "a second worktree got the task from bazel-remote, with a blob of $PV_BLOB_BYTES bytes"
			else
				pv_cause "the blob of $PV_BLOB_BYTES bytes came back with other bytes" 'npm run doctor'
			fi
			return
		fi
	done
	pv_why_no_remote
}

pv_repository() {
	pv_top=$pv_work/moon$1
	mkdir -p "$pv_top/one/.moon"
	(
		cd "$pv_top/one" || exit
		printf 'projects:\n  proof: "."\ntelemetry: false\n' >.moon/workspace.yml
		printf 'toolchains:\n  default: "system"\ntasks:\n  blob:\n    command: "sh make.sh"\n    inputs: ["make.sh"]\n    outputs: ["big.bin"]\n' >moon.yml
		printf '# %s %s\nhead -c %s /dev/urandom >big.bin\n' "$pv_nonce" "$1" "$PV_BLOB_BYTES" >make.sh
		printf '/.moon/cache\n/big.bin\n' >.gitignore
		git init -q . && git add -A &&
			git -c user.name=warmbox -c user.email=warmbox@localhost -c commit.gpgsign=false commit -q --no-verify -m proof &&
			git worktree add -q --detach ../two
	) >/dev/null 2>&1 </dev/null
}

# pv_moon_run TRY TREE: without a terminal, as an agent runs it.
pv_moon_run() {
	pv_out=$pv_work/moon$1.$2.out
	(cd "$pv_work/moon$1/$2" && timeout -k 1 "$PV_MOON_SECONDS" moon run proof:blob </dev/null >"$pv_out" 2>&1)
	pv_code=$?
	if [ "$pv_code" -ge 124 ]; then
		pv_cause "moon did not end within $PV_MOON_SECONDS s: $pv_grpc takes connections but does not answer" 'restart bazel-remote: npm run up'
		return 1
	elif [ "$pv_code" -ne 0 ]; then
		pv_cause "moon failed (exit code $pv_code): $(grep -v '^ *$' "$pv_out" | tail -n 1)" 'npm run doctor'
		return 1
	fi
}

pv_why_no_remote() {
	pv_all=$(cat "$pv_work"/moon[12].*.out)
	case $pv_all in
	*localhost*)
		pv_cause 'moon switches the remote cache off for an address with localhost or 0.0.0.0 where no terminal is' 'write grpc_address: 127.0.0.1:PORT in the stack; then npm run up'
		;;
	*'Failed to connect to storage backend'*)
		pv_cause "moon cannot connect to $pv_grpc: nothing listens there, or it is not bazel-remote" 'compare grpc_address in the configuration of bazel-remote; then npm run up'
		;;
	*)
		pv_cause "a second worktree does not get the task from $pv_grpc: nothing was stored, or moon asked before its connection stood" 'see the log of bazel-remote; npm run prove once more'
		;;
	esac
}

# --- tier 3: the cargo registry ----------------------------------------------------------------------------------

pv_cargo_tier() {
	[ -n "$pv_cargo_home" ] || return 0
	pv_found cargo || { pv_skip cargo 'there is no cargo on this host'; return; }
	for pv_tree in registry1 registry2; do
		pv_package "$pv_tree" 'itoa = "1"' ''
	done
	if ! pv_fetch registry1; then
		pv_last=$(grep -v '^ *$' "$pv_work/registry1.out" | tail -n 1)
		pv_skip cargo "no crate can be had from the registry now: $pv_last"
		return
	fi
	cp "$pv_work/registry1/Cargo.lock" "$pv_work/registry2/"
	pv_said=$pv_work/cargo.said
	pv_how='cargo offline'
	if unshare -rn true 2>/dev/null; then pv_net='unshare -rn' pv_how='no network'; else pv_net=; fi
	if CARGO_NET_OFFLINE=true pv_fetch registry2 $pv_net; then
		pv_fact "a second worktree resolved and fetched its crates with $pv_how, from ${CARGO_HOME:-$HOME/.cargo}" >"$pv_said"
	else
		pv_cause "a second worktree cannot resolve with $pv_how: $(grep -v '^ *$' "$pv_work/registry2.out" | tail -n 1)" \
			"every build must have one CARGO_HOME, ${CARGO_HOME:-$HOME/.cargo}, and may write there" >"$pv_said"
	fi
	pv_end cargo "$pv_said"
}
# pv_fetch TREE [PREFIX…]
pv_fetch() {
	pv_tree=$1
	shift
	# Without a network it ends at once: it holds the lock of the package cache, for which the builds of tier 1 wait.
	(cd "$pv_work/$pv_tree" && CARGO_NET_RETRY=0 timeout -k 1 "$PV_FETCH_SECONDS" "$@" cargo fetch </dev/null >"$pv_work/$pv_tree.out" 2>&1)
}
