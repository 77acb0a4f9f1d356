#!/bin/sh
# supervise.sh NAME PROGRAM LOG RUN STOP_SECONDS STOP_COMMAND: keeps PROGRAM running where there is no systemd.
#
# Started by warmbox.sh with setsid, without terminal, pipes or descriptors of its caller. PROGRAM gets its own session,
# its output is appended to LOG, and when it ends it is started again, after a longer pause each time. RUN.pid has the pid,
# start tick and boot of both processes, so that a pid that the kernel has reused is never taken for them.
# TERM ends both: the stop command (or TERM) to the program, STOP_SECONDS, then KILL to its whole group.

# Longest pause before another start, seconds; a program that ran this long counts as healthy.
MAX_PAUSE=60
# A log that has grown to this many bytes is moved to LOG.1; the size is read every LOG_SECONDS.
MAX_LOG=${WARMBOX_LOG_BYTES:-8388608}
LOG_SECONDS=${WARMBOX_LOG_SECONDS:-30}

name=$1 program=$2 log=$3 run=$4 stop_seconds=$5 stop=$6
child=0 keeper=0 exits=0 code=0 pause=1 has_signal=0
read -r boot </proc/sys/kernel/random/boot_id

# One supervisor for one name. The lock ends with this process; nothing that it starts inherits it.
exec 8>"$run.lock"
flock -n 8 || exit 0

say() { printf 'warmbox: %s: %s\n' "$name" "$*"; }

# Start tick and process group of process $1, into tick and group.
tick_of() {
  tick=0
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
  # shellcheck disable=SC2086 # fields, after the name of the program
  set -- ${stat##*) }
  tick=${20} group=$3
}

# Writes the pid file.
record() {
  tick_of "$child"
  {
    printf 'supervisor %s %s %s\n' $$ "$self" "$boot"
    printf 'daemon %s %s %s\n' "$child" "$tick" "$boot"
    printf 'exits %s %s -\n' "$exits" "$code"
  } >"$run.pid.new" && mv -f "$run.pid.new" "$run.pid"
}

# Bounds the log: the daemon's descriptor appends, so that it continues in the emptied file.
keep_log() {
  # a redirection of the call would keep a copy, and the lock with it, beyond a supervisor that was killed
  exec 8>&-
  while sleep "$LOG_SECONDS" && kill -0 $$ 2>/dev/null; do
    [ "$(($(wc -c <"$log")))" -lt "$MAX_LOG" ] || { cp "$log" "$log.1" && : >"$log"; }
  done
}

# Waits until the daemon has ended, at most $1 seconds.
wait_end() {
  local deadline="$(($(date +%s) + $1))"
  while kill -0 "$child" 2>/dev/null; do
    [ "$(date +%s)" -lt "$deadline" ] || return 1
    sleep 0.1 2>/dev/null || sleep 1
  done
}

# Ends the daemon and then this process.
finish() {
  trap '' TERM INT HUP
  if [ "$child" != 0 ]; then
    [ "$stop" = - ] || { timeout "$stop_seconds" sh -c "$stop" </dev/null >/dev/null 2>&1 8>&- && wait_end 2; } || true
    kill -TERM "$child" 2>/dev/null
    wait_end "$stop_seconds" || say "still there $stop_seconds s after TERM: killed"
    kill -KILL "-$child" 2>/dev/null
  fi
  [ "$keeper" = 0 ] || kill -KILL "$keeper" 2>/dev/null
  rm -f "$run.pid" "$run.pid.new"
  [ "$leads" = no ] || kill -KILL 0 # with it end the sleeps of its helpers
  exit 0
}

# Starts the daemon and waits for its end. A signal that comes before its pid is known waits until it is.
run_once() {
  since=$(date +%s)
  trap 'has_signal=1' TERM INT HUP
  setsid "$program" </dev/null >>"$log" 2>&1 8>&- &
  child=$!
  trap finish TERM INT HUP
  [ $has_signal = 0 ] || finish
  record
  wait "$child"
  code=$?
  kill -KILL "-$child" 2>/dev/null # the rest of its group would hold its ports
  child=0 exits=$((exits + 1))
  [ $(($(date +%s) - since)) -lt $MAX_PAUSE ] || pause=1 exits=1
  say "ended with $code; again in $pause s"
  record
}

tick_of $$
self=$tick leads=no
[ "$group" != $$ ] || leads=yes # true under setsid; else its group is also its caller's
trap finish TERM INT HUP
keep_log </dev/null >/dev/null 2>&1 &
keeper=$!
while :; do
  run_once
  sleep $pause 8>&- &
  wait $!
  pause=$((pause * 2))
  [ $pause -le $MAX_PAUSE ] || pause=$MAX_PAUSE
done
