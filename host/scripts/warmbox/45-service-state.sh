# --- service: what its definition says, and whether it runs

# Takes a service's eight fields apart; wb_ports are those of its addresses.
wb_use() {
  wb_use_ifs=$IFS
  IFS=$wb_tab
  set -f
  # shellcheck disable=SC2086 # to be split at tabs
  set -- $1
  IFS=$wb_use_ifs
  wb_ports=''
  for wb_word in ${4#* }; do
    wb_word=${wb_word%%/*}
    [ "$4" = - ] || wb_ports="$wb_ports ${wb_word##*:}"
  done
  set +f
  wb_name=$1 wb_kind=$2 wb_file=$3 wb_ready=$4 wb_ready_timeout=$5 wb_stop=$6 wb_stop_timeout=$7 wb_log=$8
  wb_unit=${wb_file##*/}
}

# Is process $1 the one that started at tick $2 of boot $3? A number that was given out again is another process.
wb_alive() {
  case $1 in '' | *[!0-9]*) return 1 ;; esac
  read -r wb_boot </proc/sys/kernel/random/boot_id && [ "$3" = "$wb_boot" ] || return 1
  { read -r wb_stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  wb_started=$2
  # shellcheck disable=SC2086 # fields; the name of the program may hold spaces and is cut off
  set -- ${wb_stat##*) }
  [ "$1" != Z ] && [ "${20}" = "$wb_started" ]
}

# Reads the pid file of a process service: wb_supervisor and wb_daemon (0 = not alive), wb_exits, wb_code.
wb_process_look() {
  wb_supervisor=0 wb_daemon=0 wb_exits=0 wb_code=0
  [ -f "$path_state/run/$wb_name.pid" ] || return 0
  while read -r wb_word wb_pid wb_tick wb_booted; do
    case $wb_word in
      supervisor) ! wb_alive "$wb_pid" "$wb_tick" "$wb_booted" || wb_supervisor=$wb_pid ;;
      daemon) ! wb_alive "$wb_pid" "$wb_tick" "$wb_booted" || wb_daemon=$wb_pid ;;
      exits) wb_exits=$wb_pid wb_code=$wb_tick ;;
    esac
  done <"$path_state/run/$wb_name.pid"
}

# docker, bounded, without our descriptors.
wb_docker() {
  timeout $((wb_stop_timeout + WB_ASK_SECONDS)) docker "$@" </dev/null 9>&-
}

# systemctl for this service's manager, bounded, without our descriptors.
wb_systemctl() {
  [ "$wb_kind" = systemd-system ] || {
    : "${XDG_RUNTIME_DIR:=/run/user/$wb_user}"
    export XDG_RUNTIME_DIR
    set -- --user "$@"
  }
  timeout $((wb_stop_timeout + wb_ready_timeout + 30)) systemctl "$@" </dev/null 9>&-
}

# What systemd says of the unit in use, into wb_active, wb_sub, wb_exits, wb_enabled, wb_stale, wb_dropins, wb_group, wb_daemon.
wb_unit_look() {
  wb_active='' wb_sub='' wb_enabled='' wb_stale='' wb_dropins='' wb_group='' wb_daemon=0
  wb_said=$(wb_systemctl show -p ActiveState,SubState,NRestarts,UnitFileState,NeedDaemonReload,DropInPaths,ControlGroup,MainPID "$wb_unit" 2>/dev/null) || true
  while IFS='=' read -r wb_word wb_got; do
    case $wb_word in
      ActiveState) wb_active=$wb_got ;;
      SubState) wb_sub=$wb_got ;;
      NRestarts) wb_exits=${wb_got:-0} ;;
      UnitFileState) wb_enabled=$wb_got ;;
      NeedDaemonReload) wb_stale=$wb_got ;;
      DropInPaths) wb_dropins=$wb_got ;;
      ControlGroup) wb_group=$wb_got ;;
      MainPID) wb_daemon=${wb_got:-0} ;;
    esac
  done <<WARMBOX-PROPERTIES
$wb_said
WARMBOX-PROPERTIES
}

# The state of the service in use, into wb_state_now: running, starting, stopped, failing …, unsupervised.
wb_service_look() {
  wb_exits=0 wb_daemon=0
  case $wb_kind in
    process)
      wb_process_look
      case $wb_supervisor:$wb_daemon in
        0:0) wb_state_now=stopped ;;
        0:*) wb_state_now=unsupervised ;;
        *:0) [ "$wb_exits" -gt 0 ] && wb_state_now="failing (ended $wb_exits times, last with $wb_code)" || wb_state_now=starting ;;
        *) wb_state_now=running ;;
      esac
      ;;
    container)
      wb_state_now=$(wb_docker inspect --type container --format '{{.State.Status}} {{.State.ExitCode}}' "$wb_unit" 2>/dev/null) || true
      case $wb_state_now in
        'running '*) wb_state_now=running ;;
        'restarting '*) wb_state_now="failing (ended with ${wb_state_now#* }, started again and again)" ;;
        'created '* | 'exited '*) wb_state_now=stopped ;;
        '') wb_state_now='stopped: no such container' ;;
        *) wb_state_now=${wb_state_now%% *} ;;
      esac
      ;;
    *)
      wb_unit_look
      case $wb_active:$wb_sub in
        active:*) wb_state_now=running ;;
        activating:auto-restart) wb_state_now="failing (ended $((wb_exits + 1)) times)" ;;
        activating:*) wb_state_now=starting ;;
        failed:*) wb_state_now=failing ;;
        *) wb_state_now=stopped ;;
      esac
      if [ "$wb_state_now" = running ] && [ "$wb_enabled" != enabled ]; then
        wb_state_now='running but not enabled'
      elif [ "$wb_state_now" = running ] && [ "$wb_stale" = yes ]; then
        wb_state_now='running, but as a unit that has changed since systemd read it'
      fi
      ;;
  esac
}
