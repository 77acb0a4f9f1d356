# --- service: started, stopped, and asked what it says

# Starts the service in use; wb_why says what went wrong.
wb_service_start() {
  wb_why=''
  case $wb_kind in
    process) wb_free_ports && wb_process_start ;;
    container) wb_why=$(wb_docker start "$wb_unit" 2>&1) || return 1 ;;
    *)
      wb_manager_ready && wb_free_ports || return 1
      wb_systemctl daemon-reload >/dev/null 2>&1 || { wb_why='systemctl daemon-reload failed' && return 1; }
      wb_systemctl reset-failed "$wb_unit" >/dev/null 2>&1 || true
      wb_why=$(wb_systemctl enable "$wb_unit" 2>&1) || return 1
      wb_why=$(wb_systemctl restart "$wb_unit" 2>&1) || return 1
      ;;
  esac
}

# Starts a supervisor that has nothing of ours: no terminal, no pipe, no lock, and a clean environment.
wb_process_start() {
  mkdir -p "$path_state/run" "${wb_log%/*}" && rm -f "$path_state/run/$wb_name.pid" || { wb_why='cannot write' && return 1; }
  (
    umask "$wb_umask"
    cd "$HOME" || cd /
    exec env -i HOME="$HOME" PATH="$PATH" USER="${USER:-}" LOGNAME="${LOGNAME:-}" SHELL=/bin/sh \
      setsid sh "$path_share/supervise.sh" "$wb_name" "$wb_file" "$wb_log" "$path_state/run/$wb_name" "$wb_stop_timeout" "$wb_stop" \
      </dev/null >>"$wb_log" 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
  ) &
  wb_tries=0
  while [ ! -f "$path_state/run/$wb_name.pid" ]; do
    wb_tries=$((wb_tries + 1))
    [ $wb_tries -le 100 ] || { wb_why="its supervisor did not start" && return 1; }
    wb_pause
  done
}

# systemd's manager for this user needs to run without a login.
wb_manager_ready() {
  [ "$wb_kind" = systemd-user ] || return 0
  : "${XDG_RUNTIME_DIR:=/run/user/$wb_user}"
  wb_login=$(id -un)
  if [ ! -e "/var/lib/systemd/linger/$wb_login" ] && command -v loginctl >/dev/null 2>&1; then
    ! timeout "$WB_ASK_SECONDS" loginctl --no-ask-password enable-linger "$wb_login" </dev/null >/dev/null 2>&1 9>&- ||
      printf '%s\n' "$wb_login" >"$path_state/linger"
  fi
  wb_tries=0
  while [ ! -S "$XDG_RUNTIME_DIR/systemd/private" ] && [ ! -S "$XDG_RUNTIME_DIR/bus" ] && [ $wb_tries -lt 50 ]; do
    wb_tries=$((wb_tries + 1))
    wb_pause
  done
  [ $wb_tries -lt 50 ] && [ -e "/var/lib/systemd/linger/$wb_login" ] ||
    { wb_why="user $wb_login has no systemd manager of its own without a login; let an administrator run: loginctl enable-linger $wb_login" && return 1; }
}

# Stops the service in use. $1 = drop: it is not to come back at the next boot either.
wb_service_stop() {
  case $wb_kind in
    process) wb_process_stop ;;
    container) wb_docker stop --time "$wb_stop_timeout" "$wb_unit" >/dev/null 2>&1 || true ;;
    *)
      if [ "$1" = drop ]; then
        wb_systemctl disable --now "$wb_unit" >/dev/null 2>&1 || true
      else
        wb_systemctl stop "$wb_unit" >/dev/null 2>&1 || true
      fi
      ;;
  esac
}

# Ends the supervisor (which ends the daemon), then whatever of the daemon is left.
wb_process_stop() {
  wb_process_look
  wb_tries=0
  # A supervisor that has just been started holds its lock before it has written its pid file.
  while [ "$wb_supervisor" = 0 ] && [ $wb_tries -lt 50 ] && ! flock -n "$path_state/run/$wb_name.lock" true 2>/dev/null 9>&-; do
    wb_tries=$((wb_tries + 1))
    wb_pause
    wb_process_look
  done
  wb_end "$wb_supervisor" "$wb_supervisor" $((wb_stop_timeout * 2 + 5)) supervisor
  wb_process_look # its pid file is still there if it was killed
  wb_end "$wb_daemon" "-$wb_daemon" "$wb_stop_timeout" daemon
  rm -f "$path_state/run/$wb_name.pid" "$path_state/run/$wb_name.lock"
}

# Ends process $1 (0 = none): TERM, $3 seconds, then KILL to $2, its group. $4 is its word in the pid file.
wb_end() {
  [ "$1" != 0 ] || return 0
  kill -TERM "$1" 2>/dev/null || return 0
  wb_since=$(date +%s)
  while eval "[ \"\$wb_$4\" = $1 ]" && [ $(($(date +%s) - wb_since)) -lt "$3" ]; do
    wb_pause
    wb_process_look
  done
  ! eval "[ \"\$wb_$4\" = $1 ]" || kill -KILL "$2" 2>/dev/null || true
}

# The last lines of a service's log, for a message.
wb_service_log() {
  if [ "$wb_log" != - ]; then
    tail -n 15 "$wb_log" 2>/dev/null
  elif [ "$wb_kind" = container ]; then
    wb_docker logs --tail 200 "$wb_unit" 2>&1 >/dev/null | tail -n 15 # its stdout is for help and requests
  elif [ "$wb_kind" = systemd-user ]; then
    timeout "$WB_ASK_SECONDS" journalctl --user -q -n 15 --no-pager -u "$wb_unit" 2>/dev/null
  else
    timeout "$WB_ASK_SECONDS" journalctl -q -n 15 --no-pager -u "$wb_unit" 2>/dev/null
  fi
}

# A service that failed: its last words on stderr, then the end, which puts the previous state back.
wb_service_die() {
  wb_service_log | sed "s/^/warmbox: $wb_name: | /" >&2
  wb_die 78 "service $wb_name did not start: $wb_why" "mend the cause${1:-}, then run the same command again"
}

# What a live command says now: its first line, into wb_live.
wb_ask_live() {
  wb_live=$(timeout "$WB_ASK_SECONDS" sh -c "$1" </dev/null 2>/dev/null 9>&-) || true
  wb_live=${wb_live%%"$wb_newline"*}
}
