# --- apply and remove: the last word of a script, which uses all of the above

# Brings the host to what the script says.
apply() {
  local number=1
  wb_dirty=0 wb_restarts=0
  wb_lock
  wb_recover
  wb_resource_state=$path_state/$wb_resource
  wb_read_ledger "$wb_resource_state"
  {
    printf '# warmbox ledger of %s\n' "$wb_resource"
    [ -z "$wb_restored_why" ] || printf '# restored: %s\n' "$wb_restored_why"
    printf 'owner\t%s\ngeneration\t%s\n' "$wb_owner" "$wb_generation"
  } >"$wb_stage/ledger" || wb_die_write "$wb_stage"
  true >"$wb_stage/journal"
  wb_plan_drops
  while [ $number -le $wb_steps ]; do
    wb_plan_step $number
    number=$((number + 1))
  done
  wb_plan_shared
  wb_check_steps
  [ -z "$wb_was_owner" ] || [ "$wb_was_owner" = "$wb_owner" ] || wb_say "taking over from stack $wb_was_owner"
  if wb_is_unchanged; then
    wb_commit_live apply
  else
    wb_commit apply
  fi
}

# Is the host as the script wants it, to the last directory?
wb_is_unchanged() {
  local number=1 directory=''
  [ $wb_restarts = 0 ] && cmp -s "$wb_stage/ledger" "$wb_resource_state/ledger" || return 1
  while [ $number -le $wb_files ]; do
    ! wb_plan_differs $number || return 1
    number=$((number + 1))
  done
  while read -r directory; do
    [ -z "$directory" ] || [ -d "$directory" ] || return 1
  done <<WARMBOX-DIRECTORIES
$wb_directories
WARMBOX-DIRECTORIES
}

# Brings back the host's files and services from before the script's first apply.
remove() {
  wb_restarts=0
  [ -d "$path_state" ] || { wb_state_sweep && return 0; }
  wb_lock
  wb_recover
  wb_read_ledger "$path_state/$wb_resource"
  if [ -n "$wb_was_owner" ] && [ "$wb_was_owner" != "$wb_owner" ]; then
    wb_say "it belongs to stack $wb_was_owner now: left alone"
    return 0
  fi
  [ "$wb_resource" != library ] || wb_library_free || return 0
  if [ -n "$wb_was_owner" ]; then wb_remove_plan; fi
  [ "$wb_resource" != library ] || wb_state_remove
}

# Plans and carries out the end of every line of the ledger, last first.
wb_remove_plan() {
  local number="$wb_lines"
  true >"$wb_stage/journal"
  while [ "$number" -gt 0 ]; do
    wb_line "$number"
    case $line_kind in
      service) wb_journal_drop ;;
      *) wb_plan_undo "$number" && wb_plan_copy "$number" ;;
    esac
    number=$((number - 1))
  done
  wb_commit remove
}

# May the library be removed? Not while another resource's ledger needs it: then that one's owner gets it.
wb_library_free() {
  local ledger='' users='' heir='' own="$path_state/library/ledger"
  for ledger in "$path_state"/*/ledger; do
    case $ledger in */library/ledger | *'*'*) continue ;; esac
    heir=$(sed -n 's/^owner	//p' "$ledger")
    ledger=${ledger%/ledger}
    users="$users ${ledger##*/}"
  done
  [ -n "$users" ] || return 0
  wb_say "still needed by$users (stack $heir): left in place"
  if [ -n "$wb_was_owner" ] && [ "$heir" != "$wb_owner" ]; then
    sed "s/^owner	.*/owner	$heir/" "$own" >"$own.new" && mv -f "$own.new" "$own"
  fi
  return 1
}

# Removes the state directory, and those directories above it that warmbox made and that have nothing else: moved aside
# in one rename, so that a kill leaves nothing that looks like state.
wb_state_remove() {
  local top="$path_state"
  if [ -f "$path_state/linger" ]; then
    timeout "$WB_ASK_SECONDS" loginctl disable-linger "$(cat "$path_state/linger")" \
      </dev/null >/dev/null 2>&1 9>&- || true
  fi
  while grep -qxF -e "${top%/*}" "$path_state/made" && [ "$(ls -A "${top%/*}")" = "${top##*/}" ]; do
    top=${top%/*}
  done
  mv -T "$top" "$top.warmbox-old" && rm -rf "$top.warmbox-old" || wb_die_write "$top"
}
