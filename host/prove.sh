# Shows on a host that the three caches hit: a green build proves nothing, since each of them fails silently.
# Run as: sh -s, with host/sections' framing on stdout, this text on stdin, and at its end one call such as
#   prove cargo_home=/…/.cargo jobs=3 sccache=/…/sccache port=4226 max_cache_size=1073741824 wrapper=/…/rustc-wrapper \
#     conf=/…/config env=/…/env http=127.0.0.1:9090 grpc=grpc://127.0.0.1:9092 MaxSize=5368709120 moon=/…/moon …
# A word that is left out is a tier, or a size, that the stack does not have. Beside the sizes:
#   store=URL      the S3 behind both caches; keys=FILE its credentials, where they are in a file
#   http_get=TEXT  the program of render/http-get.ts; bazel_remote=PROGRAM and bazel_remote_conf=FILE of tier 2
# All work is done in one temporary directory, which goes. It ends within PV_LIMIT_SECONDS and a second.
# Output: `@@warmbox prove TIER proved|failed|skipped` for every tier asked for, then `|fact …`, `|warn …`, `|cause …`,
# `|next …` lines; last `@@warmbox end`. Before them, `@@warmbox ended TIER` as each tier is through.

PV_LIMIT_SECONDS=28   # of everything: a person waits for it at the end of each up, for at most half a minute
PV_BUILD_SECONDS=12   # a build of two tiny crates takes about one
PV_FETCH_SECONDS=6    # the index entry of one crate and the crate take about one
PV_MOON_SECONDS=10    # a moon run of one task that writes a file takes about one, on a loaded box several
PV_WARM_SECONDS=18    # the first moon of a HOME compiles its built-in plugin: four seconds of processor time
PV_ANSWER_SECONDS=5   # a question to a running server takes milliseconds
PV_STORE_SECONDS=6    # an upload starts when its blob is written, and a few MiB take about one
PV_BLOB_BYTES=5242880 # above the 4 MiB that one gRPC message holds

prove() {
	pv_end_at=$(($(date +%s) + PV_LIMIT_SECONDS))
	LC_ALL=C RUSTUP_AUTO_INSTALL=0
	export LC_ALL RUSTUP_AUTO_INSTALL
	pv_words "$@"
	pv_wanted="${pv_sccache:+sccache} ${pv_grpc:+moon} ${pv_cargo_home:+cargo}"
	pv_sweep "${TMPDIR:-/tmp}"
	pv_work=$(mktemp -d "${TMPDIR:-/tmp}/warmbox-prove.$$.XXXXXX" 2>/dev/null) || {
		for pv_name in $pv_wanted; do
			pv_broke_off "$pv_name" "no temporary directory can be made below ${TMPDIR:-/tmp}"
		done
		echo '@@warmbox end'
		return 0
	}
	trap 'rm -rf "$pv_work"' EXIT
	trap 'exit 143' TERM INT HUP PIPE
	pv_session
	pv_store_down=''
	if [ -n "$pv_store" ] && { pv_found curl || pv_found wget; } && ! pv_store_answers; then pv_store_down="$pv_store does not answer${pv_status:+ (HTTP status $pv_status)}"; fi
	# The tiers do not share a server, so each waits for its own.
	for pv_name in $pv_wanted; do
		{
			pv_tier "$pv_name" >"$pv_work/$pv_name.answer" 2>/dev/null
			echo "@@warmbox ended $pv_name" # for who watches
		} &
	done
	wait
	for pv_name in $pv_wanted; do
		if [ "$(tail -n 1 "$pv_work/$pv_name.answer" 2>/dev/null)" = "end $pv_name" ]; then
			sed '$d' "$pv_work/$pv_name.answer"
		else
			pv_broke_off "$pv_name" "its answer is not whole: is ${TMPDIR:-/tmp} full? $(df -Pk "$pv_work" 2>/dev/null | awk 'NR == 2 { print $4 " KiB free" }')"
		fi
	done
	echo '@@warmbox end'
}

