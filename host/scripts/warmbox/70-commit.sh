# --- commit: the journal, files prepared and renamed, services restarted, the ledger swapped

# Carries out what is planned, as $1 (apply or remove). From the journal on, any end but success puts everything back.
wb_commit() {
  wb_resource_state=$path_state/$wb_resource
  { mkdir -p "$wb_resource_state/objects" && wb_own "$wb_resource_state" "$path_state"; } 2>/dev/null ||
    wb_die_write "$wb_resource_state"
  wb_store_objects
  wb_journal_files "$1"
  cp "$wb_stage/journal" "$wb_resource_state/journal.new" 2>/dev/null ||
    wb_die_write "$wb_resource_state/journal" "nothing was changed"
  wb_sync "$wb_resource_state/journal.new" "$wb_resource_state/objects"/*
  wb_open=$wb_resource_state
  mv -f "$wb_resource_state/journal.new" "$wb_resource_state/journal" || wb_die_write "$wb_resource_state/journal"
  wb_sync "$wb_resource_state"
  wb_make_directories
  wb_prepare_files
  [ "$1" = remove ] || wb_prepare_ledger || wb_die_write "$wb_resource_state/ledger"
  if [ $wb_restarts -gt 0 ]; then
    true >"$wb_resource_state/touched" || wb_die_write "$wb_resource_state"
  fi
  wb_each_service old wb_commit_stop "$wb_stage/journal"
  wb_give_directories
  wb_rename_files
  wb_each_service new wb_commit_start "$wb_stage/journal"
  wb_commit_live "$1"
  wb_swap_ledger "$1" || wb_die_write "$wb_resource_state/ledger"
  mv -f "$wb_resource_state/journal" "$wb_resource_state/done" || wb_die_write "$wb_resource_state"
  wb_open=''
  wb_sync "$wb_resource_state"
  wb_finish "$wb_resource_state"
}

# Stores the bytes that the ledger to be names, each whole under its name or not at all.
wb_store_objects() {
  local number=1 objects="$wb_resource_state/objects" object=''
  while [ $number -le $wb_objects ]; do
    wb_get object_sha $number
    object=$objects/$wb_value
    wb_get object_file $number
    [ -e "$object" ] || { cat "$wb_value" >"$objects/new" && mv -f "$objects/new" "$object"; } 2>/dev/null ||
      wb_die_write "$objects" "nothing was changed"
    number=$((number + 1))
  done
}

# Completes the journal: its kind, the files it changes, the directories it makes.
wb_journal_files() {
  local number=1 origin=old directory=''
  [ -e "$wb_resource_state/ledger" ] || origin=fresh
  wb_journal transaction "$1" "$origin"
  wb_missing=''
  while [ $number -le $wb_files ]; do
    if wb_plan_differs $number; then
      wb_journal file "$file_real" "$file_path" "$file_sha" "$file_new_sha"
      [ "$file_new_sha" = absent ] || wb_miss "${file_real%/*}"
    fi
    number=$((number + 1))
  done
  while read -r directory; do
    [ -z "$directory" ] || wb_miss "$directory"
  done <<WARMBOX-DIRECTORIES
$wb_directories
WARMBOX-DIRECTORIES
  wb_journal_drops "$1"
}

# Notes the directory $1 and what is missing above it, top first, each once.
wb_miss() {
  [ ! -d "$1" ] || return 0
  case $wb_newline$wb_missing in *"$wb_newline$1$wb_newline"*) return 0 ;; esac
  [ ! -e "$1" ] || wb_die 73 "$1 is not a directory" "move it away"
  case $1 in /*/*) wb_miss "${1%/*}" ;; esac
  wb_missing=$wb_missing$1$wb_newline
  wb_journal made "$1"
}

