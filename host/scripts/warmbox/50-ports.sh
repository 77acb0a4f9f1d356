# --- ports: which process listens, whether a service is ready, and how a port is freed for it

# Inodes of the sockets that listen on TCP port $1, into port_inodes; fails where there is none. observe looks once,
# into port_snapshot. No forks but for that: a start waits here in a loop.
wb_listen() {
  local hex='' port='' inode=''
  hex=$(printf '%04X' "$1")
  port_inodes=''
  while read -r port inode; do
    [ "$port" != "$hex" ] || port_inodes="$port_inodes $inode"
  done <<WARMBOX-LISTENERS
${port_snapshot:-$(port_listeners)}
WARMBOX-LISTENERS
  [ -n "$port_inodes" ]
}

# Does one of the processes "$@" visibly hold one of port_inodes?
wb_holds() {
  local pid='' inode=''
  for pid; do
    [ -r "/proc/$pid/fd" ] || continue
    # observe sets port_fds_of to keep the list of the last process: in its one moment that does not change
    # shellcheck disable=SC2012 # only ls -l prints the target of each link
    [ "${port_fds_of-none}" = "$pid" ] || port_fds=$(ls -l "/proc/$pid/fd" 2>/dev/null)
    [ -z "${port_fds_of+set}" ] || port_fds_of=$pid
    for inode in $port_inodes; do
      case $port_fds in *"socket:[$inode]"*) return 0 ;; esac
    done
  done
  return 1
}

# Does one of the processes "$@" run with descriptors that this user cannot read? It may hold any port.
wb_is_hidden() {
  local pid=''
  for pid; do
    [ ! -d "/proc/$pid" ] || [ -r "/proc/$pid/fd" ] || return 0
  done
  return 1
}

# Is it the service in use that listens, with port_inodes? A container's port may be held by docker itself.
wb_is_own() {
  [ "$service_kind" != container ] || return 0
  ! wb_holds "$service_daemon" || return 0
  wb_service_pids
  # shellcheck disable=SC2086 # one word each
  wb_holds $service_pids || wb_is_hidden $service_pids
}

# The processes of the service in use, into service_pids: the daemon first, then the rest of its session or control
# group.
wb_service_pids() {
  local process='' stat=''
  service_pids=''
  if [ "$service_kind" = process ]; then
    [ "$service_daemon" = 0 ] || service_pids=$service_daemon
    for process in /proc/[0-9]*; do
      { read -r stat <"$process/stat"; } 2>/dev/null || continue
      # shellcheck disable=SC2086 # fields, after the name of the program
      set -- ${stat##*) }
      [ "$4" != "$service_daemon" ] || [ "$4" = 0 ] || service_pids="$service_pids ${process#/proc/}"
    done
  else
    [ -z "$service_group" ] ||
      service_pids=$(cat "/sys/fs/cgroup$service_group/cgroup.procs" \
        "/sys/fs/cgroup/systemd$service_group/cgroup.procs" 2>/dev/null)
  fi
}

# Prints the process that holds port_inodes, for a message.
wb_port_holder() {
  local process=''
  for process in /proc/[0-9]*; do
    wb_holds "${process#/proc/}" || continue
    printf 'process %s (%s)' "${process#/proc/}" "$(tr '\0\n\t' '   ' <"$process/cmdline" | cut -c 1-120)"
    return 0
  done
  printf 'a process of another user'
}

# Is the service in use ready? warmbox's daemons listen only once they can answer, so LISTEN on each port, held by the
# service itself, is enough; where the host has curl or bash, http is asked as well, and any HTTP answer will do.
wb_is_ready() {
  local port=''
  case $service_state in running*) ;; *) return 1 ;; esac
  for port in $service_ports; do
    wb_listen "$port" && wb_is_own || return 1
  done
  case $service_ready in http*) wb_http "${service_ready#http }" ;; esac
}

