# --- ports: who listens, whether a service is ready, and how a port is freed for it

# Inodes of the sockets that listen on TCP port $1, into wb_sockets.
wb_listen() {
  wb_hex=$(printf '%04X' "$1") wb_sockets=''
  while read -r wb_listener wb_socket; do
    [ "$wb_listener" != "$wb_hex" ] || wb_sockets="$wb_sockets $wb_socket"
  done <<WARMBOX-LISTENERS
${wb_listening:-$(wb_listeners)}
WARMBOX-LISTENERS
  [ -n "$wb_sockets" ]
}

# Every TCP port that somebody listens on, hexadecimal, with the inode of its socket, a line each.
wb_listeners() {
  awk '$4 == "0A" { print substr($2, length($2) - 3), $10 }' /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# Is one of the processes "$@" seen to hold one of wb_sockets?
wb_holds() {
  for wb_pid; do
    [ -r "/proc/$wb_pid/fd" ] || continue
    # shellcheck disable=SC2012 # the link's target is wanted
    [ "${wb_fds_of-none}" = "$wb_pid" ] || wb_fds=$(ls -l "/proc/$wb_pid/fd" 2>/dev/null)
    [ -z "${wb_fds_of+set}" ] || wb_fds_of=$wb_pid # observe sees one moment: what it listed stays true
    for wb_socket in $wb_sockets; do
      case $wb_fds in *"socket:[$wb_socket]"*) return 0 ;; esac
    done
  done
  return 1
}

# Is one of the processes "$@" alive and not to be looked into? Then nobody can say that it does not hold a port.
wb_hidden() {
  for wb_pid; do
    [ ! -d "/proc/$wb_pid" ] || [ -r "/proc/$wb_pid/fd" ] || return 0
  done
  return 1
}

# Is it the service in use that listens, with wb_sockets? A container's port may be docker's own to hold.
wb_is_own() {
  [ "$wb_kind" != container ] || return 0
  ! wb_holds "$wb_daemon" || return 0
  wb_service_pids
  # shellcheck disable=SC2086
  wb_holds $wb_pids || wb_hidden $wb_pids
}

# The processes of the service in use, into wb_pids: the daemon first, then the rest of its session or control group.
wb_service_pids() {
  wb_pids=''
  if [ "$wb_kind" = process ]; then
    [ "$wb_daemon" = 0 ] || wb_pids=$wb_daemon
    for wb_process in /proc/[0-9]*; do
      { read -r wb_stat <"$wb_process/stat"; } 2>/dev/null || continue
      # shellcheck disable=SC2086
      set -- ${wb_stat##*) }
      [ "$4" != "$wb_daemon" ] || [ "$4" = 0 ] || wb_pids="$wb_pids ${wb_process#/proc/}"
    done
  else
    [ -z "$wb_group" ] || wb_pids=$(cat "/sys/fs/cgroup$wb_group/cgroup.procs" "/sys/fs/cgroup/systemd$wb_group/cgroup.procs" 2>/dev/null)
  fi
}

# Who listens on port $1, in words.
wb_port_holder() {
  for wb_process in /proc/[0-9]*; do
    wb_holds "${wb_process#/proc/}" || continue
    printf 'process %s (%s)' "${wb_process#/proc/}" "$(tr '\0\n\t' '   ' <"$wb_process/cmdline" | cut -c 1-120)"
    return 0
  done
  printf 'a process of another user'
}

# Is the service in use ready? Nothing of ours listens before it can answer, so LISTEN on each port, held by the service
# itself, is the answer everywhere; where the host has curl or bash, http is asked, too, and any HTTP answer will do.
wb_is_ready() {
  case $wb_state_now in running*) ;; *) return 1 ;; esac
  for wb_port in $wb_ports; do
    wb_listen "$wb_port" && wb_is_own || return 1
  done
  case $wb_ready in http*) wb_http "${wb_ready#http }" ;; esac
}

