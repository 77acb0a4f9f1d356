#!/bin/sh
# Written by warmbox: cargo's rustc-wrapper. It runs sccache in front of rustc, and rustc alone when sccache fails.
sccache=@
SCCACHE_CONF=@
SCCACHE_SERVER_PORT=@
overriding_variables=@
guard_seconds=@
answer_limit=@
start_limit=@
store_limit=@
bypass_seconds=@

SCCACHE_IDLE_TIMEOUT=0     # a server that a client has to start keeps running, like the service
SCCACHE_SKIP_CACHE_CHECK=1 # and listens before it queries its store
export SCCACHE_CONF SCCACHE_SERVER_PORT SCCACHE_IDLE_TIMEOUT SCCACHE_SKIP_CACHE_CHECK
# shellcheck disable=SC2086 # a list of names
unset $overriding_variables

# sccache refuses to run under these; whoever sets them wants an incremental build, not a cached one.
case ${CARGO_INCREMENTAL-}/${CARGO_BUILD_INCREMENTAL-} in 1/* | */1) exec "$@" ;; esac

# read_start_time PID: sets start_time. With its pid it identifies one process for ever.
read_start_time() {
  start_time=
  IFS= read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
  # shellcheck disable=SC2086 # its fields
  read_start_field ${stat##*) }
}
read_start_field() { start_time=${20-}; }

# The file of this build: empty = sccache in use; else the uptime (seconds) at which it failed, whether that was
# reported, and why.
build=
if read_start_time "$PPID" 2>/dev/null; then
  directory=${XDG_RUNTIME_DIR-}
  [ -n "$directory" ] && [ -d "$directory" ] && [ -w "$directory" ] || directory=/tmp
  build=$directory/warmbox-build.$PPID.$start_time
fi
owns_build_file() { [ -n "$build" ] && [ -f "$build" ] && [ ! -L "$build" ] && [ -O "$build" ]; }

# Queries that cargo makes before it compiles. It hides what is printed there.
is_query() {
  case " $* " in *" -vV "* | *" --print"* | *" ___ "*) return 0 ;; esac
  return 1
}
quiet=
if is_query "$@"; then quiet=1; fi

# bypass WHY: this build continues without sccache for a while. Reported once, where the user sees it.
bypass() {
  IFS=' .' read -r now _ </proc/uptime
  state=reported
  if [ "$quiet" ]; then state=unreported; else report "$1"; fi
  if owns_build_file; then echo "$now $state $1" >"$build"; fi
}
report() { echo "warmbox: sccache: $1; compiling without the cache (next step: ./warmbox doctor)" >&2; }

# Prints this build's sccache clients that have no compiler below them: they wait for the server. Last the word
# "compiling", where a server has a compiler below it.
waiting_clients() {
  local stats='' process
  for process in /proc/[0-9]*; do [ ! -O "$process" ] || stats="$stats $process/stat"; done
  # shellcheck disable=SC2086 # a list of paths
  cat $stats 2>/dev/null | awk -v build="$PPID" '
    { pid = $1; name = $0; sub(/^[^(]*\(/, "", name); sub(/\)[^)]*$/, "", name)
      rest = $0; sub(/^.*\) /, "", rest); split(rest, field, " ")
      comm[pid] = name; parent[pid] = field[2]
      if (name != "sccache" && field[1] != "Z") busy[field[2]] = 1 } # a stopped server reaps none of its children
    END { for (pid in comm) if (comm[pid] == "sccache") {
        if (parent[parent[pid]] == build) { if (!(pid in busy)) print pid }
        else if (pid in busy && comm[parent[pid]] != "rustc-wrapper") compiling = "compiling" }
      print compiling }'
}
server_listens() {
  awk -v port="$(printf '%04X' "$SCCACHE_SERVER_PORT")" \
    '$4 == "0A" && substr($2, length($2) - 3) == port { listens = 1 } END { exit !listens }' /proc/net/tcp
}

# server_hangs: it leaves a query unanswered. These codes are timeout's own, for a program that it ended.
server_hangs() {
  timeout -k 1 "$answer_limit" "$sccache" --show-stats
  case $? in 124 | 137 | 143) return 0 ;; esac
  return 1
}
end_clients() {
  local client
  for client in "$@"; do kill -USR2 "$client"; done
}

# stay_idle CLIENT…: counts the seconds for which the same clients have waited while the server compiled nothing.
stay_idle() {
  local client kept=''
  for client in "$@"; do
    case " $stuck " in *" $client "*) kept="$kept $client" ;; esac
  done
  if [ "$kept" ]; then
    stuck=$kept idle=$((idle + guard_seconds))
  else
    stuck=$* idle=0
  fi
}

# shellcheck disable=SC2086 # lists of pids
guard() {
  local birth=$start_time absent=0 idle=0 stuck='' waiting clients
  while sleep "$guard_seconds"; do
    read_start_time "$PPID" && [ "$start_time" = "$birth" ] || break
    waiting=$(waiting_clients)
    clients=${waiting%compiling}
    if [ -z "$clients" ]; then
      absent=0 idle=0 stuck=
    elif ! server_listens; then
      absent=$((absent + guard_seconds))
      if [ "$absent" -ge "$start_limit" ]; then absent=0 && end_clients $clients; fi
    else
      absent=0
      if server_hangs; then
        end_clients $clients
      elif [ "$waiting" = "$clients" ]; then
        stay_idle $clients
        if [ "$idle" -ge "$store_limit" ]; then idle=0 && end_clients $stuck; fi
      fi
    fi
  done
  rm -f "$build"
}

if owns_build_file; then
  failure=
  read -r failure state why <"$build"
  IFS=' .' read -r now _ </proc/uptime
  if [ -n "$failure" ] && [ $((now - failure)) -lt "$bypass_seconds" ]; then
    if [ "$state$quiet" = unreported ]; then
      report "$why"
      echo "$failure reported $why" >"$build"
    fi
    exec "$@"
  fi
elif [ -n "$build" ]; then
  # Only the call that makes the file starts the guard; noclobber makes that one atomic step.
  set -C
  if { true >"$build"; } 2>/dev/null; then
    # exec, because a shell that redirects one command keeps the caller's pipes open beside it: cargo reads until they
    # close.
    (
      exec </dev/null >/dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
      guard
    ) &
  fi
  set +C
fi

if [ ! -f "$sccache" ] || [ ! -x "$sccache" ] || [ ! -s "$sccache" ]; then
  bypass "$sccache is missing, empty or not executable"
  exec "$@"
elif [ ! -r "$SCCACHE_CONF" ]; then
  bypass "$SCCACHE_CONF cannot be read" # sccache would run silently with 10 GiB in another directory
  exec "$@"
fi

"$sccache" "$@"
code=$?
case $code in
  2 | 253 | 254) bypass "the client failed (exit code $code)" ;;
  126 | 127) bypass "the client cannot be run (exit code $code)" ;;
  140) bypass "its server on port $SCCACHE_SERVER_PORT, or the store behind that, does not answer" ;;
  # sccache alone: a signal to the whole build ends this script
  129 | 137 | 143) bypass "the client was ended (signal $((code - 128)))" ;;
  132 | 134 | 135 | 136 | 138 | 139 | 159) bypass "the client crashed (signal $((code - 128)))" ;;
  *) exit "$code" ;;
esac
exec "$@"
