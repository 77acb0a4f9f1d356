# Fills a host's caches by building one workspace in a throw-away git worktree; the user's checkout is not touched.
# Needs: lib/frame.sh lib/paths.sh lib/tools.sh
# Run as: sh -s, with this text on stdin, and at its end one call such as
#   warm workspace=src/app cargo=/home/ci/.cargo http=127.0.0.1:9090 'store=none' 'step=cargo fetch' force=0 </dev/null
# Output, line by line as it comes: `|plan N COMMAND`, `|step N`, `|out TEXT`, `|alone N` (moon had no bazel-remote),
# `|beat N SECONDS`, `|ended N SECONDS CODE`, and last `|result warm|filled|busy|failed WHY`. What was done is noted below
# ~/.cache/warmbox/warm, so that a run that was cut goes on, and a second one has nothing to do: commit, lock file, toolchain,
# commands, cache directories and store are its key.
#
# A store (S3, GCS) that was not filled yet gets everything: both caches send there only what is written to them, and what
# they have is not written again. So each crate is compiled again (SCCACHE_RECACHE) and each task run again (MOON_FORCE), and
# the outputs that moon does not send, as bazel-remote has them, are written once more.

WA_STEP_SECONDS=7200 # a step that takes longer hangs
WA_BEAT_SECONDS=5    # a word at least so often, by which the operator, and this script, see that the other is there
WA_COPY='copy what the tasks made to the store'
WA_EMPTY=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 # sha256 of nothing

wa_newline='
'

warm() {
  set +e +u
  LC_ALL=C
  export LC_ALL
  wa_workspace='' wa_cargo='' wa_force=0 wa_dirs='' wa_steps=0
  wa_store=none wa_remote=.cache/bazel-remote wa_http=
  host_paths
  wa_env=$path_config/env
  [ "${WARMBOX_SCOPE:-user}" = user ] || wa_env=/etc/profile.d/warmbox.sh
  for wa_word; do
    case $wa_word in
      workspace=*) wa_workspace=$(absolute_path "${wa_word#*=}") ;;
      cargo=*) wa_cargo=$(absolute_path "${wa_word#*=}") ;;
      sccache=*) wa_dirs=$wa_dirs$wa_newline$(absolute_path "${wa_word#*=}") ;;
      bazel-remote=*) wa_remote=$(absolute_path "${wa_word#*=}") wa_dirs=$wa_dirs$wa_newline$wa_remote ;;
      http=*) wa_http=${wa_word#*=} ;;
      store=*) wa_store=${wa_word#*=} ;;
      force=*) wa_force=${wa_word#*=} ;;
      step=*) wa_add "${wa_word#*=}" ;;
    esac
  done
  wa_environment
  wa_prepare || return 0
  trap 'wa_clean' EXIT
  trap 'wa_stop; exit 143' TERM INT HUP PIPE
  wa_run
}

wa_add() { wa_steps=$((wa_steps + 1)) && eval "wa_step_$wa_steps=\$1"; }

# What a session on this host gets, and nothing of the caller's own that would part the caches.
wa_environment() {
  unset RUSTC_WRAPPER CARGO_BUILD_RUSTC_WRAPPER CARGO_INCREMENTAL CARGO_TARGET_DIR RUSTFLAGS
  : "${wa_cargo:=${CARGO_HOME:-$HOME/.cargo}}"
  case $PATH in *"$wa_cargo/bin"*) ;; *) PATH=$PATH:$wa_cargo/bin:$HOME/.cargo/bin ;; esac
  IFS=$wa_newline
  for wa_path in $(uploaded_tools moon); do PATH=${wa_path%/moon}:$PATH; done
  unset IFS
  export PATH
  [ "$wa_cargo" = "$HOME/.cargo" ] || export CARGO_HOME="$wa_cargo"
  if [ -r "$wa_env" ]; then
    # shellcheck disable=SC1090 # the host's own file
    . "$wa_env"
  fi
  case ${MOON_CACHE-} in off | read) MOON_CACHE=read-write && export MOON_CACHE ;; esac # else it would store nothing
  wa_queue=
  if [ -x "$path_share/bin/warmbox-run" ]; then wa_queue=$path_share/bin/warmbox-run; fi
}

