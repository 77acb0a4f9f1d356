# --- tier 3, the cargo registry: crates resolved in a second worktree, without a network

pv_prove_cargo() {
  has_program cargo || {
    pv_skip 'there is no cargo on this host'
    return
  }
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
