# --- observe: what differs from the ledgers, without changing anything

# Prints every ledger, and what differs from it as unified diffs (nothing = intact):
#   @@warmbox library            then |SHA256 of the installed library
#   @@warmbox ledger NAME owner=OWNER generation=N   then the diff, each line behind a |
#   @@warmbox note NAME                              then what the operator should know that is no drift, behind a |
# One pass, bounded, starts nothing, writes nothing. Nothing installed: prints nothing.
observe() (
  wb_resource=observe wb_steps=0 wb_files=0 wb_objects=0 wb_stage=''
  wb_paths
  umask 077
  [ -d "$path_state" ] || exit 0
  wb_stage_make
  trap 'rm -rf "$wb_stage"' EXIT
  wb_cache_stats
  port_snapshot=$(port_listeners) port_fds_of=''
  if [ -f "$path_share/warmbox.sh" ]; then
    wb_look "$path_share/warmbox.sh"
    printf '@@warmbox library\n|%s\n' "$sha"
  fi
  for ledger in "$path_state"/*/ledger; do
    [ -f "$ledger" ] || continue
    wb_resource_state=${ledger%/ledger}
    wb_resource=${wb_resource_state##*/}
    wb_read_ledger "$wb_resource_state"
    printf '@@warmbox ledger %s owner=%s generation=%s\n' "$wb_resource" "$wb_was_owner" "$wb_was_generation"
    true >"$wb_stage/notes"
    (wb_observe_ledger) >"$wb_stage/drift"
    [ -z "$wb_was_restored" ] || wb_note "$wb_resource was put back to its last proved configuration, after \
$wb_was_restored; up tries the stack's own again."
    [ ! -s "$wb_stage/drift" ] || sed 's/^/|/' "$wb_stage/drift"
    [ ! -s "$wb_stage/notes" ] || { printf '@@warmbox note %s\n' "$wb_resource" && sed 's/^/|/' "$wb_stage/notes"; }
  done
)

# Looks at all files that ledgers name by one stat and one sha256sum, for wb_look; one by one would be most of a
# preview's time on the host. The lists cache_path, cache_stat, and cache_sha (of the small files). A file that cannot
# be read is not among them.
wb_cache_stats() {
  local table='' path='' stat='' sum=''
  wb_cached=0
  table=$(wb_stat_table)
  while IFS=$wb_tab read -r path stat sum; do
    wb_cached=$((wb_cached + 1))
    wb_set cache_path $wb_cached "$path"
    wb_set cache_stat $wb_cached "$stat"
    wb_set cache_sha $wb_cached "$sum"
  done <<WARMBOX-STATS
$table
WARMBOX-STATS
}

