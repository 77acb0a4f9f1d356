# --- one change at a time: the state directory, the host's lock, and what a killed run left

# Makes the state directory and what is missing above it in one rename, so that the list of what was made is never lost.
wb_state_make() {
  local top='' made='' above="$path_state" draft='' inner=''
  while [ ! -d "$above" ]; do
    top=$above made=$above$wb_newline$made
    above=${above%/*}
    [ -n "$above" ] || above=/
  done
  [ -n "$top" ] || return 0
  draft=$top.warmbox-new.$$
  inner=$draft${path_state#"$top"}
  rm -rf "$draft"
  (umask "$wb_umask" && mkdir -p "$inner") &&
    printf '%s' "$made" >"$inner/made" &&
    mkdir "$inner/run" "$inner/log" &&
    chmod 700 "$inner" && wb_own "$draft" "$above" -R &&
    mv -T "$draft" "$top" 2>/dev/null || rm -rf "$draft"
  [ -d "$path_state" ] || wb_die_write "$path_state"
}

# Takes the host's lock, waiting a bounded time. Descriptor 8 waits, 9 holds: so a holder differs from who waits.
wb_lock() {
  local tries=0
  command -v flock >/dev/null || wb_die 69 "this host has no flock" "install the package util-linux"
  while :; do
    wb_state_make
    true >>"$path_state/lock" 2>/dev/null || wb_die_write "$path_state/lock"
    exec 8<>"$path_state/lock"
    while ! flock -n 8; do
      [ $tries -lt "$((${WARMBOX_LOCK_SECONDS:-$WB_LOCK_SECONDS} * 5))" ] || wb_die 75 \
        "the host is busy: process $(wb_lock_holder) is changing it" \
        "wait for it, or end it if it hangs, then run again"
      [ $tries -ne 25 ] || wb_say "waiting for process $(wb_lock_holder), which is changing this host"
      tries=$((tries + 1))
      sleep 0.2 2>/dev/null || sleep 1
    done
    exec 9<&8 8<&-
    [ ! "$path_state/lock" -ef /proc/self/fd/9 ] || break
    exec 9<&-
  done
  wb_state_sweep
}

# Removes what runs that were killed while they made or removed the state directory left beside it.
wb_state_sweep() {
  local directory=''
  for directory in "$HOME/.local" "$HOME/.local/state" "$path_state"; do
    rm -rf "$directory.warmbox-old" "$directory".warmbox-new.*
  done
}

# Prints the holder of the lock: the oldest process with the lock as its descriptor 9.
wb_lock_holder() {
  local holder=unknown process=''
  for process in /proc/[0-9]*; do
    [ "$process/fd/9" -ef "$path_state/lock" ] || continue
    process=${process#/proc/}
    [ "$holder" != unknown ] && [ "$holder" -lt "$process" ] || holder=$process
  done
  printf '%s' "$holder"
}

# Ends what a killed run left: a complete change is cleaned up after, any other is undone.
wb_recover() {
  local directory=''
  for directory in "$path_state"/*/; do
    directory=${directory%/}
    case ${directory##*/} in run | log | '*') continue ;; esac
    if [ -e "$directory/journal" ]; then
      wb_say "undoing the interrupted change of ${directory##*/}"
      wb_roll_back "$directory"
    elif [ -e "$directory/done" ]; then
      wb_finish "$directory"
    fi
    [ -e "$directory/ledger" ] || rm -rf "$directory"
  done
}