# Notes the directories of the ledger that the script has no line for any more: purge drops the contents of one that
# warmbox made.
wb_journal_drops() {
  local number=1
  while [ $number -le $wb_lines ]; do
    wb_line $number
    if [ "$line_kind" = directory ] && { [ "$1" = remove ] || ! wb_step_for; }; then
      if [ "$line_flag" != purge ]; then
        wb_journal emptied "$line_real"
      elif grep -qxF -e "$line_real" "$path_state/made"; then
        wb_journal purge "$line_real"
      elif [ -d "$line_real" ]; then
        wb_say "$line_path was there before warmbox: its contents stay. To drop them: rm -r '$line_real'"
      fi
    fi
    number=$((number + 1))
  done
}

# Makes the missing directories, after they are on the list of those that warmbox may remove.
wb_make_directories() {
  local directory='' number=1
  if [ -n "$wb_missing" ]; then
    { cat "$path_state/made" && printf '%s' "$wb_missing"; } >"$path_state/made.new" 2>/dev/null &&
      mv -f "$path_state/made.new" "$path_state/made" || wb_die_write "$path_state/made"
    while read -r directory; do
      [ -z "$directory" ] || wb_make_directory "$directory"
    done <<WARMBOX-DIRECTORIES
$wb_missing
WARMBOX-DIRECTORIES
  fi
  while [ $number -le $wb_steps ]; do
    wb_step_load $number
    [ "$step_kind" != directory ] || ! grep -qxF -e "$step_real" "$path_state/made" ||
      [ "$(stat -c %a "$step_real")" = "$step_mode" ] || chmod "$step_mode" "$step_real" || wb_die_write "$step_real"
    number=$((number + 1))
  done
}

# Gives directories, with all that is in them, to the owners that their steps name.
wb_give_directories() {
  local number=1
  while [ $number -le $wb_steps ]; do
    wb_step_load $number
    [ "$step_kind:${step_owner:+owned}" != directory:owned ] ||
      find "$step_real/" ! -user "${step_owner%:*}" -exec chown -h "$step_owner" {} + ||
      wb_die_write "$step_real" "only root can give it to $step_owner"
    number=$((number + 1))
  done
}

# Makes the directory $1, with the operator's umask and the owner of the directory above.
wb_make_directory() {
  umask "$wb_umask"
  mkdir "$1" 2>/dev/null || [ -d "$1" ] || wb_die_write "$1"
  umask 077
  wb_own "$1" "${1%/*}/" || wb_die_write "$1"
}

