# What a host's caches hold and do now, in one run: raw, judged by ops/status/. Nothing is written or started.
# Run as: sh -s, with warmbox.sh, probe.sh (for their functions) and this text on stdin, and at its end
#   status sccache=DIR bazel-remote=DIR cargo=DIR port=4226 http=127.0.0.1:9090 </dev/null
# Follows: warmbox.sh probe.sh
# Output is framed as the probe's.

status() {
  case $- in *e*) st_strict=e ;; *) st_strict= ;; esac
  set +e +u
  pr_as_builder
  cd "${HOME:-/}" 2>/dev/null || cd /
  wb_paths
  pr_words "$@"
  pr_host
  pr_systemd
  st_slow & # prints nothing until all of it is there, so that the two never mix
  st_slow_pid=$!
  st_seen=$(
    [ -z "$st_strict" ] || set -e
    observe
  )
  st_machine
  st_cgroups
  pr_disks
  st_services
  wait "$st_slow_pid"
  [ -z "$st_seen" ] || printf '%s\n' "$st_seen"
  echo '@@warmbox end'
}

# Memory, swap traffic, pressure: kernel files as they are, in one fork.
st_machine() {
  print_section now
  print_fact "epoch $(date +%s)"
  set --
  for st_file in /proc/uptime /proc/loadavg /proc/meminfo /proc/vmstat /proc/pressure/cpu /proc/pressure/memory /proc/pressure/io; do
    if [ -r "$st_file" ]; then set -- "$@" "$st_file"; fi
  done
  awk '
		FNR == 1 { print "@@warmbox file " FILENAME }
		FILENAME ~ /meminfo$/ { if ($1 ~ /^(MemTotal|MemAvailable|MemFree|SwapTotal|SwapFree):$/) print "|" $0; next }
		FILENAME ~ /vmstat$/ { if ($1 ~ /^(pswpin|pswpout|oom_kill)$/) print "|" $0; next }
		{ print "|" $0 }
	' "$@" 2>/dev/null
}

# The limits of the control groups, as the plan reads them, and what is used of those on memory.
st_cgroups() {
  st_groups=$(pr_cgroups)
  printf '%s\n' "$st_groups"
  print_section cgroup-used
  printf '%s\n' "$st_groups" | sed -n 's,^|\(.*\)/memory.[a-z_]* .*,\1,p' | sort -u | while read -r st_group; do
    for st_file in memory.current memory.usage_in_bytes; do
      [ ! -r "$st_group/$st_file" ] || print_fact "$st_group $(cat "$st_group/$st_file")"
    done
  done
}

# Each service that a ledger speaks of: how it runs and what its process has.
st_services() {
  for st_ledger in "$path_state"/*/ledger; do
    [ -r "$st_ledger" ] || continue
    while IFS=$pr_tab read -r st_what _ st_name st_kind st_file _; do
      [ "$st_what" = service ] || continue
      print_section "service $st_name $st_kind"
      case $st_kind in
        process) st_supervised ;;
        container) st_container "${st_file##*/}" ;;
        *) st_unit "${st_file##*/}" ;;
      esac
    done <"$st_ledger"
  done
}

st_supervised() {
  [ -r "$path_state/run/$st_name.pid" ] || return 0
  while read -r st_word st_pid st_tick st_boot; do
    case $st_word in
      exits) print_fact "restarts $st_pid" && print_fact "last_exit $st_tick" ;;
      supervisor) if wb_alive "$st_pid" "$st_tick" "$st_boot"; then print_fact "supervisor $st_pid"; fi ;;
      daemon) if wb_alive "$st_pid" "$st_tick" "$st_boot"; then st_process "$st_pid"; fi ;;
    esac
  done <"$path_state/run/$st_name.pid"
}

st_container() {
  st_shown=$(run_bounded "$PR_ANSWER_SECONDS" docker inspect --type container --format \
    'ActiveState={{.State.Status}} pid={{.State.Pid}} restarts={{.RestartCount}} policy={{.HostConfig.RestartPolicy.Name}}' "$1" 2>/dev/null)
  for st_word in $st_shown; do
    case $st_word in
      pid=0) ;;
      pid=*) st_process "${st_word#*=}" ;;
      *=*) print_fact "${st_word%%=*} ${st_word#*=}" ;;
    esac
  done
}

st_unit() {
  set -- "$1" --no-pager -p ActiveState,SubState,MainPID,NRestarts,UnitFileState
  if [ "$st_kind" = systemd-user ]; then set -- --user show "$@"; else set -- show "$@"; fi
  st_shown=$(XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$pr_uid} run_bounded "$PR_ANSWER_SECONDS" systemctl "$@" 2>/dev/null)
  for st_word in $st_shown; do
    case $st_word in
      MainPID=0) ;;
      MainPID=*) st_process "${st_word#*=}" ;;
      NRestarts=*) print_fact "restarts ${st_word#*=}" ;;
      *=*) print_fact "${st_word%%=*} ${st_word#*=}" ;;
    esac
  done
}

