# --- commit: the journal, files prepared and renamed, services restarted, the ledger swapped

# Carries out what is planned, as $1 (apply or remove). From the journal on, any end but success puts everything back.
wb_commit() {
  wb_box=$path_state/$wb_resource
  { mkdir -p "$wb_box/objects" && wb_own "$wb_box" "$path_state"; } 2>/dev/null || wb_die_write "$wb_box"
  wb_store_objects
  wb_journal_files "$1"
  cp "$wb_stage/journal" "$wb_box/journal.new" 2>/dev/null || wb_die_write "$wb_box/journal" "nothing was changed"
  wb_sync "$wb_box/journal.new" "$wb_box/objects"/*
  wb_open=$wb_box
  mv -f "$wb_box/journal.new" "$wb_box/journal" || wb_die_write "$wb_box/journal"
  wb_sync "$wb_box"
  wb_make_directories
  wb_prepare_files
  [ "$1" = remove ] || { cp "$wb_stage/ledger" "$wb_box/ledger.new" 2>/dev/null && wb_sync "$wb_box/ledger.new"; } ||
    wb_die_write "$wb_box/ledger"
  if [ $wb_restarts -gt 0 ]; then
    true >"$wb_box/touched" || wb_die_write "$wb_box"
  fi
  wb_each_service old wb_commit_stop
  wb_give_directories
  wb_rename_files
  wb_each_service new wb_commit_start
  wb_commit_live "$1"
  wb_swap_ledger "$1" || wb_die_write "$wb_box/ledger"
  mv -f "$wb_box/journal" "$wb_box/done" || wb_die_write "$wb_box"
  wb_open=''
  wb_sync "$wb_box"
  wb_finish "$wb_box"
}

# Stores the bytes that the ledger to be speaks of, each whole under its name or not at all.
wb_store_objects() {
  wb_at=1
  while [ $wb_at -le $wb_objects ]; do
    eval "wb_sha=\$wb_o_sha_$wb_at wb_draft=\$wb_o_file_$wb_at"
    [ -e "$wb_box/objects/$wb_sha" ] ||
      { cat "$wb_draft" >"$wb_box/objects/new" && mv -f "$wb_box/objects/new" "$wb_box/objects/$wb_sha"; } 2>/dev/null ||
      wb_die_write "$wb_box/objects" "nothing was changed"
    wb_at=$((wb_at + 1))
  done
}

# Completes the journal: its kind, the files it changes, the directories it makes.
wb_journal_files() {
  wb_fresh=old
  [ -e "$wb_box/ledger" ] || wb_fresh=fresh
  wb_journal transaction "$1" "$wb_fresh"
  wb_missing=''
  wb_at_file=1
  while [ $wb_at_file -le $wb_files ]; do
    if wb_plan_differs $wb_at_file; then
      wb_journal file "$wb_real" "$wb_path" "$wb_sha" "$wb_nsha"
      [ "$wb_nsha" = absent ] || wb_miss "${wb_real%/*}"
    fi
    wb_at_file=$((wb_at_file + 1))
  done
  while read -r wb_real; do
    [ -z "$wb_real" ] || wb_miss "$wb_real"
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

# Notes the directories whose contents go with them: those of the ledger that nothing speaks of any more, if they are ours.
wb_journal_drops() {
  wb_each=1
  while [ $wb_each -le $wb_lines ]; do
    wb_line $wb_each
    if [ "$wb_1" = directory ] && { [ "$1" = remove ] || ! wb_step_for; }; then
      if [ "$wb_5" != purge ]; then
        wb_journal emptied "$wb_2"
      elif grep -qxF -e "$wb_2" "$path_state/made"; then
        wb_journal purge "$wb_2"
      elif [ -d "$wb_2" ]; then
        wb_say "$wb_3 was there before warmbox: its contents stay. To drop them: rm -r '$wb_2'"
      fi
    fi
    wb_each=$((wb_each + 1))
  done
}

# Makes the missing directories, after they are on the list of those that are ours to remove.
wb_make_directories() {
  if [ -n "$wb_missing" ]; then
    { cat "$path_state/made" && printf '%s' "$wb_missing"; } >"$path_state/made.new" 2>/dev/null &&
      mv -f "$path_state/made.new" "$path_state/made" || wb_die_write "$path_state/made"
    while read -r wb_real; do
      [ -z "$wb_real" ] || wb_make_directory
    done <<WARMBOX-DIRECTORIES
$wb_missing
WARMBOX-DIRECTORIES
  fi
  wb_at=1
  while [ $wb_at -le $wb_steps ]; do
    eval "wb_here=\$wb_s_kind_$wb_at wb_real=\${wb_s_real_$wb_at:-} wb_mode=\${wb_s_mode_$wb_at:-}"
    [ "$wb_here" != directory ] || ! grep -qxF -e "$wb_real" "$path_state/made" || [ "$(stat -c %a "$wb_real")" = "$wb_mode" ] ||
      chmod "$wb_mode" "$wb_real" || wb_die_write "$wb_real"
    wb_at=$((wb_at + 1))
  done
}

# Gives directories, with all that is in them, to the owners that their steps name.
wb_give_directories() {
  wb_at=1
  while [ $wb_at -le $wb_steps ]; do
    eval "wb_here=\$wb_s_kind_$wb_at wb_real=\${wb_s_real_$wb_at:-} wb_owned=\${wb_s_with_$wb_at:-}"
    [ "$wb_here:${wb_owned:+owned}" != directory:owned ] ||
      find "$wb_real/" ! -user "${wb_owned%:*}" -exec chown -h "$wb_owned" {} + || wb_die_write "$wb_real" "only root can give it to $wb_owned"
    wb_at=$((wb_at + 1))
  done
}

# Makes wb_real, with the operator's own umask and the owner of the directory above.
wb_make_directory() {
  umask "$wb_umask"
  mkdir "$wb_real" 2>/dev/null || [ -d "$wb_real" ] || wb_die_write "$wb_real"
  umask 077
  wb_own "$wb_real" "${wb_real%/*}/" || wb_die_write "$wb_real"
}

# Puts every new file beside its target and a second name on every old one: all that needs space is done before any target changes.
wb_prepare_files() {
  set --
  wb_at_file=1
  while [ $wb_at_file -le $wb_files ]; do
    if wb_plan_differs $wb_at_file; then
      wb_prepare_file 2>"$wb_stage/why" || wb_die_write "$wb_real" "$(cat "$wb_stage/why")"
      [ "$wb_nsha" = absent ] || set -- "$@" "$wb_real.warmbox-new"
    fi
    wb_at_file=$((wb_at_file + 1))
  done
  [ $# = 0 ] || wb_sync "$@"
}

# One of them: the plan just taken.
wb_prepare_file() {
  rm -f "$wb_real.warmbox-old" "$wb_real.warmbox-new" || return 1
  if [ "$wb_sha" != absent ]; then
    [ "$wb_user" = 0 ] || [ -O "$wb_real" ] || { echo "it belongs to another user" >&2 && return 1; }
    ln "$wb_real" "$wb_real.warmbox-old" 2>/dev/null || cp -p "$wb_real" "$wb_real.warmbox-old" || return 1
  fi
  [ "$wb_nsha" != absent ] || return 0
  if [ "$wb_sha" != absent ]; then
    cp -p "$wb_real" "$wb_real.warmbox-new" && chmod 600 "$wb_real.warmbox-new" || return 1
  fi
  cat "$wb_draft" >"$wb_real.warmbox-new" || return 1
  if [ "$wb_sha" = absent ]; then wb_own "$wb_real.warmbox-new" "${wb_real%/*}/" || return 1; fi
  if [ "$wb_user" = 0 ] && [ "$wb_uid:$wb_gid" != "$wb_nuid:$wb_ngid" ]; then
    chown -h "$wb_nuid:$wb_ngid" "$wb_real.warmbox-new" || return 1
  fi
  chmod "$wb_nmode" "$wb_real.warmbox-new" || return 1
  wb_prepare_ident
}

# The ledger names a large file by its identity, which it has from now on.
wb_prepare_ident() {
  grep -q "IDENT$wb_at_file$wb_tab" "$wb_stage/ledger" 2>/dev/null || return 0
  wb_ident=$(stat -c '%s:%Y:%i' "$wb_real.warmbox-new") &&
    sed "s|IDENT$wb_at_file$wb_tab|$wb_ident$wb_tab|" "$wb_stage/ledger" >"$wb_stage/ledger.ident" &&
    mv -f "$wb_stage/ledger.ident" "$wb_stage/ledger"
}

# The change itself: each target is whole at any moment, old or new.
wb_rename_files() {
  set --
  wb_at_file=1
  while [ $wb_at_file -le $wb_files ]; do
    if wb_plan_differs $wb_at_file; then
      if [ "$wb_nsha" = absent ]; then
        rm -f "$wb_real" || wb_die_write "$wb_real"
      else
        mv -f "$wb_real.warmbox-new" "$wb_real" || wb_die_write "$wb_real"
      fi
      set -- "$@" "${wb_real%/*}/"
    fi
    wb_at_file=$((wb_at_file + 1))
  done
  [ $# = 0 ] || wb_sync "$@"
}

# Runs $2 for each service line of kind $1 in the journal to be.
wb_each_service() {
  [ $wb_restarts -gt 0 ] || return 0
  while wb_split; do
    [ "$wb_1" != "$1" ] || $2
  done <"$wb_stage/journal"
}

# Stops a service under its old definition.
wb_commit_stop() {
  wb_load_journal_service 4
  [ "$wb_2" = stopped ] && [ "$wb_3" = stop ] || wb_service_stop "$wb_3"
}

# Starts a service under its new definition and waits for it.
wb_commit_start() {
  wb_load_journal_service 2
  wb_service_start || wb_service_die
  wb_await_ready || wb_service_die
}

# Takes the service of a journal line into use: its eight fields begin at number $1.
wb_load_journal_service() {
  case $1 in
    2) wb_load_service "$wb_2$wb_tab$wb_3$wb_tab$wb_4$wb_tab$wb_5$wb_tab$wb_6$wb_tab$wb_7$wb_tab$wb_8$wb_tab$wb_9" ;;
    4) wb_load_service "$wb_4$wb_tab$wb_5$wb_tab$wb_6$wb_tab$wb_7$wb_tab$wb_8$wb_tab$wb_9$wb_tab${wb_10}$wb_tab${wb_11}" ;;
  esac
}

# Demands that what runs says what was asked for; a daemon may need a moment after it listens.
wb_commit_live() {
  [ "$1" = apply ] || return 0
  wb_at=1
  while [ $wb_at -le $wb_steps ]; do
    if eval "[ \"\$wb_s_kind_$wb_at\" = live ]"; then
      eval "service_name=\$wb_s_name_$wb_at wb_line=\$wb_s_file_$wb_at wb_command=\$wb_s_with_$wb_at"
      wb_tries=0
      while wb_ask_live "$wb_command" && [ "$wb_answer" != "$wb_line" ]; do
        wb_tries=$((wb_tries + 1))
        [ $wb_tries -lt 20 ] || wb_die 78 "$service_name says '$wb_answer', not '$wb_line'" "find out what overrides it, then run the same command again"
        wb_pause
      done
    fi
    wb_at=$((wb_at + 1))
  done
}

# The new ledger takes the old one's place, which is kept until the change is complete.
wb_swap_ledger() {
  rm -f "$wb_box/ledger.old" || return 1
  if [ -e "$wb_box/ledger" ]; then
    ln "$wb_box/ledger" "$wb_box/ledger.old" 2>/dev/null ||
      { cp "$wb_box/ledger" "$wb_box/ledger.tmp" && mv -f "$wb_box/ledger.tmp" "$wb_box/ledger.old"; } || return 1
  fi
  if [ "$1" = remove ]; then rm -f "$wb_box/ledger"; else mv -f "$wb_box/ledger.new" "$wb_box/ledger"; fi
}
