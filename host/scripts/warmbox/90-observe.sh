# --- observe: what differs from the ledgers, without changing anything

# Prints every ledger, and what differs from it as unified diffs (nothing = intact):
#   @@warmbox library            then |SHA256 of the installed library
#   @@warmbox ledger NAME owner=OWNER generation=N   then the diff, each line behind a |
#   @@warmbox note NAME                              then what a person should know that is no drift, behind a |
# One pass, bounded, starts nothing, writes nothing. Nothing installed: prints nothing.
observe() (
  wb_resource=observe wb_steps=0 wb_files=0 wb_objects=0 wb_stage=''
  wb_paths
  umask 077
  [ -d "$path_state" ] || exit 0
  wb_stage_make
  trap 'rm -rf "$wb_stage"' EXIT
  wb_glance
  port_snapshot=$(port_listeners) port_fds_of=''
  if [ -f "$path_share/warmbox.sh" ]; then
    wb_look "$path_share/warmbox.sh"
    printf '@@warmbox library\n|%s\n' "$wb_sha"
  fi
  for wb_found in "$path_state"/*/ledger; do
    [ -f "$wb_found" ] || continue
    wb_box=${wb_found%/ledger}
    wb_resource=${wb_box##*/}
    wb_read_ledger "$wb_box"
    printf '@@warmbox ledger %s owner=%s generation=%s\n' "$wb_resource" "$wb_was_owner" "$wb_was_generation"
    true >"$wb_stage/notes"
    (wb_observe_ledger) >"$wb_stage/drift"
    [ -z "$wb_was_restored" ] ||
      wb_note "$wb_resource was put back to its last proved configuration, after $wb_was_restored; up tries the stack's own again."
    [ ! -s "$wb_stage/drift" ] || sed 's/^/|/' "$wb_stage/drift"
    [ ! -s "$wb_stage/notes" ] || { printf '@@warmbox note %s\n' "$wb_resource" && sed 's/^/|/' "$wb_stage/notes"; }
  done
)