# Takes the words into pv_NAME; one that nobody says is empty.
pv_words() {
	for pv_word in sccache port max_cache_size wrapper env http grpc MaxSize moon cargo_home http_get conf cache \
		jobs concurrency GOMEMLIMIT GOGC store keys bazel_remote bazel_remote_conf; do
		eval "pv_$pv_word=''"
	done
	for pv_word; do
		pv_value=${pv_word#*=}
		eval "pv_${pv_word%%=*}=\$pv_value"
	done
}

# What runs that were killed left below $1 goes.
pv_sweep() {
	for pv_stale in "$1"/warmbox-prove.[0-9]*.*; do
		pv_pid=${pv_stale##*/warmbox-prove.} pv_pid=${pv_pid%%.*}
		case $pv_pid in *[!0-9]*) continue ;; esac
		[ -d "/proc/$pv_pid" ] || [ ! -O "$pv_stale" ] || rm -rf "$pv_stale"
	done
}

# The environment of a session on this host. What the caller's shell happens to have must not decide; what a session
# gets, must.
pv_session() {
	pv_nonce=$$_$(date +%s)
	case $PATH in *"$HOME/.cargo/bin"*) ;; *) PATH=$PATH:${pv_cargo_home:-$HOME/.cargo}/bin:$HOME/.cargo/bin ;; esac
	[ -z "$pv_moon" ] || PATH=$(dirname "$pv_moon"):$PATH
	export PATH
	[ -z "$pv_cargo_home" ] || [ "$pv_cargo_home" = "$HOME/.cargo" ] || export CARGO_HOME="$pv_cargo_home"
	unset RUSTC RUSTC_WRAPPER CARGO_BUILD_RUSTC_WRAPPER CARGO_INCREMENTAL CARGO_TARGET_DIR CARGO_BUILD_JOBS RUSTFLAGS CI
	if [ -n "$pv_env" ] && [ -r "$pv_env" ]; then . "$pv_env"; fi
}

# --- findings ----------------------------------------------------------------------------------------------------

pv_newline='
'
# One tier: its head tells the verdict, so what is found is gathered first, in memory, where a full disk loses nothing.
# It is proved only if its hits were shown.
pv_tier() {
	pv_said='' pv_failed='' pv_skipped='' pv_shown='' pv_step='its start'
	"pv_prove_$1"
	if [ -z "$pv_failed$pv_skipped$pv_shown" ]; then
		pv_cause "the proof broke off: $pv_step" 'npm run prove once more, then npm run doctor'
	elif [ -n "$pv_failed" ] && pv_late; then
		pv_said="|cause the $PV_LIMIT_SECONDS s of the proof were over: $pv_step$pv_newline|next something hangs, or the host is very busy: npm run doctor$pv_newline$pv_said"
	fi
	if [ -n "$pv_failed" ]; then pv_head "$1" failed; elif [ -n "$pv_skipped" ]; then pv_head "$1" skipped; else pv_head "$1" proved; fi
	printf '%s' "$pv_said"
	echo "end $1"
}
pv_head() { printf '@@warmbox prove %s %s\n' "$1" "$2"; }
pv_fact() { pv_said="$pv_said|fact $*$pv_newline"; }
pv_warn() { pv_said="$pv_said|warn $*$pv_newline"; }
pv_cause() { pv_failed=1 pv_said="$pv_said|cause $1$pv_newline|next $2$pv_newline"; }
pv_skip() { pv_skipped=1 pv_said="|cause $1$pv_newline$pv_said"; }
pv_broke_off() {
	pv_head "$1" failed
	printf '|cause the proof broke off: %s\n|next free space there, or set TMPDIR\n' "$2"
}

pv_found() { command -v "$1" >/dev/null 2>&1; }
pv_last() { grep -v '^ *$' "$1" | tail -n 1; }
pv_json() { sed -n "s/.*\"$1\":\\(-\\{0,1\\}[0-9][0-9]*\\).*/\\1/p" | head -n 1; }
# pv_size NAME LIVE CONFIGURED WHAT NEXT: a size as it is in force.
pv_size() {
	if [ "$2" = "$3" ]; then pv_fact "$1 $2, as configured"; else pv_cause "$4 has $1 ${2:-none}, configured is $3: $5" "$6"; fi
}

# --- time and ports ----------------------------------------------------------------------------------------------

