# --- service: started, stopped, and asked for its live values

# Starts the service in use; wb_why is the reason of a failure.
wb_service_start() {
  wb_why=''
  case $service_kind in
    process) wb_free_ports && wb_process_start ;;
    container) wb_why=$(wb_docker start "$service_unit" 2>&1) || return 1 ;;
    *)
      wb_manager_ready && wb_free_ports || return 1
      wb_systemctl daemon-reload >/dev/null 2>&1 || { wb_why='systemctl daemon-reload failed' && return 1; }
      wb_systemctl reset-failed "$service_unit" >/dev/null 2>&1 || true
      wb_why=$(wb_systemctl enable "$service_unit" 2>&1) || return 1
      wb_why=$(wb_systemctl restart "$service_unit" 2>&1) || return 1
      ;;
  esac
}

# Starts a supervisor that inherits no terminal, pipe or lock, and has a clean environment.
wb_process_start() {
  local run="$path_state/run/$service_name" tries=0
  mkdir -p "$path_state/run" "${service_log%/*}" && rm -f "$run.pid" || { wb_why='cannot write' && return 1; }
  (
    umask "$wb_umask"
    cd "$HOME" || cd /
    exec env -i HOME="$HOME" PATH="$PATH" USER="${USER:-}" LOGNAME="${LOGNAME:-}" SHELL=/bin/sh \
      setsid sh "$path_share/supervise.sh" \
      "$service_name" "$service_file" "$service_log" "$run" "$service_stop_timeout" "$service_stop" \
      </dev/null >>"$service_log" 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
  ) &
  while [ ! -f "$run.pid" ]; do
    tries=$((tries + 1))
    [ $tries -le 100 ] || { wb_why="its supervisor did not start" && return 1; }
    wb_pause
  done
}

# Lets systemd's manager for this user run without a login; fails where that takes an administrator.
wb_manager_ready() {
  local login='' tries=0
  [ "$service_kind" = systemd-user ] || return 0
  : "${XDG_RUNTIME_DIR:=/run/user/$wb_user}"
  login=$(id -un)
  if [ ! -e "/var/lib/systemd/linger/$login" ] && command -v loginctl >/dev/null 2>&1; then
    ! timeout "$WB_ASK_SECONDS" loginctl --no-ask-password enable-linger "$login" </dev/null >/dev/null 2>&1 9>&- ||
      printf '%s\n' "$login" >"$path_state/linger"
  fi
  while [ ! -S "$XDG_RUNTIME_DIR/systemd/private" ] && [ ! -S "$XDG_RUNTIME_DIR/bus" ] && [ $tries -lt 50 ]; do
    tries=$((tries + 1))
    wb_pause
  done
  [ $tries -lt 50 ] && [ -e "/var/lib/systemd/linger/$login" ] || {
    wb_why="user $login has no systemd manager without a login; let an administrator run: loginctl enable-linger $login"
    return 1
  }
}

# Stops the service in use. $1 = drop: it does not start at the next boot either.
wb_service_stop() {
  case $service_kind in
    process) wb_process_stop ;;
    container) wb_docker stop --time "$service_stop_timeout" "$service_unit" >/dev/null 2>&1 || true ;;
    *)
      if [ "$1" = drop ]; then
        wb_systemctl disable --now "$service_unit" >/dev/null 2>&1 || true
      else
        wb_systemctl stop "$service_unit" >/dev/null 2>&1 || true
      fi
      ;;
  esac
}

# Ends the supervisor (which ends the daemon), then whatever of the daemon is left.
wb_process_stop() {
  local run="$path_state/run/$service_name" tries=0
  wb_process_look
  # A supervisor that has just been started holds its lock before it has written its pid file.
  while [ "$service_supervisor" = 0 ] && [ $tries -lt 50 ] && ! flock -n "$run.lock" true 2>/dev/null 9>&-; do
    tries=$((tries + 1))
    wb_pause
    wb_process_look
  done
  wb_end supervisor "$service_supervisor" "$service_supervisor" $((service_stop_timeout * 2 + 5))
  wb_process_look # its pid file is still there if it was killed
  wb_end daemon "$service_daemon" "-$service_daemon" "$service_stop_timeout"
  rm -f "$run.pid" "$run.lock"
}

# Ends the process $2 (0 = none), which the pid file calls $1: TERM, $4 seconds, then KILL to $3, its group.
wb_end() {
  local start=''
  [ "$2" != 0 ] || return 0
  kill -TERM "$2" 2>/dev/null || return 0
  start=$(date +%s)
  while wb_still_runs "$1" "$2" && [ $(($(date +%s) - start)) -lt "$4" ]; do
    wb_pause
    wb_process_look
  done
  ! wb_still_runs "$1" "$2" || kill -KILL "$3" 2>/dev/null || true
}

# Is $2 still the process that the pid file calls $1, as wb_process_look saw it?
wb_still_runs() {
  case $1 in
    supervisor) [ "$service_supervisor" = "$2" ] ;;
    *) [ "$service_daemon" = "$2" ] ;;
  esac
}

# Prints the last lines of a service's log, for a message.
wb_service_log() {
  if [ "$service_log" != - ]; then
    tail -n 15 "$service_log" 2>/dev/null
  elif [ "$service_kind" = container ]; then
    wb_docker logs --tail 200 "$service_unit" 2>&1 >/dev/null | tail -n 15 # its stdout has help and requests
  elif [ "$service_kind" = systemd-user ]; then
    timeout "$WB_ASK_SECONDS" journalctl --user -q -n 15 --no-pager -u "$service_unit" 2>/dev/null
  else
    timeout "$WB_ASK_SECONDS" journalctl -q -n 15 --no-pager -u "$service_unit" 2>/dev/null
  fi
}

# Ends because the service in use failed: the end of its log on stderr; the exit puts the previous state back.
wb_service_die() {
  wb_service_log | sed "s/^/warmbox: $service_name: | /" >&2
  wb_die 78 "service $service_name did not start: $wb_why" "fix the cause, then run the same command again"
}

# The first line that a live command prints now, into wb_answer.
wb_ask_live() {
  wb_answer=$(timeout "$WB_ASK_SECONDS" sh -c "$1" </dev/null 2>/dev/null 9>&-) || true
  wb_answer=${wb_answer%%"$wb_newline"*}
}
