# Shows on a host that the three caches hit: a green build proves nothing, since each of them fails silently.
# On a host it is one file, prove.sh; this tree has its parts in host/scripts/prove/, joined in the order of their names.
# Needs: lib/frame.sh lib/ports.sh
# Run as: sh -s, with host/sections' framing on stdout, this text on stdin, and at its end one call such as
#   prove cargo_home=/…/.cargo jobs=3 sccache=/…/sccache port=4226 max_cache_size=1073741824 wrapper=/…/rustc-wrapper \
#     conf=/…/config env=/…/env http=127.0.0.1:9090 grpc=grpc://127.0.0.1:9092 MaxSize=5368709120 moon=/…/moon …
# A word that is left out is a tier, or a size, that the stack does not have. Beside the sizes:
#   store=URL      the S3 behind both caches; keys=FILE its credentials, where they are in a file
#   http_get=TEXT  the program of host/scripts/bin/http-get.sh; bazel_remote=PROGRAM and bazel_remote_conf=FILE of tier 2
# All work is done in one temporary directory, which is removed. It ends within PV_LIMIT_SECONDS and a second.
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
      pv_ended_early "$pv_name" "no temporary directory can be made below ${TMPDIR:-/tmp}"
    done
    echo '@@warmbox end'
    return 0
  }
  trap 'rm -rf "$pv_work"' EXIT
  trap 'exit 143' TERM INT HUP PIPE
  pv_session
  pv_store_down=''
  if [ -n "$pv_store" ] && { has_program curl || has_program wget; } && ! pv_store_answers; then pv_store_down="$pv_store does not answer${pv_status:+ (HTTP status $pv_status)}"; fi
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
      pv_ended_early "$pv_name" "its answer is not whole: is ${TMPDIR:-/tmp} full? $(df -Pk "$pv_work" 2>/dev/null | awk 'NR == 2 { print $4 " KiB free" }')"
    fi
  done
  echo '@@warmbox end'
}

# Takes the words into pv_NAME; a missing one is empty.
pv_words() {
  pv_sccache='' pv_port='' pv_max_cache_size='' pv_wrapper='' pv_env='' pv_http='' pv_grpc='' pv_MaxSize='' pv_moon=''
  # shellcheck disable=SC2034 # read by name
  pv_cargo_home='' pv_http_get='' pv_conf='' pv_cache='' pv_jobs='' pv_concurrency='' pv_GOMEMLIMIT='' pv_GOGC=''
  pv_store='' pv_keys='' pv_bazel_remote='' pv_bazel_remote_conf=''
  for pv_word; do
    pv_value=${pv_word#*=}
    eval "pv_${pv_word%%=*}=\$pv_value"
  done
}

# Removes what killed runs left below $1.
pv_sweep() {
  for pv_stale in "$1"/warmbox-prove.[0-9]*.*; do
    pv_pid=${pv_stale##*/warmbox-prove.} pv_pid=${pv_pid%%.*}
    case $pv_pid in *[!0-9]*) continue ;; esac
    [ -d "/proc/$pv_pid" ] || [ ! -O "$pv_stale" ] || rm -rf "$pv_stale"
  done
}

# The environment of a session on this host. The caller's variables must have no influence; a session's
# must.
pv_session() {
  pv_nonce=$$_$(date +%s)
  case $PATH in *"$HOME/.cargo/bin"*) ;; *) PATH=$PATH:${pv_cargo_home:-$HOME/.cargo}/bin:$HOME/.cargo/bin ;; esac
  [ -z "$pv_moon" ] || PATH=$(dirname "$pv_moon"):$PATH
  export PATH
  [ -z "$pv_cargo_home" ] || [ "$pv_cargo_home" = "$HOME/.cargo" ] || export CARGO_HOME="$pv_cargo_home"
  unset RUSTC RUSTC_WRAPPER CARGO_BUILD_RUSTC_WRAPPER CARGO_INCREMENTAL CARGO_TARGET_DIR CARGO_BUILD_JOBS RUSTFLAGS CI
  if [ -n "$pv_env" ] && [ -r "$pv_env" ]; then
    # shellcheck disable=SC1090 # the host's own file
    . "$pv_env"
  fi
}