pv_late() { [ "$(date +%s)" -ge "$pv_end_at" ]; }
# pv_timed SECONDS COMMAND…: ends with 124 or more where the limit of the step, or of the whole proof, is over.
pv_timed() {
	pv_most=$1 pv_left=$((pv_end_at - $(date +%s)))
	shift
	[ "$pv_left" -gt 0 ] || return 124
	[ "$pv_left" -ge "$pv_most" ] || pv_most=$pv_left
	timeout -k 1 "$pv_most" "$@" </dev/null
}

# Inode of the socket that listens on TCP port $1, into pv_inode.
pv_listens() {
	pv_inode=$(awk -v port="$(printf '%04X' "$1")" \
		'$4 == "0A" && substr($2, length($2) - 3) == port { print $10; exit }' /proc/net/tcp /proc/net/tcp6 2>/dev/null)
	[ -n "$pv_inode" ]
}
# A TCP port from $1 on that nobody listens on, into pv_free.
pv_free_port() {
	pv_free=$1
	while pv_listens "$pv_free"; do pv_free=$((pv_free + 1)); done
}
pv_await_port() {
	pv_tries=0
	until pv_listens "$1" || [ "$pv_tries" -ge 50 ] || pv_late; do
		pv_tries=$((pv_tries + 1))
		sleep 0.1 2>/dev/null || sleep 1
	done
}

# --- tier 1: sccache ---------------------------------------------------------------------------------------------

pv_stats() {
	pv_timed "$PV_ANSWER_SECONDS" env SCCACHE_SERVER_PORT="$pv_port" SCCACHE_CONF=/dev/null SCCACHE_DIR=/dev/null \
		SCCACHE_CACHE_SIZE=1 "$pv_sccache" --show-stats --stats-format=json
}
# pv_delta FIELD FROM TO
pv_delta() {
	pv_from=$(pv_json "$1" <"$2") pv_to=$(pv_json "$1" <"$3")
	echo $((${pv_to:-0} - ${pv_from:-0}))
}

pv_prove_sccache() {
	pv_found cargo || { pv_skip 'there is no cargo on this host'; return; }
	[ -x "$pv_sccache" ] || {
		pv_cause "sccache is not at $pv_sccache" 'npm run up'
		return
	}
	pv_listens "$pv_port" || {
		pv_cause "no server listens on port $pv_port" 'npm run up, which starts it'
		return
	}
	pv_step='asking sccache for its statistics'
	pv_stats >"$pv_work/s0" || {
		pv_cause "port $pv_port is open, but no sccache answers there within $PV_ANSWER_SECONDS s: it is stopped, hung, of another version, or another program" "see who has the port (ss -ltnp), end it, then npm run up"
		return
	}
	pv_size max_cache_size "$(pv_json max_cache_size <"$pv_work/s0")" "$pv_max_cache_size" "the server on port $pv_port" \
		'it was started with other settings (SCCACHE_CACHE_SIZE or SCCACHE_DIR in an environment win over the file), or is another server' \
		"end it ($pv_sccache --stop-server with SCCACHE_SERVER_PORT=$pv_port), then npm run up"
	grep -q '"effective_cache_mode":"ReadOnly"' "$pv_work/s0" &&
		pv_cause 'the server is read-only: it stores nothing' "remove rw_mode from $pv_conf, then npm run up"
	pv_crates
	pv_compiler || return
	pv_build first || return
	pv_compiled dependency && pv_compiled member || {
		pv_cause "the probe crate was built, but no compiler was seen at work: something else than RUSTC=$pv_work/rustc compiled it" 'npm run doctor'
		return
	}
	pv_asked || return
	pv_build first || return
	pv_stats >"$pv_work/s1"
	pv_again=2
	for pv_crate in dependency member; do ! pv_compiled "$pv_crate" || pv_again=$((pv_again - 1)); done
	pv_said_again="built again after its target was wiped: $pv_again of 2 libraries from the cache"
	[ "$pv_again" = 2 ] || {
		pv_why_no_hit "$pv_said_again"
		return
	}
	pv_fact "$pv_said_again"
	pv_build second || return
	if pv_compiled dependency; then
		pv_cause "a second worktree does not hit for its dependency" 'a setting that names the worktree is in every key: look for --remap-path-prefix, trim-paths or CARGO_* variables that differ'
		return
	fi
	pv_fact 'built in a second worktree: its dependency from the cache'
	pv_shown=1
	[ -z "$pv_store" ] || pv_store_sccache
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

# The host's rustc behind a script that notes which crates are really compiled: what it does not see came from the cache.
# sccache's counters are no proof on a busy server, since they count every build of the host. Not rustup's own rustc,
# which sccache would look behind.
pv_compiler() {
	pv_step='asking rustc for its directory'
	pv_rustc=$(pv_timed "$PV_ANSWER_SECONDS" rustc --print sysroot 2>"$pv_work/rustc.said")/bin/rustc
	[ -x "$pv_rustc" ] || {
		pv_cause "rustc does not work: $(pv_last "$pv_work/rustc.said")" 'see rustup show, or npm run doctor'
		return 1
	}
	cat >"$pv_work/rustc" <<-SHIM
		#!/bin/sh
		case " \$* " in
		*" --print"*) ;; # a question for the names of the files
		*" --emit="*link* | *" --emit "*link*)
		  name=\${*#*--crate-name }
		  echo "\${name%% *}" >>'$pv_work/compiled' || exit 1
		  ;;
		esac
		exec '$pv_rustc' "\$@"
	SHIM
	chmod 755 "$pv_work/rustc"
}
pv_compiled() { grep -qx "$1" "$pv_work/compiled"; }

