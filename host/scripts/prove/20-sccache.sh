# --- tier 1, sccache: built twice, and in a second worktree

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
  has_program cargo || {
    pv_skip 'there is no cargo on this host'
    return
  }
  [ -x "$pv_sccache" ] || {
    pv_cause "sccache is not at $pv_sccache" './warmbox up'
    return
  }
  port_is_open "$pv_port" || {
    pv_cause "no server listens on port $pv_port" './warmbox up, which starts it'
    return
  }
  pv_step='asking sccache for its statistics'
  pv_stats >"$pv_work/s0" || {
    pv_cause "port $pv_port is open, but no sccache answers there within $PV_ANSWER_SECONDS s: it is stopped, hung, of another version, or another program" "see who has the port (ss -ltnp), end it, then ./warmbox up"
    return
  }
  pv_size max_cache_size "$(pv_json max_cache_size <"$pv_work/s0")" "$pv_max_cache_size" "the server on port $pv_port" \
    'it was started with other settings (SCCACHE_CACHE_SIZE or SCCACHE_DIR in an environment win over the file), or is another server' \
    "end it ($pv_sccache --stop-server with SCCACHE_SERVER_PORT=$pv_port), then ./warmbox up"
  grep -q '"effective_cache_mode":"ReadOnly"' "$pv_work/s0" &&
    pv_cause 'the server is read-only: it stores nothing' "remove rw_mode from $pv_conf, then ./warmbox up"
  pv_crates
  pv_compiler || return
  pv_build first || return
  pv_compiled dependency && pv_compiled member || {
    pv_cause "the probe crate was built, but no compiler was seen at work: something else than RUSTC=$pv_work/rustc compiled it" './warmbox doctor'
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
    pv_cause "rustc does not work: $(pv_last "$pv_work/rustc.said")" 'see rustup show, or ./warmbox doctor'
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
    pv_cause "the probe crate does not build (exit code $pv_code; 124 is the time limit): $(pv_last "$pv_work/$1.out")" './warmbox doctor'
  fi
  return 1
}

# Did cargo ask this server? A hit of another one is no hit of this stack's.
pv_asked() {
  if ! grep -q "$pv_wrapper" "$pv_work/first.out"; then
    pv_runs=$(sed -n 's/^ *Running `\(.*\) [^ ]*rustc --crate-name member.*/\1/p' "$pv_work/first.out" | sed 's/.* //' | head -n 1)
    pv_cause "cargo does not run $pv_wrapper but ${pv_runs:-rustc alone}" "see which file sets build.rustc-wrapper: ${CARGO_HOME:-$HOME/.cargo}/config.toml, one in a parent directory, or RUSTC_WRAPPER; then ./warmbox up"
  elif ! grep -qx "SCCACHE_SERVER_PORT=$pv_port" "$pv_wrapper"; then
    pv_cause "$pv_wrapper does not ask the server on port $pv_port but another one" "./warmbox up, which writes it again"
  else
    return 0
  fi
  return 1
}

pv_why_no_hit() {
  if said=$(grep -h '^warmbox: sccache: ' "$pv_work/first.out"); then
    pv_cause "$1: $(printf '%s\n' "$said" | head -n 1 | sed 's/^warmbox: sccache: //; s/; compiling without.*//')" './warmbox up'
  elif grep -q -e '-C incremental=' "$pv_work/first.out"; then
    pv_cause "$1: incremental compilation is on, which sccache does not cache" "remove build.incremental and profile.*.incremental from ${CARGO_HOME:-$HOME/.cargo}/config.toml; then ./warmbox up"
  elif [ "$(pv_delta cache_write_errors "$pv_work/s0" "$pv_work/s1")" -gt 0 ]; then
    pv_cause "$1: the server cannot write its cache" "see space and owner of ${pv_cache:-its directory} (df, ls -ld); restart it afterwards: ./warmbox up"
  elif [ "$(pv_delta cache_writes "$pv_work/s0" "$pv_work/s1")" -eq 0 ]; then
    pv_cause "$1: the server stores nothing" "see rw_mode in $pv_conf, and whether ${pv_cache:-its directory} was removed under the server; then ./warmbox up"
  else
    pv_cause "$1: it stores, but finds nothing" 'something in the key differs between two equal builds: look for CARGO_* variables with changing values'
  fi
}
