# --- plan of the services: which are restarted, and why; the lines of the journal

# Decides whether the service of the step in hand is to be (re)started, and notes in the journal what that takes.
wb_plan_service() {
  local applied=- before=- reason=''
  if wb_find_line service "$step_name"; then
    wb_line $wb_found_at
    before=$line_before applied=$line_service
  fi
  wb_load_service "$step_service"
  wb_service_look
  if [ "$applied" = - ] && [ "$service_kind" != process ] && [ "$service_kind" != container ]; then
    case $service_state in running*) before=running ;; esac
  fi
  wb_write_line service "$before" "$step_service"
  if [ "$wb_dirty" = 1 ]; then
    reason='its files changed'
  elif [ "$applied" != - ] && [ "$applied" != "$step_service" ]; then
    reason='its settings changed'
  elif [ "$service_state" = starting ] || [ "$service_state" = running ]; then
    if ! wb_is_taken && wb_await_ready "$service_exits"; then wb_plan_live; else reason=$wb_why; fi
  else
    reason="it was $service_state"
  fi
  [ -z "$reason" ] || wb_plan_restart
}

# A live line with another answer is a reason to restart its service.
wb_plan_live() {
  local number=1 key='' answer='' command=''
  while [ $number -le $wb_steps ]; do
    eval "key=\$wb_step_kind_$number:\${wb_step_name_$number:-}"
    if [ "$key" = "live:$service_name" ]; then
      eval "answer=\$wb_step_answer_$number command=\$wb_step_command_$number"
      wb_ask_live "$command"
      [ "$wb_answer" = "$answer" ] || reason="it says '$wb_answer', not '$answer'"
    fi
    number=$((number + 1))
  done
}

# Notes a restart of the service in use: what to stop (the service as the ledger has it, applied), what to start.
wb_plan_restart() {
  local was=running disposal=stop target="$service_kind:$service_file"
  wb_restarts=$((wb_restarts + 1))
  [ "$service_state" != stopped ] || was=stopped
  [ "$applied:$service_kind" != -:container ] || was=stopped # one that was just made and fails is not started again
  [ "$applied" != - ] || applied=$step_service
  wb_load_service "$applied"
  [ "$service_kind:$service_file" = "$target" ] || {
    disposal=drop
    wb_service_look
    case $service_state in stopped) was=stopped ;; *) was=running ;; esac
  }
  wb_journal old "$was" "$disposal" "$applied"
  wb_journal new "$step_service"
}

# Notes the end of the service of the record in hand.
wb_journal_drop() {
  local was=running
  wb_restarts=$((wb_restarts + 1))
  wb_load_service "$line_service"
  wb_service_look
  [ "$service_state" != stopped ] || was=stopped
  wb_journal old "$was" drop "$line_service"
  [ "$line_before" != running ] || wb_journal revive "$line_service"
}