# Does another process hold a port of the service in use? Then wb_why names it.
wb_is_taken() {
  local port=''
  for port in $service_ports; do
    if wb_listen "$port" && ! wb_is_own; then
      wb_why="port $port is held by $(wb_port_holder)"
      return 0
    fi
  done
  return 1
}

# Does ADDRESS[/PATH], the first word of $1, answer HTTP at all?
wb_http() {
  local address='' port='' path=/
  set -- "${1%% *}"
  address=${1%%/*}
  port=${address##*:}
  case $1 in */*) path=/${1#*/} ;; esac
  case $address in 0.0.0.0:* | :*) address=127.0.0.1:$port ;; '[::]':*) address="[::1]:$port" ;; esac
  if command -v curl >/dev/null 2>&1; then
    curl -s -o /dev/null --noproxy '*' --max-time 5 "http://$address$path" </dev/null 9>&-
  elif command -v bash >/dev/null 2>&1; then
    address=${address%:*} address=${address#\[} address=${address%\]} # a socket's address has no brackets
    # shellcheck disable=SC2016 # for bash to expand
    timeout 5 bash -c 'exec 3<>"/dev/tcp/$1/$2" && printf "GET %s HTTP/1.0\r\n\r\n" "$3" >&3 && read -r line <&3 &&
      [[ $line == HTTP/* ]]' bash "$address" "$port" "$path" </dev/null 2>/dev/null 9>&-
  fi
}

# Waits until the service in use is ready; wb_why is the reason why it is not. A daemon that ends twice meanwhile is not
# waited for; $1 is how often it had ended before.
wb_await_ready() {
  local start='' seconds=0 exits="${1:-0}"
  start=$(date +%s)
  while :; do
    wb_service_look
    ! wb_is_ready || break
    seconds=$(($(date +%s) - start))
    if [ $((service_exits - exits)) -ge 2 ] || [ "$service_state" = failing ] ||
      [ "$service_kind:${service_state%% *}" = container:failing ]; then
      case $service_state in running | starting) service_state="failing (ended $service_exits times)" ;; esac
      wb_why="it keeps ending: $service_state"
      return 1
    elif [ $seconds -ge "$service_ready_timeout" ]; then
      wb_why="it is $service_state but not ready ($service_ready) after $service_ready_timeout s"
      return 1
    fi
    wb_pause
  done
}

# Frees the ports of the service in use; fails where another process keeps one.
wb_free_ports() {
  local port=''
  for port in $service_ports; do
    wb_free_port "$port" || return 1
  done
}

# Frees the port $1: a foreign process gets the service's stop command, if it has one.
wb_free_port() {
  local holder='' tries=0
  wb_listen "$1" || return 0
  if wb_stop_containers "$1" && ! wb_listen "$1"; then return 0; fi
  holder=$(wb_port_holder)
  if [ "$service_stop" != - ]; then
    wb_say "port $1 of $service_name is held by $holder: asking it to stop"
    timeout "$service_stop_timeout" sh -c "$service_stop" </dev/null >/dev/null 2>&1 9>&- || true
    while wb_listen "$1" && [ $tries -lt 50 ]; do
      tries=$((tries + 1))
      wb_pause
    done
    [ -n "$port_inodes" ] || return 0
  fi
  wb_why="port $1 is held by $holder"
  return 1
}

# Stops warmbox's containers that serve port $1: they are this service under another kind. Fails where there are none.
wb_stop_containers() {
  local containers=''
  command -v docker >/dev/null 2>&1 || return 1
  containers=$(wb_docker ps --quiet --filter "label=warmbox.port=$1" 2>/dev/null)
  [ -n "$containers" ] || return 1
  wb_say "port $1 of $service_name is held by a container of warmbox: stopping it"
  # shellcheck disable=SC2086 # one word each
  wb_docker stop --time "$service_stop_timeout" $containers >/dev/null 2>&1
}
