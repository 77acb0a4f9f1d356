# --- proved and restore: what passed a proof last, remembered and brought back

# proved NAME…: remembers what these resources have now as what `restore` goes back to.
proved() (
  wb_paths
  umask 077
  wb_resource=proof
  wb_lock
  for wb_name; do
    wb_box=$path_state/$wb_name
    [ ! -f "$wb_box/ledger" ] ||
      { cp "$wb_box/ledger" "$wb_box/proved.new" && mv -f "$wb_box/proved.new" "$wb_box/proved"; } ||
      wb_die_write "$wb_box/proved"
  done
)

# unproved STACK: forgets what was remembered of its resources; what only that speaks of goes with their next change.
unproved() (
  wb_paths
  wb_resource=proof
  [ -d "$path_state" ] || exit 0
  wb_lock
  for wb_found in "$path_state"/*/proved; do
    ! grep -qsx "owner$wb_tab$1" "$wb_found" || rm -f "$wb_found"
  done
)

# restore NAME 'WHY': brings a resource back to what it had when a proof passed last, by an ordinary apply, under the next
# generation: so the stack's next preview shows that its script is not what stands here. Prints what came of it.
# Its owner stays. A secret file has no copy to come from, so a resource with one is left in place.
restore() (
  wb_paths
  wb_box=$path_state/$1
  if [ ! -f "$wb_box/ledger" ] || [ ! -f "$wb_box/proved" ]; then
    echo "$1: no earlier configuration was ever proved here: the new one stays in place"
    exit 0
  elif [ "$(wb_ledger_body "$wb_box/ledger")" = "$(wb_ledger_body "$wb_box/proved")" ]; then
    echo "$1: its configuration is the one that was proved last: nothing to put back"
    exit 0
  fi
  wb_read_ledger "$wb_box"
  resource "$1" owner="$wb_was_owner" generation=$((wb_was_generation + 1))
  mkdir "$wb_stage/proved" && cp "$wb_box/proved" "$wb_stage/proved/ledger" || wb_die_write "$wb_stage"
  wb_read_ledger "$wb_stage/proved"
  wb_old_line=1
  while [ $wb_old_line -le $wb_lines ]; do
    wb_line $wb_old_line
    wb_restore_step
    wb_old_line=$((wb_old_line + 1))
  done
  wb_restored_why=$(printf '%s' "$2" | tr '\n\t' '  ')
  apply
  echo "$1: put back to what was proved last"
)

# A ledger without its head, which differs between two applies of the same.
wb_ledger_body() { sed -e '/^#/d' -e "/^owner$wb_tab/d" -e "/^generation$wb_tab/d" "$1"; }

# The line just taken of an old ledger as the line of a script that it was written from. What was read by its reader then
# is not read again.
wb_restore_step() {
  case $wb_1:$wb_10 in
    put:secret) wb_die 65 "$wb_3 is secret, and no copy of it is kept" "set the secret it had before, and run up" ;;
    put:* | include:* | block:*)
      wb_old_kind=$wb_1
      wb_step_path "$wb_1" "$wb_3"
      wb_set s_check $wb_steps -
      wb_set s_with $wb_steps ''
      case $wb_old_kind in
        put) wb_set s_mode $wb_steps "$wb_4" && wb_set s_flag $wb_steps "$wb_10" && wb_restore_bytes "$wb_5" ;;
        include) wb_set s_name $wb_steps "$wb_10" ;;
        block) wb_set s_name $wb_steps "$wb_10" && wb_restore_bytes "$wb_12" ;;
      esac
      ;;
    directory:*)
      wb_step_path directory "$wb_3"
      wb_set s_mode $wb_steps "$wb_4"
      wb_set s_flag $wb_steps "$wb_5"
      ;;
    service:*)
      wb_step service
      wb_set s_name $wb_steps "$wb_3"
      wb_set s_with $wb_steps "$wb_3$wb_tab$wb_4$wb_tab$wb_5$wb_tab$wb_6$wb_tab$wb_7$wb_tab$wb_8$wb_tab$wb_9$wb_tab${wb_10}"
      ;;
    live:*)
      wb_step live
      wb_set s_name $wb_steps "$wb_2"
      wb_set s_file $wb_steps "$wb_3"
      wb_set s_with $wb_steps "$wb_4"
      ;;
  esac
}

# The step's bytes are those that were kept under sha256 $1.
wb_restore_bytes() {
  wb_set s_sha $wb_steps "$1"
  wb_set s_file $wb_steps "$wb_box/objects/$1"
}
