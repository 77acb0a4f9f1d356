# --- one at a time: the state directory, the host's lock, and what a killed run left

# Makes the state directory and what is missing above it in one rename, so that the list of what was made is never lost.
wb_state_make() {
  wb_top='' wb_made='' wb_at=$path_state
  while [ ! -d "$wb_at" ]; do
    wb_top=$wb_at wb_made=$wb_at$wb_newline$wb_made
    wb_at=${wb_at%/*}
    [ -n "$wb_at" ] || wb_at=/
  done
  [ -n "$wb_top" ] || return 0
  wb_draft=$wb_top.warmbox-new
  rm -rf "$wb_draft.$$"
  (umask "$wb_umask" && mkdir -p "$wb_draft.$$${path_state#"$wb_top"}") &&
    printf '%s' "$wb_made" >"$wb_draft.$$${path_state#"$wb_top"}/made" &&
    mkdir "$wb_draft.$$${path_state#"$wb_top"}/run" "$wb_draft.$$${path_state#"$wb_top"}/log" &&
    chmod 700 "$wb_draft.$$${path_state#"$wb_top"}" && wb_own_all "$wb_draft.$$" "$wb_at" &&
    mv -T "$wb_draft.$$" "$wb_top" 2>/dev/null || rm -rf "$wb_draft.$$"
  [ -d "$path_state" ] || wb_die_write "$path_state"
}

# The same as wb_own for a whole tree.
wb_own_all() {
  [ "$wb_user" = 0 ] || return 0
  wb_owned=$(stat -c '%u:%g' "$2") && { [ "$wb_owned" = 0:0 ] || chown -hR "$wb_owned" "$1"; }
}

# Takes the host's lock, waiting a bounded time. Descriptor 8 waits, 9 holds: so a holder can be told from who waits.
wb_lock() {
  command -v flock >/dev/null || wb_die 69 "this host has no flock" "install the package util-linux"
  wb_waited=0
  while :; do
    wb_state_make
    true >>"$path_state/lock" 2>/dev/null || wb_die_write "$path_state/lock"
    exec 8<>"$path_state/lock"
    while ! flock -n 8; do
      [ $wb_waited -lt "$((${WARMBOX_LOCK_SECONDS:-$WB_LOCK_SECONDS} * 5))" ] || wb_die 75 \
        "the host is busy: process $(wb_lock_holder) is changing it" "wait for it, or end it if it hangs, then run again"
      [ $wb_waited -ne 25 ] || wb_say "waiting for process $(wb_lock_holder), which is changing this host"
      wb_waited=$((wb_waited + 1))
      sleep 0.2 2>/dev/null || sleep 1
    done
    exec 9<&8 8<&-
    [ ! "$path_state/lock" -ef /proc/self/fd/9 ] || break
    exec 9<&-
  done
  wb_state_sweep
}

# Drops what runs killed in the middle of making or removing the state directory left beside it.
wb_state_sweep() {
  for wb_at in "$HOME/.local" "$HOME/.local/state" "$path_state"; do
    rm -rf "$wb_at.warmbox-old" "$wb_at".warmbox-new.*
  done
}

# Who holds the lock: the oldest process with the lock as its descriptor 9.
wb_lock_holder() {
  wb_holder=unknown
  for wb_process in /proc/[0-9]*; do
    [ "$wb_process/fd/9" -ef "$path_state/lock" ] || continue
    wb_process=${wb_process#/proc/}
    [ "$wb_holder" != unknown ] && [ "$wb_holder" -lt "$wb_process" ] || wb_holder=$wb_process
  done
  printf '%s' "$wb_holder"
}

# Ends what a killed run left: a complete change is cleaned up after, any other is undone.
wb_recover() {
  for wb_found in "$path_state"/*/; do
    wb_found=${wb_found%/}
    case ${wb_found##*/} in run | log | '*') continue ;; esac
    if [ -e "$wb_found/journal" ]; then
      wb_say "undoing the interrupted change of ${wb_found##*/}"
      wb_roll_back "$wb_found"
    elif [ -e "$wb_found/done" ]; then
      wb_finish "$wb_found"
    fi
    [ -e "$wb_found/ledger" ] || rm -rf "$wb_found"
  done
}
