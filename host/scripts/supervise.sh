#!/bin/sh
# supervise.sh NAME PROGRAM LOG RUN STOP_SECONDS STOP_COMMAND: keeps PROGRAM running where there is no systemd.
#
# Started by warmbox.sh with setsid, without terminal, pipes or descriptors of its caller. PROGRAM gets a separate session,
# its output goes to LOG, and when it ends it is started again, later each time. RUN.pid says which processes these
# are: number, start tick and boot of each, so that a number that was given out again is never taken for them.
# TERM ends both: the stop command (or TERM) to the program, STOP_SECONDS, then KILL to its whole group.

# Longest rest before another start, seconds; one that ran this long counts as sound.
MOST_REST=60
# A log that has grown to so many bytes is moved to LOG.1; looked at every so many seconds.
MOST_LOG=${WARMBOX_LOG_BYTES:-8388608}
LOG_SECONDS=${WARMBOX_LOG_SECONDS:-30}

name=$1 program=$2 log=$3 run=$4 stop_seconds=$5 stop=$6
child=0 keeper=0 exits=0 code=0 rest=1 asked=0
read -r boot </proc/sys/kernel/random/boot_id

# One supervisor for one name. The lock goes with this process; nothing it starts gets it.
exec 8>"$run.lock"
flock -n 8 || exit 0

say() { printf 'warmbox: %s: %s\n' "$name" "$*"; }

# Start tick of process $1, into tick.
tick_of() {
  tick=0
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
  # shellcheck disable=SC2086 # fields, after the name of the program
  set -- ${stat##*) }
  tick=${20} group=$3
}

# Says in the pid file what runs.
record() {
  tick_of "$child"
  {
    printf 'supervisor %s %s %s\n' $$ "$self" "$boot"
    printf 'daemon %s %s %s\n' "$child" "$tick" "$boot"
    printf 'exits %s %s -\n' "$exits" "$code"
  } >"$run.pid.new" && mv -f "$run.pid.new" "$run.pid"
}

# Bounds the log: the daemon's own descriptor appends, so that it goes on in the emptied file.
keep_log() {
  exec 8>&- # a redirection of the call would keep a copy, and the lock with it, beyond a supervisor that was killed
  while sleep "$LOG_SECONDS" && kill -0 $$ 2>/dev/null; do
    [ "$(($(wc -c <"$log")))" -lt "$MOST_LOG" ] || { cp "$log" "$log.1" && : >"$log"; }
  done
}

# Waits until the daemon is gone, at most $1 seconds.
gone_within() {
  until=$(($(date +%s) + $1))
  while kill -0 "$child" 2>/dev/null; do
    [ "$(date +%s)" -lt $until ] || return 1
    sleep 0.1 2>/dev/null || sleep 1
  done
}

# Ends the daemon and then this process.
finish() {
  trap '' TERM INT HUP
  if [ "$child" != 0 ]; then
    [ "$stop" = - ] || { timeout "$stop_seconds" sh -c "$stop" </dev/null >/dev/null 2>&1 8>&- && gone_within 2; } || true
    kill -TERM "$child" 2>/dev/null
    gone_within "$stop_seconds" || say "still there $stop_seconds s after TERM: killed"
    kill -KILL "-$child" 2>/dev/null
  fi
  [ "$keeper" = 0 ] || kill -KILL "$keeper" 2>/dev/null
  rm -f "$run.pid" "$run.pid.new"
  [ "$leads" = no ] || kill -KILL 0 # with it go the sleeps of its helpers
  exit 0
}

# Starts the daemon and waits for its end. A signal that comes before its number is known waits until it is.
run_once() {
  since=$(date +%s)
  trap 'asked=1' TERM INT HUP
  setsid "$program" </dev/null >>"$log" 2>&1 8>&- &
  child=$!
  trap finish TERM INT HUP
  [ $asked = 0 ] || finish
  record
  wait "$child"
  code=$?
  kill -KILL "-$child" 2>/dev/null # what it left of its group would hold its ports
  child=0 exits=$((exits + 1))
  [ $(($(date +%s) - since)) -lt $MOST_REST ] || rest=1 exits=1
  say "ended with $code; again in $rest s"
  record
}

tick_of $$
self=$tick leads=no
[ "$group" != $$ ] || leads=yes # under setsid it does; else its group is its caller's, too
trap finish TERM INT HUP
keep_log </dev/null >/dev/null 2>&1 &
keeper=$!
while :; do
  run_once
  sleep $rest 8>&- &
  wait $!
  rest=$((rest * 2))
  [ $rest -le $MOST_REST ] || rest=$MOST_REST
done