# Is a port of the service in use held by somebody else? Then wb_why says by whom.
wb_is_taken() {
  for wb_port in $wb_ports; do
    if wb_listen "$wb_port" && ! wb_is_own; then
      wb_why="port $wb_port is held by $(wb_port_holder)"
      return 0
    fi
  done
  return 1
}

# Does ADDRESS[/PATH], the first word of $1, answer HTTP at all?
wb_http() {
  set -- "${1%% *}"
  wb_address=${1%%/*}
  wb_port=${wb_address##*:}
  case $1 in */*) wb_http_path=/${1#*/} ;; *) wb_http_path=/ ;; esac
  case $wb_address in 0.0.0.0:* | :*) wb_address=127.0.0.1:$wb_port ;; '[::]':*) wb_address="[::1]:$wb_port" ;; esac
  if command -v curl >/dev/null 2>&1; then
    curl -s -o /dev/null --noproxy '*' --max-time 5 "http://$wb_address$wb_http_path" </dev/null 9>&-
  elif command -v bash >/dev/null 2>&1; then
    wb_address=${wb_address%:*} wb_address=${wb_address#\[} wb_address=${wb_address%\]} # a socket's address has no brackets
    # shellcheck disable=SC2016 # for bash to expand
    timeout 5 bash -c 'exec 3<>"/dev/tcp/$1/$2" && printf "GET %s HTTP/1.0\r\n\r\n" "$3" >&3 && read -r line <&3 &&
      [[ $line == HTTP/* ]]' bash "$wb_address" "$wb_port" "$wb_http_path" </dev/null 2>/dev/null 9>&-
  fi
}

# Waits until the service in use is ready; wb_why says why not. A daemon that ends twice meanwhile is not waited for;
# $1 = how often it had ended before.
wb_await_ready() {
  wb_since=$(date +%s) wb_exits_before=${1:-0}
  while :; do
    wb_service_look
    ! wb_is_ready || break
    wb_now=$(($(date +%s) - wb_since))
    if [ $((wb_exits - wb_exits_before)) -ge 2 ] || [ "$wb_state_now" = failing ] || [ "$wb_kind:${wb_state_now%% *}" = container:failing ]; then
      case $wb_state_now in running | starting) wb_state_now="failing (ended $wb_exits times)" ;; esac
      wb_why="it keeps ending: $wb_state_now"
      return 1
    elif [ $wb_now -ge "$wb_ready_timeout" ]; then
      wb_why="it is $wb_state_now but not ready ($wb_ready) after $wb_ready_timeout s"
      return 1
    fi
    wb_pause
  done
}

# Makes sure that the ports of the service in use are free: a stranger is asked to stop where the script says how.
wb_free_ports() {
  for wb_port in $wb_ports; do
    wb_free_port || return 1
  done
}

# One of them.
wb_free_port() {
  wb_listen "$wb_port" || return 0
  if wb_stop_containers && ! wb_listen "$wb_port"; then return 0; fi
  wb_stranger=$(wb_port_holder)
  if [ "$wb_stop" != - ]; then
    wb_say "port $wb_port of $wb_name is held by $wb_stranger: asking it to stop"
    timeout "$wb_stop_timeout" sh -c "$wb_stop" </dev/null >/dev/null 2>&1 9>&- || true
    wb_tries=0
    while wb_listen "$wb_port" && [ $wb_tries -lt 50 ]; do
      wb_tries=$((wb_tries + 1))
      wb_pause
    done
    [ -n "$wb_sockets" ] || return 0
  fi
  wb_why="port $wb_port is held by $wb_stranger"
  return 1
}

# Containers of ours that serve this port are a service of this host under another kind: they stop. Fails if there are none.
wb_stop_containers() {
  command -v docker >/dev/null 2>&1 || return 1
  wb_containers=$(wb_docker ps --quiet --filter "label=warmbox.port=$wb_port" 2>/dev/null)
  [ -n "$wb_containers" ] || return 1
  wb_say "port $wb_port of $wb_name is held by a container of warmbox: stopping it"
  # shellcheck disable=SC2086 # one word each
  wb_docker stop --time "$wb_stop_timeout" $wb_containers >/dev/null 2>&1
}