# pv_build TREE: from nothing; -v, because cargo then shows what it runs.
pv_build() {
	pv_step="cargo build of the $1 probe workspace"
	rm -rf "$pv_work/$1/target"
	: >"$pv_work/compiled"
	(cd "$pv_work/$1" && RUSTC=$pv_work/rustc && export RUSTC && pv_timed "$PV_BUILD_SECONDS" cargo build -v --offline >"$pv_work/$1.out" 2>&1) && return
	pv_code=$?
	if [ "$pv_code" -ge 124 ] && [ -n "$pv_store_down" ]; then
		pv_skip "S3 at $pv_store_down, and each crate waits for it: nothing can be shown before it does"
	else
		pv_cause "the probe crate does not build (exit code $pv_code; 124 is the time limit): $(pv_last "$pv_work/$1.out")" 'npm run doctor'
	fi
	return 1
}

# Did cargo ask this server? A hit of another one is no hit of this stack's.
pv_asked() {
	if ! grep -q "$pv_wrapper" "$pv_work/first.out"; then
		pv_runs=$(sed -n 's/^ *Running `\(.*\) [^ ]*rustc --crate-name member.*/\1/p' "$pv_work/first.out" | sed 's/.* //' | head -n 1)
		pv_cause "cargo does not run $pv_wrapper but ${pv_runs:-rustc alone}" "see which file sets build.rustc-wrapper: ${CARGO_HOME:-$HOME/.cargo}/config.toml, one in a parent directory, or RUSTC_WRAPPER; then npm run up"
	elif ! grep -qx "SCCACHE_SERVER_PORT=$pv_port" "$pv_wrapper"; then
		pv_cause "$pv_wrapper does not ask the server on port $pv_port but another one" "npm run up, which writes it again"
	else
		return 0
	fi
	return 1
}

pv_why_no_hit() {
	if said=$(grep -h '^warmbox: sccache: ' "$pv_work/first.out"); then
		pv_cause "$1: $(printf '%s\n' "$said" | head -n 1 | sed 's/^warmbox: sccache: //; s/; compiling without.*//')" 'npm run up'
	elif grep -q -e '-C incremental=' "$pv_work/first.out"; then
		pv_cause "$1: incremental compilation is on, which sccache does not cache" "remove build.incremental and profile.*.incremental from ${CARGO_HOME:-$HOME/.cargo}/config.toml; then npm run up"
	elif [ "$(pv_delta cache_write_errors "$pv_work/s0" "$pv_work/s1")" -gt 0 ]; then
		pv_cause "$1: the server cannot write its cache" "see space and owner of ${pv_cache:-its directory} (df, ls -ld); restart it afterwards: npm run up"
	elif [ "$(pv_delta cache_writes "$pv_work/s0" "$pv_work/s1")" -eq 0 ]; then
		pv_cause "$1: the server stores nothing" "see rw_mode in $pv_conf, and whether ${pv_cache:-its directory} was removed under the server; then npm run up"
	else
		pv_cause "$1: it stores, but finds nothing" 'something in the key differs between two equal builds: look for CARGO_* variables with changing values'
	fi
}