# Checks the workspace, decides on the steps, and whether anything is to be done at all.
wa_prepare() {
  has_program git || { print_fact 'result failed there is no git on this host' && return 1; }
  has_program cargo || { print_fact "result failed there is no cargo on this host's PATH" && return 1; }
  [ -d "$wa_workspace" ] || { print_fact "result failed $wa_workspace is not a directory on this host; see moon.workspaces of the stack" && return 1; }
  wa_commit=$(git -C "$wa_workspace" rev-parse --verify -q HEAD) || {
    print_fact "result failed $wa_workspace is in no git repository with a commit; moon caches nothing without one"
    return 1
  }
  wa_prefix=$(git -C "$wa_workspace" rev-parse --show-prefix)
  wa_name=${wa_workspace##*/}-$(printf '%s' "$wa_workspace" | cksum | cut -d ' ' -f 1)
  wa_state=$HOME/.cache/warmbox/warm/$wa_name
  wa_tree=$wa_state/tree
  mkdir -p "$wa_state" || { print_fact "result failed cannot write $wa_state" && return 1; }
  exec 8>"$wa_state/lock"
  flock -n 8 || { print_fact 'result busy another run is filling from this workspace' && return 1; }
  [ $wa_steps -gt 0 ] || wa_default_steps
  wa_new_store=
  if [ "$wa_store" != none ]; then
    [ "$wa_force" = 0 ] && [ "$wa_store" = "$(cat "$wa_state/store" 2>/dev/null)" ] || wa_new_store=1
    [ ! -d "$wa_workspace/.moon" ] || wa_add "$WA_COPY"
  fi
  wa_key >"$wa_state/key.new"
  [ "$wa_force" = 0 ] && cmp -s "$wa_state/key.new" "$wa_state/key" || { rm -f "$wa_state/done" && mv "$wa_state/key.new" "$wa_state/key"; }
  wa_done=$(cat "$wa_state/done" 2>/dev/null)
  rm -f "$wa_state/key.new"
  [ "${wa_done:-0}" -lt $wa_steps ] || { print_fact "result warm $wa_commit" && return 1; }
}

wa_default_steps() {
  wa_locked=
  if [ -f "$wa_workspace/Cargo.lock" ]; then wa_locked=' --locked'; fi
  if [ -f "$wa_workspace/Cargo.toml" ]; then wa_add "cargo fetch$wa_locked"; fi
  if [ -f "$wa_workspace/Cargo.toml" ]; then # by moon alone, a task that bazel-remote has would compile nothing for sccache
    wa_add "cargo build --workspace$wa_locked"
    wa_add "cargo test --no-run --workspace$wa_locked"
  fi
  if [ -d "$wa_workspace/.moon" ]; then wa_add 'moon run :build :test'; fi
}

# What the caches' contents depend on. A cache directory that was made again has another number, or another time of birth.
wa_key() {
  printf 'commit %s\n' "$wa_commit"
  [ ! -f "$wa_workspace/Cargo.lock" ] || sha256sum <"$wa_workspace/Cargo.lock"
  (cd "$wa_workspace" && cargo -V && rustc -V) 2>/dev/null </dev/null
  echo "store $wa_store"
  IFS=$wa_newline
  for wa_at in $wa_dirs "$wa_cargo/registry"; do
    case $wa_at in */registry) mkdir -p "$wa_at" ;; esac
    stat -c '%n %i %W' "$wa_at" 2>/dev/null
  done
  unset IFS
  wa_n=0
  while [ $wa_n -lt $wa_steps ]; do
    wa_n=$((wa_n + 1))
    eval "printf '%s\\n' \"\$wa_step_$wa_n\""
  done
}

wa_run() {
  wa_n=0
  while [ $wa_n -lt $wa_steps ]; do
    wa_n=$((wa_n + 1))
    eval "print_fact \"plan $wa_n \$wa_step_$wa_n\""
  done
  wa_worktree || return 0
  cd "$wa_tree/$wa_prefix" || return 0
  [ -z "$wa_new_store" ] || export SCCACHE_RECACHE=1 MOON_FORCE=true
  [ "${wa_done:-0}" != 0 ] || : >"$wa_state/began"
  RUSTC_VERSION=${RUSTC_VERSION:-$(rustc -V 2>/dev/null)} # for workspaces that name it as an input: moon hashes no compiler
  export RUSTC_VERSION
  wa_n=${wa_done:-0} wa_alone=
  while [ $wa_n -lt $wa_steps ]; do
    wa_n=$((wa_n + 1))
    wa_command=''
    eval "wa_command=\$wa_step_$wa_n"
    wa_one || return 0
    [ -z "$wa_alone" ] || continue # not done: the next run fills what this one could not
    echo $wa_n >"$wa_state/done.new" && mv "$wa_state/done.new" "$wa_state/done"
  done
  rm -f "$wa_state/began" "$wa_state/store"
  [ "$wa_store" = none ] || printf '%s\n' "$wa_store" >"$wa_state/store"
  print_fact "result filled $wa_commit"
}

