#!/bin/sh
# Written by warmbox: moon, and moon without its remote cache when that hangs.
moon=@
http_get=@
server_host=@
server_port=@
server_path=@
server_name=@
remote_host=@
answer_seconds=@
tick_seconds=@
strikes_allowed=@

query_limit=600   # longer than any answer_seconds, which is the limit that counts: http-get's own has an ordinary code
term_seconds=2    # that tasks get to end after TERM; moon itself ignores TERM while it waits for a server
moon_was_ended=75 # the watcher's exit code

if [ ! -x "$moon" ]; then
  # The next one on PATH that is not this script.
  moon=
  IFS=:
  for directory in $PATH; do
    if [ -x "$directory/moon" ] && ! [ "$directory/moon" -ef "$0" ]; then moon=$directory/moon && break; fi
  done
  unset IFS
  [ -n "$moon" ] || {
    echo "warmbox: moon: there is no moon on PATH" >&2
    exit 127
  }
fi

# check_mode SETTING MODE: moon takes every unknown mode for read-write, and would upload.
check_mode() {
  local next
  case $2 in '' | off | read | read-write | write) return 0 ;; esac
  case $(printf '%s' "$2" | tr '[:upper:]' '[:lower:]') in
    off | read | read-write | write) return 0 ;;
    *only* | ro) next="write read" ;;
    *) next="write one of these" ;;
  esac
  echo "warmbox: moon: $1=$2: wanted off, read, read-write or write; next: $next" >&2
  exit 64
}
check_mode MOON_CACHE "${MOON_CACHE-}"
previous=
for word in "$@"; do
  case $previous/$word in
    */--) break ;; # the rest belongs to the task
    --cache/*) check_mode --cache "$word" ;;
    */--cache=*) check_mode --cache "${word#--cache=}" ;;
  esac
  previous=$word
done
[ "${MOON_REMOTE_HOST-}" = "$remote_host" ] || exec "$moon" "$@"

# server_hangs: it took the query and left it unanswered. These codes are timeout's own, for a program that it ended;
# moon itself reports every other trouble.
server_hangs() {
  timeout -k 1 "$answer_seconds" "$http_get" "$server_host" "$server_port" "$server_path" "$query_limit" >/dev/null 2>&1
  case $? in 124 | 137 | 143) return 0 ;; esac
  return 1
}

# run_without_remote WHY WORDS…
run_without_remote() {
  echo "warmbox: moon: $server_name $1 without the remote cache (next step: ./warmbox doctor)" >&2
  shift
  MOON_REMOTE_HOST=
  export MOON_REMOTE_HOST
  exec "$moon" "$@"
}

if server_hangs; then run_without_remote "does not answer; going on" "$@"; fi

# descendants PID WATCHER: prints "moon PID" for each child of PID and "task PID" for each process below those, without
# the watcher's own.
descendants() {
  cat /proc/[0-9]*/stat 2>/dev/null | awk -v top="$1" -v watcher="$2" '
    { pid = $1; rest = $0; sub(/^.*\) /, "", rest); split(rest, field, " "); parent[pid] = field[2] }
    END { for (pid in parent) {
        ancestor = pid; depth = 0
        while (ancestor in parent && ancestor != top && ancestor != watcher && ancestor > 1 && depth++ < 100)
          ancestor = parent[ancestor]
        if (ancestor == top && pid != top) print (parent[pid] == top ? "moon" : "task"), pid } }'
}
pids_of() { printf '%s\n' "$processes" | sed -n "s/^$1 //p"; }

# end_moon WATCHER: moon gets no signal before its tasks have ended, or it would start them again. moon may be a script
# from npm that waits for the real one, which then counts as a task.
end_moon() {
  local processes pid
  trap '' TERM
  processes=$(descendants "$wrapper" "$1")
  for pid in $(pids_of moon); do kill -STOP "$pid"; done
  for pid in $(pids_of task); do kill -TERM "$pid"; done
  sleep "$term_seconds"
  processes="$processes
$(descendants "$wrapper" "$1")"
  for pid in $(pids_of task) $(pids_of moon); do kill -KILL "$pid"; done
  exit "$moon_was_ended"
}

# shellcheck disable=SC2086 # a list of pids
watch() {
  local watcher strikes=0 second=0 moon_pid='' processes
  read -r watcher _ </proc/self/stat
  while sleep 1; do
    if [ ! -d "/proc/$wrapper" ]; then
      # A signal ended the wrapper alone: moon ends as it would have by that signal.
      kill -TERM $moon_pid && sleep "$term_seconds" && kill -KILL $moon_pid
      exit
    fi
    [ "$moon_pid" ] || { processes=$(descendants "$wrapper" "$watcher") && moon_pid=$(pids_of moon); }
    second=$((second + 1))
    [ $((second % tick_seconds)) -eq 0 ] || continue
    if server_hangs; then strikes=$((strikes + 1)); else strikes=0; fi
    [ "$strikes" -lt "$strikes_allowed" ] || end_moon "$watcher"
  done
}

wrapper=$$
(
  exec </dev/null >/dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
  watch
) &
watcher=$!
"$moon" "$@"
code=$?
kill "$watcher" 2>/dev/null
wait "$watcher" 2>/dev/null
if [ $? -eq "$moon_was_ended" ]; then run_without_remote "stopped answering; once more" "$@"; fi
exit "$code"
