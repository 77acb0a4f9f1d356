# --- tier 2, bazel-remote behind moon: a task run in two worktrees

pv_prove_moon() {
  pv_remote_sizes
  [ -z "$pv_failed" ] || return
  if ! has_program moon; then
    pv_skip 'there is no moon on this host'
  elif ! has_program git; then
    pv_skip 'there is no git on this host, without which moon caches nothing'
  elif printf '%s\n' "${MOON_CACHE:-read-write}" | grep -qxE 'off|read|write'; then
    pv_skip "moon.cache is $MOON_CACHE: nothing can be stored and read back"
  else
    pv_moon_session && pv_moon_tasks
  fi
}

pv_remote_sizes() {
  [ -n "$pv_http" ] && [ -n "$pv_http_get" ] || return 0
  pv_step='asking bazel-remote for its status'
  pv_status=$(pv_timed "$PV_ANSWER_SECONDS" sh -c "$pv_http_get" http-get "${pv_http%:*}" "${pv_http##*:}" /status) || {
    pv_cause "bazel-remote does not answer http://$pv_http/status within $PV_ANSWER_SECONDS s" './warmbox up, which starts it; while it reads its index it does not listen'
    return
  }
  pv_size MaxSize "$(printf '%s' "$pv_status" | tr -d '\n ' | pv_json MaxSize)" "$pv_MaxSize" bazel-remote \
    'it was started with other settings, or is another server' 'end it, then ./warmbox up'
  pv_environment=$(pv_environ "${pv_http##*:}")
  for pv_setting in GOMEMLIMIT GOGC; do
    eval "pv_value=\$pv_$pv_setting"
    if [ -z "$pv_value" ]; then
      continue
    elif [ -z "$pv_environment" ]; then
      pv_fact "$pv_setting is not known: $(id -un) may not look into the process"
    else
      pv_size "$pv_setting" "$(printf '%s\n' "$pv_environment" | sed -n "s/^$pv_setting=//p")" "$pv_value" bazel-remote \
        'it was started with other settings' './warmbox up, which restarts it'
    fi
  done
}
# Environment of the process that listens on port $1, a line each; nothing where it is another user's.
pv_environ() {
  pv_inode=$(port_listeners | sed -n "s/^$(printf '%04X' "$1") //p" | head -n 1)
  [ -n "$pv_inode" ] || return 0
  pv_pid=$(ls -l /proc/[0-9]*/fd 2>/dev/null |
    awk -v socket="socket:[$pv_inode]" '/^\/proc/ { split($1, part, "/"); pid = part[3] } index($0, socket) { print pid; exit }')
  [ -z "$pv_pid" ] || tr '\0' '\n' <"/proc/$pv_pid/environ"
}

# What a session has of moon's settings.
pv_moon_session() {
  [ "${MOON_REMOTE_HOST-}" = "$pv_grpc" ] || {
    pv_cause "MOON_REMOTE_HOST is '${MOON_REMOTE_HOST-}', not $pv_grpc: a new session on this host does not get warmbox's environment" "see $pv_env; then ./warmbox up"
    return 1
  }
  [ -z "$pv_concurrency" ] || pv_size MOON_CONCURRENCY "${MOON_CONCURRENCY-}" "$pv_concurrency" 'a new session' "something sets it after $pv_env" './warmbox up'
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
    pv_cause "moon itself does not work (exit code $?; 124 is the time limit): $(pv_last "$pv_work/moon.warm")" './warmbox doctor'
    return
  }
  # Twice: until moon 2.5.6 a lookup before the connection is made is silently skipped.
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
        pv_cause "the blob of $PV_BLOB_BYTES bytes came back with other bytes" './warmbox doctor'
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
    pv_cause "moon did not end within $PV_MOON_SECONDS s: $pv_grpc takes connections but does not answer" 'restart bazel-remote: ./warmbox up'
    return 1
  elif [ "$pv_code" -ne 0 ]; then
    pv_cause "moon failed (exit code $pv_code): $(pv_last "$pv_out")" './warmbox doctor'
    return 1
  fi
}

pv_why_no_remote() {
  pv_all=$(cat "$pv_work"/moon[12].*.out)
  case $pv_all in
    *localhost*)
      pv_cause 'moon switches the remote cache off for an address with localhost or 0.0.0.0 where no terminal is' 'write grpc_address: 127.0.0.1:PORT in the stack; then ./warmbox up'
      ;;
    *'Failed to connect to storage backend'*)
      pv_cause "moon cannot connect to $pv_grpc: nothing listens there, or it is not bazel-remote" 'compare grpc_address in the configuration of bazel-remote; then ./warmbox up'
      ;;
    *)
      pv_cause "a second worktree does not get the task from $pv_grpc: nothing was stored, or moon queried the cache before it was connected" 'see the log of bazel-remote; ./warmbox prove once more'
      ;;
  esac
}