# Age in seconds (Linux counts 100 ticks a second for every program), state, memory, open files, Go's limits.
st_process() {
  print_fact "pid $1"
  awk -v pid="$1" '
		FNR == 1 { file++ }
		file == 1 { up = $1; next }
		file == 2 { sub(/^.*\) /, ""); print "|state " $1; print "|age " int(up - $20 / 100); next }
		$1 == "VmRSS:" { print "|rss " $2 }
		/^Max open files/ { print "|nofile " $4 }
	' /proc/uptime "/proc/$1/stat" "/proc/$1/status" "/proc/$1/limits" 2>/dev/null
  set -- "$1" "/proc/$1/fd"/*
  if [ -e "$2" ] || [ -h "$2" ]; then print_fact "fds $(($# - 1))"; fi
  tr '\0' '\n' <"/proc/$1/environ" 2>/dev/null | sed -n 's/^GO[A-Z]*=/|env &/p' 2>/dev/null
}

# Everything that waits for other programs.
st_slow() {
  st_out=$(
    st_sccache &
    st_bazel_remote &
    st_agents &
    st_registry &
    wait
  )
  [ -z "$st_out" ] || printf '%s\n' "$st_out"
}

# The server's figures. Where none runs, sccache would answer from the settings of whoever asks, so the port comes
# first. A client of another version cannot read them: then the next one is tried.
st_sccache() {
  port_is_open "$pr_port" || return 0
  IFS=$pr_newline
  for st_path in $(pr_candidates sccache); do
    st_json=$(env -i HOME="$HOME" SCCACHE_CONF=/dev/null SCCACHE_DIR=/dev/null SCCACHE_CACHE_SIZE=1 SCCACHE_SERVER_PORT="$pr_port" \
      timeout -k 1 "$PR_ANSWER_SECONDS" "$st_path" --show-stats --stats-format=json 2>/dev/null)
    st_code=$?
    case $st_json in '{'*)
      printf '@@warmbox sccache\n|json %s\n' "$(printf '%s' "$st_json" | tr -d '\n\r')"
      return
      ;;
    esac
    if [ "$st_code" -ge 124 ]; then break; fi # it hangs: no other client would fare better
  done
  printf '@@warmbox sccache\n|silent no answer within %s s\n' "$PR_ANSWER_SECONDS"
}

# bazel-remote's own figures, and its counters where the stack switched them on (/metrics is 404 without).
st_bazel_remote() {
  port_is_open "${pr_http##*:}" || return 0
  st_json=$(st_get /status)
  st_code=$?
  case $st_json in '{'*) ;; *) st_no_figures && return ;; esac
  st_metrics=$(st_get /metrics | grep -E '^(bazel_remote_incoming_requests_total|bazel_remote_disk_cache_(evicted|overwritten)_bytes_total|bazel_remote_disk_cache_longest_item_idle_time_seconds|bazel_remote_s3_cache_(hits|misses)|go_memstats_next_gc_bytes)' | sed 's/^/|metric /')
  printf '@@warmbox bazel-remote\n|json %s\n%s' "$(printf '%s' "$st_json" | tr -d '\n\r')" "${st_metrics:+$st_metrics$pr_newline}"
}

# A refusal, such as 401 or that the port wants TLS, comes at once: it lives, and has figures for whoever may see them. Only
# an end by timeout is silence; 69 is http-get's own, without any client.
st_no_figures() {
  st_said="silent no answer within $PR_ANSWER_SECONDS s"
  if [ "$st_code" -gt 0 ] && [ "$st_code" -lt 124 ] && [ "$st_code" != 69 ]; then st_said='protected no figures without a password or certificate'; fi
  printf '@@warmbox bazel-remote\n|%s\n' "$st_said"
}

# Prints the answer to path $1. Every end by our own limit has a code from 124 on, so the client's must be the longer one.
st_get() {
  if [ -x "$path_share/bin/http-get" ]; then
    timeout -k 1 "$PR_ANSWER_SECONDS" "$path_share/bin/http-get" "${pr_http%:*}" "${pr_http##*:}" "$1" \
      $((PR_ANSWER_SECONDS * 2)) 2>/dev/null
  elif [ "$1" = /status ]; then
    pr_get "$1"
  fi
}

# What each agent was given, and who builds and waits now, in the words of the queue itself.
st_agents() {
  st_env=$path_config/env
  [ "${WARMBOX_SCOPE:-user}" = user ] || st_env=/etc/profile.d/warmbox.sh
  st_jobs=$(cat "$pr_cargo/warmbox.toml" "$pr_cargo/config.toml" 2>/dev/null | sed -n 's/^jobs *= *\([0-9][0-9]*\).*/\1/p' | sed -n 1p)
  st_tasks=$(sed -n 's/^export MOON_CONCURRENCY=\([0-9][0-9]*\)$/\1/p' "$st_env" 2>/dev/null)
  printf '@@warmbox budget\n|jobs %s\n|tasks %s\n' "$st_jobs" "$st_tasks"
  [ -x "$path_share/bin/warmbox-run" ] || return 0
  st_queue=$(run_bounded "$PR_ANSWER_SECONDS" "$path_share/bin/warmbox-run" --status 2>/dev/null) || return 0
  printf '@@warmbox agents\n%s\n' "$(printf '%s\n' "$st_queue" | sed 's/^/|/')"
}

# Tier 3: how many crates the shared registry holds; names of files, not their sizes.
st_registry() {
  set -- "$pr_cargo"/registry/cache/*/*.crate
  if [ -e "$1" ]; then st_crates=$#; else st_crates=0; fi
  printf '@@warmbox registry\n|crates %s\n' "$st_crates"
}
