# --- proved and restore: what passed a proof last, remembered and brought back

# proved NAME…: remembers the present configuration of these resources as what `restore` brings back.
proved() (
  wb_paths
  umask 077
  wb_resource=proof
  wb_lock
  for name; do
    ledger=$path_state/$name/ledger proved=$path_state/$name/proved
    [ ! -f "$ledger" ] || { cp "$ledger" "$proved.new" && mv -f "$proved.new" "$proved"; } || wb_die_write "$proved"
  done
)

# unproved STACK: forgets what was remembered of its resources; the next change of each drops the bytes for it.
unproved() (
  wb_paths
  wb_resource=proof
  [ -d "$path_state" ] || exit 0
  wb_lock
  for proved in "$path_state"/*/proved; do
    ! grep -qsx "owner$wb_tab$1" "$proved" || rm -f "$proved"
  done
)

# restore NAME 'WHY': brings a resource back to what it had when a proof passed last, by an ordinary apply, under the
# next generation: so the stack's next preview shows that its script is not what is here. Prints the result. Its owner
# stays. A secret file has no copy to come from, so a resource with one is left in place.
restore() (
  wb_paths
  wb_resource_state=$path_state/$1 number=1
  if [ ! -f "$wb_resource_state/ledger" ] || [ ! -f "$wb_resource_state/proved" ]; then
    echo "$1: no earlier configuration was ever proved here: the new one stays in place"
    exit 0
  elif [ "$(wb_ledger_body "$wb_resource_state/ledger")" = "$(wb_ledger_body "$wb_resource_state/proved")" ]; then
    echo "$1: its configuration is the one that was proved last: nothing to put back"
    exit 0
  fi
  wb_read_ledger "$wb_resource_state"
  resource "$1" owner="$wb_was_owner" generation=$((wb_was_generation + 1))
  mkdir "$wb_stage/proved" && cp "$wb_resource_state/proved" "$wb_stage/proved/ledger" || wb_die_write "$wb_stage"
  wb_read_ledger "$wb_stage/proved"
  while [ $number -le $wb_lines ]; do
    wb_line $number
    wb_restore_step
    number=$((number + 1))
  done
  wb_restored_why=$(printf '%s' "$2" | tr '\n\t' '  ')
  apply
  echo "$1: put back to what was proved last"
)

# Prints a ledger without its head, which differs between two applies of the same.
wb_ledger_body() { sed -e '/^#/d' -e "/^owner$wb_tab/d" -e "/^generation$wb_tab/d" "$1"; }

# Makes a step of the record in hand: the one that it was written from. Its reader accepted the file then, and is not
# asked again.
wb_restore_step() {
  local path='' real=''
  case $line_kind in
    put)
      [ "$line_flag" != secret ] ||
        wb_die 65 "$line_path is secret, and no copy of it is kept" "set the secret it had before, and run up"
      wb_step_path put "$line_path"
      wb_keep check -
      wb_keep mode "$line_mode"
      wb_keep flag "$line_flag"
      wb_restore_bytes "$line_sha"
      ;;
    include)
      wb_step_path include "$line_path"
      wb_keep name "$line_name"
      ;;
    block)
      wb_step_path block "$line_path"
      wb_keep name "$line_name"
      wb_restore_bytes "$line_block"
      ;;
    directory)
      wb_step_path directory "$line_path"
      wb_keep mode "$line_mode"
      wb_keep flag "$line_flag"
      ;;
    service)
      wb_step service
      wb_keep name "$line_name"
      wb_keep service "$line_service"
      ;;
    live)
      wb_step live
      wb_keep name "$line_name"
      wb_keep answer "$line_answer"
      wb_keep command "$line_command"
      ;;
  esac
}

# The open step's bytes are those that were kept under sha256 $1.
wb_restore_bytes() {
  wb_keep sha "$1"
  wb_keep source "$wb_resource_state/objects/$1"
}