# Always at the same place, so that a later run hits for the members, too. A run that was killed may have left one.
wa_worktree() {
  wa_remove
  wa_said=$(git -C "$wa_workspace" -c core.hooksPath=/dev/null worktree add -q --force --detach "$wa_tree" "$wa_commit" 2>&1) || {
    print_fact "result failed git makes no worktree: $wa_said"
    return 1
  }
  # A lock file that is not committed decides the versions all the same.
  if [ -f "$wa_workspace/Cargo.lock" ] && [ ! -f "$wa_tree/${wa_prefix}Cargo.lock" ]; then
    cp "$wa_workspace/Cargo.lock" "$wa_tree/${wa_prefix}"
  fi
}

wa_remove() {
  git -C "$wa_workspace" worktree remove --force "$wa_tree" >/dev/null 2>&1
  rm -rf "$wa_tree"
  git -C "$wa_workspace" worktree prune >/dev/null 2>&1
}

# Runs one step; its output goes through a pipe with a name, so that its exit code is not lost. Descriptor 8 is the
# lock: a server that a client starts would hold it for ever.
wa_one() {
  print_fact "step $wa_n"
  wa_began=$(date +%s)
  rm -f "$wa_state/out"
  mkfifo "$wa_state/out"
  if [ "$wa_command" = "$WA_COPY" ]; then
    wa_copy <&- >"$wa_state/out" 2>&1 8>&- &
  else
    timeout -k 10 "$WA_STEP_SECONDS" ${wa_queue:+"$wa_queue" --} sh -c "$wa_command" <&- >"$wa_state/out" 2>&1 8>&- &
  fi
  wa_pid=$!
  wa_beat $$ 8>&- &
  wa_heart=$!
  wa_last=
  while IFS= read -r wa_line; do
    print_fact "out $wa_line"
    case $wa_line in *[!\ ]*) wa_last=$wa_line ;; esac
    case $wa_line in
      *'Failed to connect to storage backend'*grpc-remote-cache* | 'warmbox: moon: '*'without the remote cache'*) wa_alone=1 && print_fact "alone $wa_n" ;;
    esac
  done <"$wa_state/out"
  wait $wa_pid
  wa_code=$?
  wa_pid=
  kill "$wa_heart" 2>/dev/null
  print_fact "ended $wa_n $(($(date +%s) - wa_began)) $wa_code"
  [ $wa_code = 0 ] && return
  if [ $wa_code = 124 ]; then wa_last="longer than $WA_STEP_SECONDS s"; fi
  print_fact "result failed $wa_command (exit code $wa_code): $wa_last"
  return 1
}

# Says that the step runs. When no process reads any more (the connection is cut, the operator gone), the run ends and
# cleans up: this is its only sign.
wa_beat() {
  trap '' PIPE
  while sleep "$WA_BEAT_SECONDS" >/dev/null 2>&1; do
    print_fact "beat $wa_n $(($(date +%s) - wa_began))" 2>/dev/null || { kill -TERM "$1" && return; }
  done
}

# Writes once more what moon's tasks made: bazel-remote sends a write to the store even where it has the file, and moon does
# not write what bazel-remote has. The run's action results name their files by hash, in the clear.
wa_copy() {
  [ -n "$wa_new_store" ] || { echo 'the store is the one of before: new outputs went there by themselves' && return 0; }
  has_program curl || { echo 'left out: there is no curl on this host' && return 0; }
  [ -r "$wa_remote/ac.v2" ] || { echo "left out: $wa_remote is not for this user to read" && return 0; }
  # The file without a byte is always there, for whoever may read.
  curl -fs -o /dev/null "http://$wa_http/cas/$WA_EMPTY" 2>/dev/null || {
    echo "left out: http://$wa_http gives no files without a password or certificate" && return 0
  }
  wa_hashes=$(find "$wa_remote/ac.v2" -type f -newer "$wa_state/began" -exec cat {} + | grep -a -o -E '[0-9a-f]{64}' | sort -u)
  wa_count=0
  for wa_hash in $wa_hashes; do
    curl -fsS -o "$wa_state/blob" "http://$wa_http/cas/$wa_hash" 2>/dev/null || continue # not every such word is a file
    curl -fsS -o /dev/null -T "$wa_state/blob" "http://$wa_http/cas/$wa_hash" || return
    wa_count=$((wa_count + 1))
  done
  echo "$wa_count files"
}

wa_stop() {
  kill "${wa_heart:-}" 2>/dev/null
  [ -z "${wa_pid:-}" ] || { kill -TERM "$wa_pid" 2>/dev/null && wait "$wa_pid" 2>/dev/null; }
}

wa_clean() {
  cd / && wa_remove
  rm -f "$wa_state/out" "$wa_state/blob"
}