# --- S3 behind tiers 1 and 2 -------------------------------------------------------------------------------------
# Both tools are silent about S3 that refuses them. So a second server of each, empty and without the right to write,
# has to find what the first one wrote. S3 that does not answer at all is a warning: it fails no build either.

# Does the store speak HTTP, whatever it says? pv_status is its status.
pv_store_answers() {
	if pv_found curl; then
		pv_status=$(pv_timed "$PV_ANSWER_SECONDS" curl -s -o /dev/null -w '%{http_code}' --noproxy '*' --max-time 4 "$pv_store") || pv_status=
	else
		pv_status=$(pv_timed "$PV_ANSWER_SECONDS" wget -S -T 4 -O /dev/null "$pv_store" 2>&1 | sed -n 's/.*HTTP\/1[^ ]* \([0-9]*\).*/\1/p' | head -n 1)
	fi
	case $pv_status in '' | 000 | 5*) return 1 ;; esac
}

# Can the store be asked? Else a warning says why its part is left out.
pv_store_ready() {
	if [ -n "$pv_keys" ] && [ ! -r "$pv_keys" ]; then
		pv_warn "nothing was read back from S3: $(id -un) may not read $pv_keys"
	elif ! pv_found curl && ! pv_found wget; then
		pv_warn 'nothing was read back from S3: this host has neither curl nor wget'
	elif [ -n "$pv_store_down" ]; then
		pv_warn "S3 at $pv_store_down: builds go on with the local disk alone, and what they write now never arrives there; npm run prove once it is back"
	else
		return 0
	fi
	return 1
}

# pv_store_refuses WHAT SAID
pv_store_refuses() {
	pv_cause "$1 cannot be read back from S3, although $pv_store answers: wrong bucket, keys or rights${2:+ ($2)}" "compare bucket, region and keys of s3 in the stack; then npm run up"
}

# Environment of a daemon with the store's keys and nothing else: env -i and its words.
pv_clean() {
	if [ -n "$pv_keys" ]; then
		env -i HOME="$HOME" PATH="$PATH" AWS_EC2_METADATA_DISABLED=true AWS_SHARED_CREDENTIALS_FILE="$pv_keys" "$@"
	else
		env -i HOME="$HOME" PATH="$PATH" "$@"
	fi
}

pv_store_sccache() {
	pv_store_ready || return 0
	pv_step='building from S3 alone'
	sed -e '/^rw_mode = /d' -e "s|^dir = .*|dir = \"$pv_work/empty-sccache\"|" \
		-e 's/^\[cache\.disk\]$/&\nrw_mode = "READ_ONLY"/' -e 's/^\[cache\.s3\]$/&\nrw_mode = "READ_ONLY"/' "$pv_conf" >"$pv_work/second.toml"
	pv_free_port $((20000 + $$ % 10000))
	printf '#!/bin/sh\nSCCACHE_CONF=%s SCCACHE_SERVER_PORT=%s exec %s "$@"\n' "'$pv_work/second.toml'" "$pv_free" "'$pv_sccache'" >"$pv_work/second-wrapper"
	chmod 755 "$pv_work/second-wrapper"
	pv_clean SCCACHE_CONF="$pv_work/second.toml" SCCACHE_SERVER_PORT="$pv_free" SCCACHE_IDLE_TIMEOUT=0 SCCACHE_LOG=warn \
		SCCACHE_START_SERVER=1 SCCACHE_NO_DAEMON=1 timeout -k 1 "$((pv_end_at - $(date +%s)))" "$pv_sccache" >"$pv_work/second.said" 2>&1 &
	pv_second=$!
	pv_await_port "$pv_free"
	pv_until=$(($(date +%s) + PV_STORE_SECONDS)) pv_shown=''
	while RUSTC_WRAPPER=$pv_work/second-wrapper && export RUSTC_WRAPPER && pv_build first; do
		if ! pv_compiled dependency && ! pv_compiled member; then
			pv_fact "built by a second, empty server: its 2 libraries from S3"
			pv_shown=1
		elif [ "$(date +%s)" -lt "$pv_until" ]; then
			sleep 1
			continue
		else
			pv_store_refuses 'what sccache writes' "$(grep -i -e denied -e forbidden -e NoSuchBucket -e Invalid -e Signature "$pv_work/second.said" | tail -n 1 | cut -c 1-300)"
		fi
		break
	done
	kill "$pv_second" 2>/dev/null
	wait "$pv_second" 2>/dev/null
}