# Looks at all files that ledgers speak of by one stat and one sha256sum, for wb_look; one by one would be most of a
# preview's time on the host. wb_g_path_N, wb_g_seen_N: what stat says, wb_g_sha_N: of the small ones. A file that cannot
# be read is not among them.
wb_glance() {
  wb_glances=0
  wb_ours=$(awk -F "$wb_tab" '
    $1 != "put" || $2 ~ /\\/ { next }
    $11 == "-" { small = small "\n" $2; next }
    { print $2 }
    END { print "/" small }' "$path_state"/*/ledger 2>/dev/null)
  wb_use_ifs=$IFS
  IFS=$wb_newline
  set -f
  # shellcheck disable=SC2086 # one path a line: the large ones, a slash, the small ones
  set -- $wb_ours
  set +f
  IFS=$wb_use_ifs
  wb_ours=$({
    stat -L -c "%n$wb_tab%a %u %g %s:%Y:%i" "$@"
    while [ "${1:-/}" != / ]; do shift; done
    [ $# -lt 2 ] || { shift && sha256sum "$@"; }
  } 2>/dev/null | awk -F "$wb_tab" '
    NF == 2 { seen[$1] = $2; next }
    { sum[substr($0, 67)] = substr($0, 1, 64) }
    END { for (path in seen) print path "\t" seen[path] "\t" (path in sum ? sum[path] : "absent") }')
  while IFS=$wb_tab read -r wb_1 wb_2 wb_3; do
    wb_glances=$((wb_glances + 1))
    wb_set g_path $wb_glances "$wb_1"
    wb_set g_seen $wb_glances "$wb_2"
    wb_set g_sha $wb_glances "$wb_3"
  done <<WARMBOX-SEEN
$wb_ours
WARMBOX-SEEN
}

# Was the file $1 looked at by wb_glance? Then what was seen is in wb_seen and wb_sha.
wb_glanced() {
  wb_each_glance=${wb_glances:-0}
  while [ "$wb_each_glance" -gt 0 ]; do
    wb_get g_path "$wb_each_glance"
    if [ "$wb_got" = "$1" ]; then
      eval "wb_seen=\$wb_g_seen_$wb_each_glance wb_sha=\$wb_g_sha_$wb_each_glance"
      return 0
    fi
    wb_each_glance=$((wb_each_glance - 1))
  done
  return 1
}

# The drift of the ledger that was read.
wb_observe_ledger() {
  if [ -e "$wb_box/journal" ] && flock -n "$path_state/lock" true 2>/dev/null; then
    wb_differs "resource $wb_resource" complete interrupted
  fi
  wb_at_line=1
  while [ $wb_at_line -le $wb_lines ]; do
    wb_line $wb_at_line
    wb_shown=$wb_3
    case $wb_3 in "$HOME"/*) wb_shown=${wb_3#"$HOME"/} ;; esac
    case $wb_1 in
      put) wb_observe_put ;;
      include | block) wb_observe_edit ;;
      directory) [ -d "$wb_2" ] || wb_differs "$wb_shown" directory missing ;;
      service) wb_observe_service ;;
    esac
    wb_at_line=$((wb_at_line + 1))
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
  command -v diff >/dev/null || { wb_differs "$wb_shown" 'as applied' 'differs (this host has no diff to show it)' && return 0; }
  diff -a -U 3 -L "$wb_shown (applied)" -L "$wb_shown (now)" "$1" "$2" || true
}

# A whole file of ours: bytes and mode.
wb_observe_put() {
  wb_lead "$wb_3"
  wb_look "$wb_real" "$wb_11" "$wb_5"
  if [ "$wb_sha" = absent ]; then
    if [ "$wb_10" = - ]; then wb_diff "$wb_box/objects/$wb_5" /dev/null; else wb_differs "$wb_shown" present missing; fi
  elif [ "$wb_sha" != "$wb_5" ]; then
    if [ "$wb_10" = - ]; then wb_diff "$wb_box/objects/$wb_5" "$wb_real"; else wb_differs "$wb_shown" 'as applied' differs; fi
  fi
  [ "$wb_mode" = - ] || [ "$wb_mode" = "$wb_4" ] || wb_differs "$wb_shown" "mode 0$wb_4" "mode 0$wb_mode"
}

# A piece of ours in a file of the user's: what putting it back would change.
wb_observe_edit() {
  wb_lead "$wb_3"
  wb_old=$wb_real
  [ -f "$wb_old" ] || wb_old=/dev/null
  wb_next=$wb_stage/observed
  wb_kind_now=$wb_1 wb_block_now=$wb_box/objects/$wb_12 wb_name_now=$wb_10
  if wb_stands; then return 0; fi
  if [ "$wb_kind_now" = include ]; then
    wb_include_add "$wb_old" "$wb_name_now" "$wb_next" || return 0
  else
    wb_block_add "$wb_old" "$wb_name_now" "$wb_block_now" "$wb_next" ||
      { wb_differs "$wb_shown" "block $wb_name_now" 'block without end' && return 0; }
  fi
  cmp -s "$wb_next" "$wb_old" || wb_diff "$wb_next" "$wb_old"
}

# Is the piece seen at a glance to stand as it was applied? Whatever else is the case is judged by what an apply would do.
wb_stands() {
  if [ "$wb_kind_now" = include ]; then
    case $(wb_include_scan "$wb_old" "$wb_name_now") in entry*) return 0 ;; *) return 1 ;; esac
  fi
  awk -v name="$wb_name_now" '
    BEGIN { RS = "\001" } # each file is one record, its last line end too
    NR == FNR { block = "\n" $0; next }
    FNR == 1 { text = "\n" $0; at = index(text, block); same = at > 0 && at == index(text, "\n# >>> warmbox " name "\n") }
    END { exit !same }' "$wb_block_now" "$wb_old" 2>/dev/null
}

# A service: whether it runs and is ready, and what its live lines say. One that is still starting is no drift: after a
# reboot bazel-remote reads its whole index before it listens.
wb_observe_service() {
  wb_load_service "$wb_3$wb_tab$wb_4$wb_tab$wb_5$wb_tab$wb_6$wb_tab$wb_7$wb_tab$wb_8$wb_tab$wb_9$wb_tab${wb_10}"
  wb_bound=$service_ready_timeout service_ready_timeout=0 service_stop_timeout=0
  wb_service_look
  ! wb_is_taken || service_state="$service_state, $wb_why"
  wb_observe_unit
  if wb_is_closed; then
    wb_is_young && wb_note "$service_name is starting: its port $closed_port is not open yet" && return 0
    service_state="$service_state, but port $closed_port is closed"
  fi
  wb_minus='' wb_plus=''
  [ "$service_state" = running ] || wb_minus="-state running$wb_newline" wb_plus="+state $service_state$wb_newline"
  wb_each=1
  while [ $wb_each -le $wb_lines ]; do
    wb_line $wb_each
    if [ "$wb_1:$wb_2" = "live:$service_name" ]; then
      wb_ask_live "$wb_4"
      [ "$wb_answer" = "$wb_3" ] || wb_minus="$wb_minus-$wb_3$wb_newline" wb_plus="$wb_plus+$wb_answer$wb_newline"
    fi
    wb_each=$((wb_each + 1))
  done
  [ -z "$wb_minus" ] ||
    printf -- '--- service %s (applied)\n+++ service %s (now)\n@@ @@\n%s%s' "$service_name" "$service_name" "$wb_minus" "$wb_plus"
}

# Does the service in use run or start, with a port, closed_port, that is not open?
wb_is_closed() {
  case $service_state in running | starting) ;; *) return 1 ;; esac
  for closed_port in $service_ports; do
    wb_listen "$closed_port" || return 0
  done
  return 1
}

# Has the daemon of the service in use run for less than wb_bound seconds? The kernel counts a hundred ticks a second for
# everybody. One that cannot be found is taken for young.
wb_is_young() {
  { read -r wb_stat <"/proc/${service_daemon:-0}/stat" && read -r wb_up _ </proc/uptime; } 2>/dev/null || return 0
  # shellcheck disable=SC2086 # fields, after the name of the program
  set -- ${wb_stat##*) }
  [ $((${wb_up%.*} - ${20} / 100)) -lt "$wb_bound" ]
}

# A drop-in of the user's changes the unit in use without touching its file.
wb_observe_unit() {
  case $service_kind in systemd-*) ;; *) return 0 ;; esac
  wb_manager=''
  [ "$service_kind" = systemd-system ] || wb_manager=' --user'
  for wb_word in $service_dropins; do
    case $wb_word in
      */"$service_unit".d/*) wb_note "$wb_word changes $service_unit; next: keep it, or drop it with systemctl$wb_manager revert $service_unit" ;;
    esac
  done
}
