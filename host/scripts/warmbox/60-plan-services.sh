# --- plan of the services: which are restarted, and why; the lines of the journal

# Decides whether the service of the present line is to be (re)started, and notes in the journal what that takes.
wb_plan_service() {
  wb_found_line=- wb_before=-
  if wb_find_line service "$wb_s_name"; then
    wb_before=$wb_2
    wb_found_line=$wb_3$wb_tab$wb_4$wb_tab$wb_5$wb_tab$wb_6$wb_tab$wb_7$wb_tab$wb_8$wb_tab$wb_9$wb_tab${wb_10}
  fi
  wb_load_service "$wb_s_with"
  wb_service_look
  if [ "$wb_found_line" = - ] && [ "$service_kind" != process ] && [ "$service_kind" != container ]; then
    case $service_state in running*) wb_before=running ;; esac
  fi
  wb_write_line service "$wb_before" "$wb_s_with"
  wb_reason=''
  if [ "$wb_dirty" = 1 ]; then
    wb_reason='its files changed'
  elif [ "$wb_found_line" != - ] && [ "$wb_found_line" != "$wb_s_with" ]; then
    wb_reason='its settings changed'
  elif [ "$service_state" = starting ] || [ "$service_state" = running ]; then
    if ! wb_is_taken && wb_await_ready "$service_exits"; then wb_plan_live; else wb_reason=$wb_why; fi
  else
    wb_reason="it was $service_state"
  fi
  [ -z "$wb_reason" ] || wb_plan_restart
}

# A live line that is not as it should be is a reason to restart its service.
wb_plan_live() {
  wb_at=1
  while [ $wb_at -le $wb_steps ]; do
    eval "wb_here=\${wb_s_kind_$wb_at}:\${wb_s_name_$wb_at:-} wb_line=\${wb_s_file_$wb_at:-} wb_command=\${wb_s_with_$wb_at:-}"
    if [ "$wb_here" = "live:$service_name" ]; then
      wb_ask_live "$wb_command"
      [ "$wb_answer" = "$wb_line" ] || wb_reason="it says '$wb_answer', not '$wb_line'"
    fi
    wb_at=$((wb_at + 1))
  done
}

# Notes a restart: what to stop (the service as the ledger knows it), what to start.
wb_plan_restart() {
  wb_restarts=$((wb_restarts + 1))
  wb_was=running
  [ "$service_state" != stopped ] || wb_was=stopped
  [ "$wb_found_line:$service_kind" != -:container ] || wb_was=stopped # one that was just made and fails is not put back
  [ "$wb_found_line" != - ] || wb_found_line=$wb_s_with
  wb_new_kind=$service_kind wb_new_file=$service_file wb_disposal=stop
  wb_load_service "$wb_found_line"
  [ "$service_kind:$service_file" = "$wb_new_kind:$wb_new_file" ] || {
    wb_disposal=drop
    wb_service_look
    case $service_state in stopped) wb_was=stopped ;; *) wb_was=running ;; esac
  }
  wb_journal old "$wb_was" "$wb_disposal" "$wb_found_line"
  wb_journal new "$wb_s_with"
}

# Notes the end of the service of the ledger line just taken.
wb_journal_drop() {
  wb_restarts=$((wb_restarts + 1))
  wb_found_line=$wb_3$wb_tab$wb_4$wb_tab$wb_5$wb_tab$wb_6$wb_tab$wb_7$wb_tab$wb_8$wb_tab$wb_9$wb_tab${wb_10}
  wb_before=$wb_2
  wb_load_service "$wb_found_line"
  wb_service_look
  wb_was=running
  [ "$service_state" != stopped ] || wb_was=stopped
  wb_journal old "$wb_was" drop "$wb_found_line"
  [ "$wb_before" != running ] || wb_journal revive "$wb_found_line"
}

# Adds a line to the journal to be.
wb_journal() {
  wb_joined=$1
  shift
  for wb_word; do wb_joined=$wb_joined$wb_tab$wb_word; done
  printf '%s\n' "$wb_joined" >>"$wb_stage/journal" || wb_die_write "$wb_stage"
}