# pv_store_remote BLOB-FILE
pv_store_remote() {
	if [ ! -x "$pv_bazel_remote" ]; then
		pv_warn 'nothing was read back from S3: bazel-remote runs in a container, not from a program on this host'
		return
	fi
	pv_store_ready || return 0
	pv_step='reading the blob from S3 alone'
	pv_hash=$(sha256sum <"$1")
	pv_free_port $((30000 + $$ % 10000))
	pv_second_http=$pv_free
	pv_free_port $((pv_free + 1))
	{
		sed -e '/^\(dir\|http_address\|grpc_address\|profile_address\|num_uploaders\|access_log_level\|htpasswd_file\|tls_[a-z_]*\|allow_unauthenticated_reads\):/d' \
			-e "s|^\\( *aws_shared_credentials_file:\\).*|\\1 ${pv_keys:-none}|" "$pv_bazel_remote_conf"
		printf 'dir: %s\nhttp_address: 127.0.0.1:%s\ngrpc_address: 127.0.0.1:%s\nnum_uploaders: 0\naccess_log_level: all\n' \
			"$pv_work/empty-bazel-remote" "$pv_second_http" "$pv_free"
	} >"$pv_work/second.yaml"
	pv_clean timeout -k 1 "$((pv_end_at - $(date +%s)))" "$pv_bazel_remote" --config_file "$pv_work/second.yaml" >"$pv_work/second.log" 2>&1 &
	pv_second=$!
	pv_await_port "$pv_second_http"
	pv_until=$(($(date +%s) + PV_STORE_SECONDS)) pv_shown=''
	while :; do
		pv_got=$(pv_timed "$PV_ANSWER_SECONDS" sh -c "$pv_http_get" http-get 127.0.0.1 "$pv_second_http" "/cas/${pv_hash%% *}" 2>/dev/null | wc -c)
		if [ "$pv_got" -ge "$PV_BLOB_BYTES" ]; then
			pv_fact 'read by a second, empty server: its blob from S3'
			pv_shown=1
			break
		elif [ "$(date +%s)" -ge "$pv_until" ] || pv_late; then
			pv_store_refuses 'what bazel-remote writes' "$(grep -i s3 "$pv_work/second.log" | tail -n 1 | cut -c 1-300)"
			break
		fi
		sleep 1
	done
	kill "$pv_second" 2>/dev/null
	wait "$pv_second" 2>/dev/null
}

# --- tier 2: bazel-remote behind moon ----------------------------------------------------------------------------

pv_prove_moon() {
	pv_remote_sizes
	[ -z "$pv_failed" ] || return
	if ! pv_found moon; then
		pv_skip 'there is no moon on this host'
	elif ! pv_found git; then
		pv_skip 'there is no git on this host, without which moon caches nothing'
	elif case ${MOON_CACHE:-read-write} in off | read | write) true ;; *) false ;; esac; then
		pv_skip "moon.cache is $MOON_CACHE: nothing can be stored and read back"
	else
		pv_moon_session && pv_moon_tasks
	fi
}