# Puts each new file beside its target, and gives each old one a second name: what needs space is done before any target
# changes.
wb_prepare_files() {
  local number=1
  set --
  while [ $number -le $wb_files ]; do
    if wb_plan_differs $number; then
      wb_prepare_file $number 2>"$wb_stage/why" || wb_die_write "$file_real" "$(cat "$wb_stage/why")"
      [ "$file_new_sha" = absent ] || set -- "$@" "$file_real.warmbox-new"
    fi
    number=$((number + 1))
  done
  [ $# = 0 ] || wb_sync "$@"
}

# Prepares the file of plan $1, which is in hand.
wb_prepare_file() {
  local old="$file_real.warmbox-old" new="$file_real.warmbox-new"
  rm -f "$old" "$new" || return 1
  if [ "$file_sha" != absent ]; then
    [ "$wb_user" = 0 ] || [ -O "$file_real" ] || { echo "it belongs to another user" >&2 && return 1; }
    ln "$file_real" "$old" 2>/dev/null || cp -p "$file_real" "$old" || return 1
  fi
  [ "$file_new_sha" != absent ] || return 0
  if [ "$file_sha" != absent ]; then
    cp -p "$file_real" "$new" && chmod 600 "$new" || return 1
  fi
  cat "$file_source" >"$new" || return 1
  if [ "$file_sha" = absent ]; then wb_own "$new" "${file_real%/*}/" || return 1; fi
  if [ "$wb_user" = 0 ] && [ "$file_uid:$file_gid" != "$file_new_uid:$file_new_gid" ]; then
    chown -h "$file_new_uid:$file_new_gid" "$new" || return 1
  fi
  chmod "$file_new_mode" "$new" || return 1
  wb_prepare_ident "$1"
}

# The ledger names a large file by its identity, which plan $1 has from now on.
wb_prepare_ident() {
  local ident=''
  grep -q "IDENT$1$wb_tab" "$wb_stage/ledger" 2>/dev/null || return 0
  ident=$(stat -c '%s:%Y:%i' "$file_real.warmbox-new") &&
    sed "s|IDENT$1$wb_tab|$ident$wb_tab|" "$wb_stage/ledger" >"$wb_stage/ledger.ident" &&
    mv -f "$wb_stage/ledger.ident" "$wb_stage/ledger"
}

# Puts the new ledger beside the old one.
wb_prepare_ledger() {
  cp "$wb_stage/ledger" "$wb_resource_state/ledger.new" 2>/dev/null && wb_sync "$wb_resource_state/ledger.new"
}

# The change itself: each target is whole at any moment, old or new.
wb_rename_files() {
  local number=1
  set --
  while [ $number -le $wb_files ]; do
    if wb_plan_differs $number; then
      if [ "$file_new_sha" = absent ]; then
        rm -f "$file_real" || wb_die_write "$file_real"
      else
        mv -f "$file_real.warmbox-new" "$file_real" || wb_die_write "$file_real"
      fi
      set -- "$@" "${file_real%/*}/"
    fi
    number=$((number + 1))
  done
  [ $# = 0 ] || wb_sync "$@"
}

# Reads one line of a journal from standard input; fails at its end.
#   entry_kind; old: entry_was entry_disposal entry_service; new, revive: entry_service; transaction: entry_action
#   entry_origin; file: entry_real entry_path entry_sha entry_new_sha; made, emptied, purge: entry_directory
wb_read_entry() {
  local IFS="$wb_tab" record=''
  read -r record || return 1
  set -f
  # shellcheck disable=SC2086 # to be split at tabs
  set -- $record
  set +f
  entry_kind=${1:-}
  case $entry_kind in
    old) entry_was=$2 entry_disposal=$3 entry_service=${record#*"$wb_tab"*"$wb_tab"*"$wb_tab"} ;;
    new | revive) entry_service=${record#*"$wb_tab"} ;;
    file) entry_real=$2 entry_path=$3 entry_sha=$4 entry_new_sha=$5 ;;
    transaction) entry_action=$2 entry_origin=$3 ;;
    *) entry_directory=${2:-} ;;
  esac
}

# Runs $2 for each service line of kind $1 in the journal $3.
wb_each_service() {
  while wb_read_entry; do
    [ "$entry_kind" != "$1" ] || $2
  done <"$3"
}

# Stops a service under its old definition.
wb_commit_stop() {
  wb_load_service "$entry_service"
  [ "$entry_was" = stopped ] && [ "$entry_disposal" = stop ] || wb_service_stop "$entry_disposal"
}

# Starts a service under its new definition and waits for it.
wb_commit_start() {
  wb_load_service "$entry_service"
  wb_service_start || wb_service_die
  wb_await_ready || wb_service_die
}

# Ends where a live value is not the configured one; a daemon may need a moment after it listens.
wb_commit_live() {
  local number=1 tries=0
  [ "$1" = apply ] || return 0
  while [ $number -le $wb_steps ]; do
    wb_step_load $number
    tries=0
    while [ "$step_kind" = live ] && wb_ask_live "$step_command" && [ "$wb_answer" != "$step_answer" ]; do
      tries=$((tries + 1))
      [ $tries -lt 20 ] || wb_die 78 "$step_name says '$wb_answer', not '$step_answer'" \
        "find out what overrides it, then run the same command again"
      wb_pause
    done
    number=$((number + 1))
  done
}

# The new ledger replaces the old one, which is kept until the change is complete.
wb_swap_ledger() {
  local ledger="$wb_resource_state/ledger"
  rm -f "$ledger.old" || return 1
  if [ -e "$ledger" ]; then
    ln "$ledger" "$ledger.old" 2>/dev/null || { cp "$ledger" "$ledger.tmp" && mv -f "$ledger.tmp" "$ledger.old"; } ||
      return 1
  fi
  if [ "$1" = remove ]; then rm -f "$ledger"; else mv -f "$ledger.new" "$ledger"; fi
}
