# --- back, or finish: a change undone from its journal, or cleaned up after

# Undoes the change whose journal is in $1: services, files, directories, ledger, services again. May be repeated.
wb_roll_back() {
  wb_back=$1
  wb_open=''
  wb_restored=''
  [ -e "$wb_back/journal" ] || { rm -f "$wb_back"/*.new && return 0; }
  if [ -e "$wb_back/touched" ]; then wb_back_services new wb_back_stop; fi
  while wb_split; do
    case $wb_1 in
      file) wb_back_file ;;
      made) wb_restored=$wb_2$wb_newline$wb_restored ;;
      transaction) wb_fresh=$wb_3 ;;
    esac
  done <"$wb_back/journal"
  wb_unmake
  if [ -e "$wb_back/ledger.old" ]; then
    mv -f "$wb_back/ledger.old" "$wb_back/ledger"
  elif [ "$wb_fresh" = fresh ]; then
    rm -f "$wb_back/ledger"
  fi
  if [ -e "$wb_back/touched" ]; then wb_back_services old wb_back_start; fi
  rm -f "$wb_back/ledger.new" "$wb_back/ledger.old" "$wb_back/touched" "$wb_back/journal"
}

# Takes the directories in wb_restored back. They come off the list of ours first: one that the user makes there, or has
# put something into, is not ours to remove later.
wb_unmake() {
  [ -n "$wb_restored" ] || return 0
  printf '%s' "$wb_restored" >"$wb_stage/unmade" && {
    grep -vxF -f "$wb_stage/unmade" "$path_state/made" >"$path_state/made.new" || [ $? = 1 ]
  } && mv -f "$path_state/made.new" "$path_state/made" || wb_say "cannot write $path_state/made"
  while read -r wb_real; do
    rmdir "$wb_real" 2>/dev/null || true
  done <"$wb_stage/unmade"
}

# Runs $2 for each service line of kind $1 in the journal.
wb_back_services() {
  while wb_split; do
    [ "$wb_1" != "$1" ] || $2
  done <"$wb_back/journal"
}

# What the change has started does not go on.
wb_back_stop() {
  wb_load_journal_service 2
  wb_service_stop drop
}

# What ran before runs again.
wb_back_start() {
  wb_load_journal_service 4
  if [ "$wb_2" = running ]; then
    if wb_service_start && wb_await_ready; then return 0; fi
    wb_say "$service_name could not be started as it was before: $wb_why"
  fi
}

# One file back: from its second name if it has our bytes; an edit made since the interruption stays.
wb_back_file() {
  wb_second=$wb_2.warmbox-old wb_was_sha=$wb_4 wb_new_sha=$wb_5 wb_back_path=$wb_3
  rm -f "$wb_2.warmbox-new"
  wb_lead "$wb_2"
  if [ -e "$wb_second" ] && [ "$wb_real" -ef "$wb_second" ]; then
    rm -f "$wb_second"
    return 0
  fi
  wb_look "$wb_real"
  if [ "$wb_sha" = "$wb_new_sha" ] && [ -e "$wb_second" ]; then
    mv -f "$wb_second" "$wb_real"
  elif [ "$wb_sha" = "$wb_new_sha" ] && [ "$wb_was_sha" = absent ]; then
    rm -f "$wb_real"
  else
    [ "$wb_sha" = "$wb_was_sha" ] || wb_say "$wb_back_path was edited meanwhile: the edit stays"
    rm -f "$wb_second"
  fi
}

# Cleans up after the complete change in $1. May be repeated.
wb_finish() {
  wb_back=$1 wb_ended=apply wb_emptied=''
  while wb_split; do
    case $wb_1 in
      transaction) wb_ended=$wb_2 ;;
      file)
        rm -f "$wb_2.warmbox-old"
        [ "$wb_5" != absent ] || wb_emptied=1
        ;;
      purge) rm -rf "$wb_2" && wb_emptied=1 ;;
      emptied) wb_emptied=1 ;;
      old) wb_finish_service ;;
      revive) wb_load_journal_service 2 && { wb_service_start || wb_say "$service_name could not be started as it was before warmbox: $wb_why"; } ;;
    esac
  done <"$wb_back/done"
  if [ $wb_ended = remove ]; then
    rm -rf "$wb_back/ledger" "$wb_back/objects"
  else
    wb_drop_objects
  fi
  [ $wb_ended = apply ] && [ -z "$wb_emptied" ] || wb_drop_directories
  rm -f "$wb_back/ledger.old" "$wb_back/touched" "$wb_back/done"
  [ $wb_ended = apply ] || rm -rf "$wb_back"
}

# A service that is gone leaves no log of ours, and a manager that has forgotten it.
wb_finish_service() {
  wb_load_journal_service 4
  if [ "$wb_3" != drop ]; then
    return 0
  elif [ "$service_kind" = container ]; then
    return 0
  elif [ "$service_kind" != process ]; then
    wb_systemctl daemon-reload >/dev/null 2>&1 || true
  else
    rm -f "$path_state/run/$service_name".* "$path_state/log/$service_name".log*
  fi
}

# Drops stored bytes that neither the ledger nor the proved one speaks of any more.
wb_drop_objects() {
  set --
  for wb_kept in "$wb_back/objects"/*; do
    grep -qsF -e "${wb_kept##*/}" "$wb_back/ledger" "$wb_back/proved" || set -- "$@" "$wb_kept"
  done
  [ $# = 0 ] || rm -f "$@"
}

# Removes directories that we made, are empty, and no ledger asks for; deepest first.
wb_drop_directories() {
  wb_turned='' wb_left=''
  while read -r wb_real; do
    wb_turned=$wb_real$wb_newline$wb_turned
  done <"$path_state/made"
  while read -r wb_real; do
    case $wb_real in
      '') ;;
      *)
        grep -qsF -e "directory$wb_tab$wb_real$wb_tab" "$path_state"/*/ledger || rmdir "$wb_real" 2>/dev/null || true
        [ ! -d "$wb_real" ] || wb_left=$wb_real$wb_newline$wb_left
        ;;
    esac
  done <<WARMBOX-DIRECTORIES
$wb_turned
WARMBOX-DIRECTORIES
  printf '%s' "$wb_left" >"$path_state/made.new" && mv -f "$path_state/made.new" "$path_state/made"
}