pv_remote_sizes() {
	[ -n "$pv_http" ] && [ -n "$pv_http_get" ] || return 0
	pv_step='asking bazel-remote for its status'
	pv_status=$(pv_timed "$PV_ANSWER_SECONDS" sh -c "$pv_http_get" http-get "${pv_http%:*}" "${pv_http##*:}" /status) || {
		pv_cause "bazel-remote does not answer http://$pv_http/status within $PV_ANSWER_SECONDS s" 'npm run up, which starts it; while it reads its index it does not listen'
		return
	}
	pv_size MaxSize "$(printf '%s' "$pv_status" | tr -d '\n ' | pv_json MaxSize)" "$pv_MaxSize" bazel-remote \
		'it was started with other settings, or is another server' 'end it, then npm run up'
	pv_environment=$(pv_environ "${pv_http##*:}")
	for pv_name in GOMEMLIMIT GOGC; do
		eval "pv_value=\$pv_$pv_name"
		if [ -z "$pv_value" ]; then
			continue
		elif [ -z "$pv_environment" ]; then
			pv_fact "$pv_name is not known: $(id -un) may not look into the process"
		else
			pv_size "$pv_name" "$(printf '%s\n' "$pv_environment" | sed -n "s/^$pv_name=//p")" "$pv_value" bazel-remote \
				'it was started with other settings' 'npm run up, which restarts it'
		fi
	done
}
# Environment of the process that listens on port $1, a line each; nothing where it is another user's.
pv_environ() {
	pv_listens "$1" || return 0
	pv_pid=$(ls -l /proc/[0-9]*/fd 2>/dev/null |
		awk -v socket="socket:[$pv_inode]" '/^\/proc/ { split($1, part, "/"); pid = part[3] } index($0, socket) { print pid; exit }')
	[ -z "$pv_pid" ] || tr '\0' '\n' <"/proc/$pv_pid/environ"
}

# What a session has of moon's settings.
pv_moon_session() {
	[ "${MOON_REMOTE_HOST-}" = "$pv_grpc" ] || {
		pv_cause "MOON_REMOTE_HOST is '${MOON_REMOTE_HOST-}', not $pv_grpc: a new session on this host does not get warmbox's environment" "see $pv_env; then npm run up"
		return 1
	}
	[ -z "$pv_concurrency" ] || pv_size MOON_CONCURRENCY "${MOON_CONCURRENCY-}" "$pv_concurrency" 'a new session' "something sets it after $pv_env" 'npm run up'
}

