# --- apply and remove: the last word of a script, which uses all of the above

# Brings the host to what the script says.
apply() {
  wb_dirty=0 wb_restarts=0
  wb_lock
  wb_recover
  wb_box=$path_state/$wb_resource
  wb_read_ledger "$wb_box"
  {
    printf '# warmbox ledger of %s\n' "$wb_resource"
    [ -z "$wb_restored_why" ] || printf '# restored: %s\n' "$wb_restored_why"
    printf 'owner\t%s\ngeneration\t%s\n' "$wb_owner" "$wb_generation"
  } >"$wb_stage/ledger" || wb_die_write "$wb_stage"
  true >"$wb_stage/journal"
  wb_plan_drops
  wb_steps_at=1
  while [ $wb_steps_at -le $wb_steps ]; do
    wb_plan_step $wb_steps_at
    wb_steps_at=$((wb_steps_at + 1))
  done
  wb_plan_shared
  wb_check_steps
  [ -z "$wb_was_owner" ] || [ "$wb_was_owner" = "$wb_owner" ] || wb_say "taking over from stack $wb_was_owner"
  if wb_nothing_to_do; then
    wb_commit_live apply
  else
    wb_commit apply
  fi
}

# Is the host as the script wants it, to the last directory?
wb_nothing_to_do() {
  [ $wb_restarts = 0 ] && cmp -s "$wb_stage/ledger" "$wb_box/ledger" || return 1
  wb_at_file=1
  while [ $wb_at_file -le $wb_files ]; do
    ! wb_plan_differs $wb_at_file || return 1
    wb_at_file=$((wb_at_file + 1))
  done
  while read -r wb_real; do
    [ -z "$wb_real" ] || [ -d "$wb_real" ] || return 1
  done <<WARMBOX-DIRECTORIES
$wb_directories
WARMBOX-DIRECTORIES
}

# Brings the host back to what it was before the script's first apply.
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
  true >"$wb_stage/journal"
  wb_drop=$wb_lines
  while [ $wb_drop -gt 0 ]; do
    wb_line $wb_drop
    case $wb_1 in
      service) wb_journal_drop ;;
      *) wb_plan_undo $wb_drop && wb_plan_copy $wb_drop ;;
    esac
    wb_drop=$((wb_drop - 1))
  done
  wb_commit remove
}

# May the library go? Not while another resource's ledger needs it: then it passes to that one's owner.
wb_library_free() {
  wb_users='' wb_heir=''
  for wb_found in "$path_state"/*/ledger; do
    case $wb_found in */library/ledger | *'*'*) continue ;; esac
    wb_heir=$(sed -n 's/^owner	//p' "$wb_found")
    wb_found=${wb_found%/ledger}
    wb_users="$wb_users ${wb_found##*/}"
  done
  [ -n "$wb_users" ] || return 0
  wb_say "still needed by$wb_users (stack $wb_heir): left in place"
  if [ -n "$wb_was_owner" ] && [ "$wb_heir" != "$wb_owner" ]; then
    wb_box=$path_state/library
    sed "s/^owner	.*/owner	$wb_heir/" "$wb_box/ledger" >"$wb_box/ledger.new" && mv -f "$wb_box/ledger.new" "$wb_box/ledger"
  fi
  return 1
}

# The state directory goes, with those directories above it that we made and that hold nothing else: moved aside in one
# rename, so that a kill leaves nothing that looks like state.
wb_state_remove() {
  if [ -f "$path_state/linger" ]; then
    timeout "$WB_ASK_SECONDS" loginctl disable-linger "$(cat "$path_state/linger")" </dev/null >/dev/null 2>&1 9>&- || true
  fi
  wb_top=$path_state
  while grep -qxF -e "${wb_top%/*}" "$path_state/made" && [ "$(ls -A "${wb_top%/*}")" = "${wb_top##*/}" ]; do
    wb_top=${wb_top%/*}
  done
  mv -T "$wb_top" "$wb_top.warmbox-old" && rm -rf "$wb_top.warmbox-old" || wb_die_write "$wb_top"
}