# Prints the path, stat and sha256 (absent of a large file) of the files that ledgers name, a line each.
wb_stat_table() {
  local IFS="$wb_newline"
  set -f
  # shellcheck disable=SC2046 # one path a line: the large ones, a slash, the small ones
  set -- $(set +f && awk -F "$wb_tab" '
    $1 != "put" || $2 ~ /\\/ { next }
    $11 == "-" { small = small "\n" $2; next }
    { print $2 }
    END { print "/" small }' "$path_state"/*/ledger 2>/dev/null)
  set +f
  {
    stat -L -c "%n$wb_tab%a %u %g %s:%Y:%i" "$@"
    while [ "${1:-/}" != / ]; do shift; done
    [ $# -lt 2 ] || { shift && sha256sum "$@"; }
  } 2>/dev/null | awk -F "$wb_tab" '
    NF == 2 { seen[$1] = $2; next }
    { sum[substr($0, 67)] = substr($0, 1, 64) }
    END { for (path in seen) print path "\t" seen[path] "\t" (path in sum ? sum[path] : "absent") }'
}

# Is the file $1 among those that wb_cache_stats looked at? Then its results are in stat and sha.
wb_cached_stat() {
  local number="${wb_cached:-0}"
  while [ "$number" -gt 0 ]; do
    wb_get cache_path "$number"
    if [ "$wb_value" = "$1" ]; then
      eval "stat=\$wb_cache_stat_$number sha=\$wb_cache_sha_$number"
      return 0
    fi
    number=$((number - 1))
  done
  return 1
}

# Prints the drift of the ledger that was read.
wb_observe_ledger() {
  local number=1 shown=''
  if [ -e "$wb_resource_state/journal" ] && flock -n "$path_state/lock" true 2>/dev/null; then
    wb_differs "resource $wb_resource" complete interrupted
  fi
  while [ $number -le $wb_lines ]; do
    wb_line $number
    shown=$line_path
    case $shown in "$HOME"/*) shown=${shown#"$HOME"/} ;; esac
    case $line_kind in
      put) wb_observe_put ;;
      include | block) wb_observe_edit ;;
      directory) [ -d "$line_real" ] || wb_differs "$shown" directory missing ;;
      service) wb_observe_service ;;
    esac
    number=$((number + 1))
  done
}

# Keeps a line that is no drift.
wb_note() { printf '%s\n' "$1" >>"$wb_stage/notes"; }

# Prints the difference of two lines as a diff of the pseudo file $1: $2 as applied, $3 as it is now.
wb_differs() {
  printf -- '--- %s (applied)\n+++ %s (now)\n@@ -1 +1 @@\n-%s\n+%s\n' "$1" "$1" "$2" "$3"
}

# Prints the difference of the files $1 (applied) and $2 (now).
wb_diff() {
  command -v diff >/dev/null ||
    { wb_differs "$shown" 'as applied' 'differs (this host has no diff to show it)' && return 0; }
  diff -a -U 3 -L "$shown (applied)" -L "$shown (now)" "$1" "$2" || true
}

# Prints the drift of a file that belongs to warmbox: bytes and mode.
wb_observe_put() {
  local real='' sha='' mode='' uid='' gid='' ident='' applied="$wb_resource_state/objects/$line_sha"
  wb_follow "$line_path"
  wb_look "$real" "$line_ident" "$line_sha"
  if [ "$sha" = absent ]; then
    if [ "$line_flag" = - ]; then wb_diff "$applied" /dev/null; else wb_differs "$shown" present missing; fi
  elif [ "$sha" != "$line_sha" ]; then
    if [ "$line_flag" = - ]; then wb_diff "$applied" "$real"; else wb_differs "$shown" 'as applied' differs; fi
  fi
  [ "$mode" = - ] || [ "$mode" = "$line_mode" ] || wb_differs "$shown" "mode 0$line_mode" "mode 0$mode"
}

# Prints the drift of a piece of warmbox's in a file of the user's: what putting it back would change.
wb_observe_edit() {
  local real='' repaired="$wb_stage/observed" block="$wb_resource_state/objects/$line_block"
  wb_follow "$line_path"
  [ -f "$real" ] || real=/dev/null
  if wb_is_in_place; then return 0; fi
  if [ "$line_kind" = include ]; then
    wb_include_add "$real" "$line_name" "$repaired" || return 0
  else
    wb_block_add "$real" "$line_name" "$block" "$repaired" ||
      { wb_differs "$shown" "block $line_name" 'block without end' && return 0; }
  fi
  cmp -s "$repaired" "$real" || wb_diff "$repaired" "$real"
}

# Is the piece in the file real as it was applied, at a quick look? Any other case is judged by what an apply would do.
wb_is_in_place() {
  if [ "$line_kind" = include ]; then
    case $(wb_include_scan "$real" "$line_name") in entry*) return 0 ;; *) return 1 ;; esac
  fi
  awk -v name="$line_name" '
    BEGIN { RS = "\001" } # each file is one record, its last line end too
    NR == FNR { block = "\n" $0; next }
    FNR == 1 {
      text = "\n" $0; at = index(text, block)
      same = at > 0 && at == index(text, "\n# >>> warmbox " name "\n")
    }
    END { exit !same }' "$block" "$real" 2>/dev/null
}

# Prints the drift of a service: whether it runs and is ready, and its live values. One that is still starting is no
# drift: after a reboot bazel-remote reads its whole index before it listens.
wb_observe_service() {
  local ready_timeout='' closed_port='' removed='' added=''
  wb_load_service "$line_service"
  ready_timeout=$service_ready_timeout
  service_ready_timeout=0 service_stop_timeout=0
  wb_service_look
  ! wb_is_taken || service_state="$service_state, $wb_why"
  wb_observe_unit
  if wb_is_closed; then
    wb_is_young && wb_note "$service_name is starting: its port $closed_port is not open yet" && return 0
    service_state="$service_state, but port $closed_port is closed"
  fi
  if [ "$service_state" != running ]; then
    removed="-state running$wb_newline" added="+state $service_state$wb_newline"
  fi
  wb_observe_live
  [ -z "$removed" ] || printf -- '--- service %s (applied)\n+++ service %s (now)\n@@ @@\n%s%s' \
    "$service_name" "$service_name" "$removed" "$added"
}

# Adds the live values of the service in use that differ to the lines removed and added.
wb_observe_live() {
  local number=1
  while [ $number -le $wb_lines ]; do
    wb_line $number
    if [ "$line_kind:$line_name" = "live:$service_name" ]; then
      wb_ask_live "$line_command"
      [ "$wb_answer" = "$line_answer" ] ||
        removed="$removed-$line_answer$wb_newline" added="$added+$wb_answer$wb_newline"
    fi
    number=$((number + 1))
  done
}

# Does the service in use run or start, with a port, closed_port, that is not open?
wb_is_closed() {
  case $service_state in running | starting) ;; *) return 1 ;; esac
  for closed_port in $service_ports; do
    wb_listen "$closed_port" || return 0
  done
  return 1
}

# Has the daemon of the service in use run for less than ready_timeout seconds? The kernel counts a hundred ticks a
# second in /proc on every machine. A daemon that cannot be found is taken for young.
wb_is_young() {
  local stat='' uptime='' rest=''
  { read -r stat <"/proc/${service_daemon:-0}/stat" && read -r uptime rest </proc/uptime; } 2>/dev/null || return 0
  # shellcheck disable=SC2086 # fields, after the name of the program
  set -- ${stat##*) }
  [ $((${uptime%.*} - ${20} / 100)) -lt "$ready_timeout" ]
}

# Notes each drop-in of the user's, which changes the unit in use without touching its file.
wb_observe_unit() {
  local dropin='' manager=' --user'
  case $service_kind in systemd-system) manager='' ;; systemd-user) ;; *) return 0 ;; esac
  for dropin in $service_dropins; do
    case $dropin in
      */"$service_unit".d/*)
        wb_note "$dropin changes $service_unit; next: keep it, or drop it with systemctl$manager revert $service_unit"
        ;;
    esac
  done
}
