# --- service: its definition, and whether it runs
# The service in use is in service_NAME: what wb_load_service reads, and what wb_service_look adds to that.

# Takes the eight fields of a service, $1, into service_name … service_log; service_ports are those of its addresses.
wb_load_service() {
  local IFS="$wb_tab" address=''
  set -f
  # shellcheck disable=SC2086 # to be split at tabs
  set -- $1
  service_ports=''
  IFS=' '
  for address in ${4#* }; do
    address=${address%%/*}
    [ "$4" = - ] || service_ports="$service_ports ${address##*:}"
  done
  set +f
  service_name=$1 service_kind=$2 service_file=$3 service_log=$8
  service_ready=$4 service_ready_timeout=$5 service_stop=$6 service_stop_timeout=$7
  service_unit=${service_file##*/}
}

# Is process $1 the one that started at tick $2 of boot $3? A pid that the kernel has reused is another process.
wb_alive() {
  local boot='' stat='' tick="$2"
  case $1 in '' | *[!0-9]*) return 1 ;; esac
  read -r boot </proc/sys/kernel/random/boot_id && [ "$3" = "$boot" ] || return 1
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  # shellcheck disable=SC2086 # fields; the program's name may have spaces and is cut off
  set -- ${stat##*) }
  [ "$1" != Z ] && [ "${20}" = "$tick" ]
}

# Reads the pid file of a process service: service_supervisor and service_daemon (0 = not alive), service_exits,
# service_code.
wb_process_look() {
  local word='' pid='' tick='' boot=''
  service_supervisor=0 service_daemon=0 service_exits=0 service_code=0
  [ -f "$path_state/run/$service_name.pid" ] || return 0
  while read -r word pid tick boot; do
    case $word in
      supervisor) ! wb_alive "$pid" "$tick" "$boot" || service_supervisor=$pid ;;
      daemon) ! wb_alive "$pid" "$tick" "$boot" || service_daemon=$pid ;;
      exits) service_exits=$pid service_code=$tick ;; # their number and the last status
    esac
  done <"$path_state/run/$service_name.pid"
}

# docker, bounded, without the library's descriptors.
wb_docker() {
  timeout $((service_stop_timeout + WB_ASK_SECONDS)) docker "$@" </dev/null 9>&-
}

# systemctl for this service's manager, bounded, without the library's descriptors.
wb_systemctl() {
  [ "$service_kind" = systemd-system ] || {
    : "${XDG_RUNTIME_DIR:=/run/user/$wb_user}"
    export XDG_RUNTIME_DIR
    set -- --user "$@"
  }
  timeout $((service_stop_timeout + service_ready_timeout + 30)) systemctl "$@" </dev/null 9>&-
}

# What systemd reports of the unit in use: service_state, service_exits, service_dropins, service_group, service_daemon.
wb_unit_look() {
  local active='' sub='' enabled='' stale='' properties='' word='' value=''
  service_dropins='' service_group='' service_daemon=0
  properties=ActiveState,SubState,NRestarts,UnitFileState,NeedDaemonReload,DropInPaths,ControlGroup,MainPID
  properties=$(wb_systemctl show -p "$properties" "$service_unit" 2>/dev/null) || true
  while IFS='=' read -r word value; do
    case $word in
      ActiveState) active=$value ;;
      SubState) sub=$value ;;
      NRestarts) service_exits=${value:-0} ;;
      UnitFileState) enabled=$value ;;
      NeedDaemonReload) stale=$value ;;
      DropInPaths) service_dropins=$value ;;
      ControlGroup) service_group=$value ;;
      MainPID) service_daemon=${value:-0} ;;
    esac
  done <<WARMBOX-PROPERTIES
$properties
WARMBOX-PROPERTIES
  case $active:$sub:$enabled:$stale in
    active:*:enabled:yes) service_state='running, but as a unit that has changed since systemd read it' ;;
    active:*:enabled:*) service_state=running ;;
    active:*) service_state='running but not enabled' ;;
    activating:auto-restart:*) service_state="failing (ended $((service_exits + 1)) times)" ;;
    activating:*) service_state=starting ;;
    failed:*) service_state=failing ;;
    *) service_state=stopped ;;
  esac
}

# What docker reports of the container in use, into service_state.
wb_container_look() {
  local format='{{.State.Status}} {{.State.ExitCode}}'
  service_state=$(wb_docker inspect --type container --format "$format" "$service_unit" 2>/dev/null) || true
  case $service_state in
    'running '*) service_state=running ;;
    'restarting '*) service_state="failing (ended with ${service_state#* }, started again and again)" ;;
    'created '* | 'exited '*) service_state=stopped ;;
    '') service_state='stopped: no such container' ;;
    *) service_state=${service_state%% *} ;;
  esac
}

# The state of the service in use, into service_state: running, starting, stopped, failing …, unsupervised.
wb_service_look() {
  service_exits=0 service_daemon=0
  case $service_kind in
    process)
      wb_process_look
      case $service_supervisor:$service_daemon in
        0:0) service_state=stopped ;;
        0:*) service_state=unsupervised ;;
        *:0)
          service_state=starting
          [ "$service_exits" = 0 ] || service_state="failing (ended $service_exits times, last with $service_code)"
          ;;
        *) service_state=running ;;
      esac
      ;;
    container) wb_container_look ;;
    *) wb_unit_look ;;
  esac
}
