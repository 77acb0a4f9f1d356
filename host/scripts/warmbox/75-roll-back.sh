# --- back, or finish: a change undone from its journal, or cleaned up after

# Undoes the change whose journal is in $1: services, files, directories, ledger, services again. May be repeated.
wb_roll_back() {
  local state="$1" origin='' unmade=''
  wb_open=''
  [ -e "$state/journal" ] || { rm -f "$state"/*.new && return 0; }
  if [ -e "$state/touched" ]; then wb_each_service new wb_back_stop "$state/journal"; fi
  while wb_read_entry; do
    case $entry_kind in
      file) wb_back_file ;;
      made) unmade=$entry_directory$wb_newline$unmade ;;
      transaction) origin=$entry_origin ;;
    esac
  done <"$state/journal"
  wb_unmake
  if [ -e "$state/ledger.old" ]; then
    mv -f "$state/ledger.old" "$state/ledger"
  elif [ "$origin" = fresh ]; then
    rm -f "$state/ledger"
  fi
  if [ -e "$state/touched" ]; then wb_each_service old wb_back_start "$state/journal"; fi
  rm -f "$state/ledger.new" "$state/ledger.old" "$state/touched" "$state/journal"
}

# Removes the directories in unmade. They are taken off the list of warmbox's first: one that the user makes there, or
# has put something into, must not be removed later.
wb_unmake() {
  local directory=''
  [ -n "$unmade" ] || return 0
  printf '%s' "$unmade" >"$wb_stage/unmade" && {
    grep -vxF -f "$wb_stage/unmade" "$path_state/made" >"$path_state/made.new" || [ $? = 1 ]
  } && mv -f "$path_state/made.new" "$path_state/made" || wb_say "cannot write $path_state/made"
  while read -r directory; do
    rmdir "$directory" 2>/dev/null || true
  done <"$wb_stage/unmade"
}

# Stops a service that the change has started.
wb_back_stop() {
  wb_load_service "$entry_service"
  wb_service_stop drop
}

# Starts a service that ran before.
wb_back_start() {
  wb_load_service "$entry_service"
  if [ "$entry_was" = running ]; then
    if wb_service_start && wb_await_ready; then return 0; fi
    wb_say "$service_name could not be started as it was before: $wb_why"
  fi
}

# Puts one file back: from its second name if it has warmbox's bytes; an edit made since the interruption stays.
wb_back_file() {
  local old="$entry_real.warmbox-old" real='' sha='' mode='' uid='' gid='' ident=''
  rm -f "$entry_real.warmbox-new"
  wb_follow "$entry_real"
  if [ -e "$old" ] && [ "$real" -ef "$old" ]; then
    rm -f "$old"
    return 0
  fi
  wb_look "$real"
  if [ "$sha" = "$entry_new_sha" ] && [ -e "$old" ]; then
    mv -f "$old" "$real"
  elif [ "$sha" = "$entry_new_sha" ] && [ "$entry_sha" = absent ]; then
    rm -f "$real"
  else
    [ "$sha" = "$entry_sha" ] || wb_say "$entry_path was edited meanwhile: the edit stays"
    rm -f "$old"
  fi
}

# Cleans up after the complete change in $1. May be repeated.
wb_finish() {
  local state="$1" action=apply emptied=''
  while wb_read_entry; do
    case $entry_kind in
      transaction) action=$entry_action ;;
      file)
        rm -f "$entry_real.warmbox-old"
        [ "$entry_new_sha" != absent ] || emptied=1
        ;;
      purge) rm -rf "$entry_directory" && emptied=1 ;;
      emptied) emptied=1 ;;
      old) wb_finish_service ;;
      revive) wb_finish_revive ;;
    esac
  done <"$state/done"
  if [ $action = remove ]; then
    rm -rf "$state/ledger" "$state/objects"
  else
    wb_drop_objects
  fi
  [ $action = apply ] && [ -z "$emptied" ] || wb_drop_directories
  rm -f "$state/ledger.old" "$state/touched" "$state/done"
  [ $action = apply ] || rm -rf "$state"
}

# Cleans up after a service that was removed: its log, and what its manager remembers.
wb_finish_service() {
  wb_load_service "$entry_service"
  case $entry_disposal:$service_kind in
    drop:process) rm -f "$path_state/run/$service_name".* "$path_state/log/$service_name".log* ;;
    drop:systemd-*) wb_systemctl daemon-reload >/dev/null 2>&1 || true ;;
  esac
}

# Starts a service that ran before warmbox had one of its name.
wb_finish_revive() {
  wb_load_service "$entry_service"
  wb_service_start || wb_say "$service_name could not be started as it was before warmbox: $wb_why"
}

# Removes stored bytes that neither the ledger nor the proved one names any more.
wb_drop_objects() {
  local object=''
  set --
  for object in "$state/objects"/*; do
    grep -qsF -e "${object##*/}" "$state/ledger" "$state/proved" || set -- "$@" "$object"
  done
  [ $# = 0 ] || rm -f "$@"
}

# Removes directories that warmbox made, are empty, and no ledger asks for; deepest first.
wb_drop_directories() {
  local directory='' deepest_first='' rest=''
  while read -r directory; do
    deepest_first=$directory$wb_newline$deepest_first
  done <"$path_state/made"
  while read -r directory; do
    [ -n "$directory" ] || continue
    grep -qsF -e "directory$wb_tab$directory$wb_tab" "$path_state"/*/ledger || rmdir "$directory" 2>/dev/null || true
    [ ! -d "$directory" ] || rest=$directory$wb_newline$rest
  done <<WARMBOX-DIRECTORIES
$deepest_first
WARMBOX-DIRECTORIES
  printf '%s' "$rest" >"$path_state/made.new" && mv -f "$path_state/made.new" "$path_state/made"
}