pv_moon_tasks() {
	# moon's own local layers would answer in the remote's stead; its home would be the user's.
	unset MOON_CACHE_SHARED_WORKTREE_CACHE MOON_EXPERIMENT_CAS_OUTPUTS_CACHE MOON_FORCE MOON_HOME
	# Its plugin is compiled once for all, where a session names a cache or moon has been used: that takes seconds.
	if [ -d "$HOME/.moon" ]; then XDG_CACHE_HOME=${XDG_CACHE_HOME:-$HOME/.cache}; else XDG_CACHE_HOME=${XDG_CACHE_HOME:-$pv_work/moon-home/.cache}; fi
	HOME=$pv_work/moon-home MOON_DEBUG_REMOTE=1
	export HOME XDG_CACHE_HOME MOON_DEBUG_REMOTE
	mkdir "$HOME"
	pv_repository 0
	pv_step='the first moon run, without a remote cache'
	(cd "$pv_work/moon0/one" && MOON_REMOTE_HOST='' && export MOON_REMOTE_HOST && pv_timed "$PV_WARM_SECONDS" moon run proof:blob >"$pv_work/moon.warm" 2>&1) || {
		pv_cause "moon itself does not work (exit code $?; 124 is the time limit): $(pv_last "$pv_work/moon.warm")" 'npm run doctor'
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
				pv_shown=1
				[ -z "$pv_store" ] || pv_store_remote "$pv_work/moon$pv_try/one/big.bin"
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
	pv_step='git, making a repository of two worktrees'
	mkdir -p "$pv_top/one/.moon"
	(
		cd "$pv_top/one" || exit
		printf 'projects:\n  proof: "."\ntelemetry: false\n' >.moon/workspace.yml
		printf 'toolchains:\n  default: "system"\ntasks:\n  blob:\n    command: "sh make.sh"\n    inputs: ["make.sh"]\n    outputs: ["big.bin"]\n' >moon.yml
		printf '# %s %s\nhead -c %s /dev/urandom >big.bin\n' "$pv_nonce" "$1" "$PV_BLOB_BYTES" >make.sh
		printf '/.moon/cache\n/big.bin\n' >.gitignore
		pv_timed "$PV_ANSWER_SECONDS" git init -q . && git add -A &&
			git -c user.name=warmbox -c user.email=warmbox@localhost -c commit.gpgsign=false commit -q --no-verify -m proof &&
			git worktree add -q --detach ../two
	) >/dev/null 2>&1 </dev/null
}

# pv_moon_run TRY TREE: without a terminal, as an agent runs it.
pv_moon_run() {
	pv_out=$pv_work/moon$1.$2.out
	pv_step="moon run in worktree $2"
	(cd "$pv_work/moon$1/$2" && pv_timed "$PV_MOON_SECONDS" moon run proof:blob >"$pv_out" 2>&1)
	pv_code=$?
	if [ "$pv_code" -ge 124 ] && [ -n "$pv_store_down" ]; then
		pv_skip "S3 at $pv_store_down, and each lookup of bazel-remote waits for it: nothing can be shown before it does"
		return 1
	elif [ "$pv_code" -ge 124 ]; then
		pv_cause "moon did not end within $PV_MOON_SECONDS s: $pv_grpc takes connections but does not answer" 'restart bazel-remote: npm run up'
		return 1
	elif [ "$pv_code" -ne 0 ]; then
		pv_cause "moon failed (exit code $pv_code): $(pv_last "$pv_out")" 'npm run doctor'
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

pv_prove_cargo() {
	pv_found cargo || { pv_skip 'there is no cargo on this host'; return; }
	for pv_tree in registry1 registry2; do
		pv_package "$pv_tree" 'itoa = "1"' ''
	done
	[ -z "$pv_jobs" ] || pv_cargo_jobs
	pv_step='cargo fetch'
	if ! pv_fetch registry1; then
		pv_skip "no crate can be had from the registry now: $(pv_last "$pv_work/registry1.out")"
		return
	fi
	cp "$pv_work/registry1/Cargo.lock" "$pv_work/registry2/"
	pv_step='cargo fetch with the network off'
	if unshare -rn true 2>/dev/null; then pv_net='unshare -rn' pv_how='no network'; else pv_net='' pv_how='cargo offline'; fi
	if CARGO_NET_OFFLINE=true && export CARGO_NET_OFFLINE && pv_fetch registry2 $pv_net; then
		pv_fact "a second worktree resolved and fetched its crates with $pv_how, from ${CARGO_HOME:-$HOME/.cargo}"
		pv_shown=1
	else
		pv_cause "a second worktree cannot resolve with $pv_how: $(pv_last "$pv_work/registry2.out")" \
			"every build must have one CARGO_HOME, ${CARGO_HOME:-$HOME/.cargo}, and may write there"
	fi
}
# pv_fetch TREE [PREFIX…]
pv_fetch() {
	pv_tree=$1
	shift
	# Without a network it ends at once: it holds the lock of the package cache, for which the builds of tier 1 wait.
	(cd "$pv_work/$pv_tree" && CARGO_NET_RETRY=0 && export CARGO_NET_RETRY && pv_timed "$PV_FETCH_SECONDS" "$@" cargo fetch >"$pv_work/$pv_tree.out" 2>&1)
}

# The jobs of a build as cargo reads them from all its files. The command is one of nightly cargo's, on its own word.
pv_cargo_jobs() {
	pv_step='asking cargo for build.jobs'
	pv_live=$(cd "$pv_work/registry1" && RUSTC_BOOTSTRAP=1 && export RUSTC_BOOTSTRAP && pv_timed "$PV_ANSWER_SECONDS" cargo -Z unstable-options config get --format json-value build.jobs 2>"$pv_work/jobs.said") ||
		grep -q 'is not set' "$pv_work/jobs.said" || {
		pv_fact 'build.jobs is not known: this cargo does not tell its configuration'
		return
	}
	if [ "$pv_live" = "$pv_jobs" ]; then
		pv_fact "build.jobs $pv_live, as configured"
	else # the user's own key wins, and may stay: a preview says so
		pv_warn "build.jobs is ${pv_live:-not set}, configured is $pv_jobs: delete it from ${CARGO_HOME:-$HOME/.cargo}/config.toml, or write cargo.jobs: ${pv_live:-N} in the stack"
	fi
}
