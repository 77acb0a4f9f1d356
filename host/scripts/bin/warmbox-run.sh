#!/bin/sh
# Written by warmbox: warmbox-run [--] COMMAND… runs a build when it is its turn.
active=@
queue=@
environment_file=@
path_before=@
path_after=@
tick_seconds=@
ticket_limit=@

usage() {
  cat <<WARMBOX-RUN-HELP
warmbox-run [--] COMMAND…   run COMMAND with this host's build environment when it is its turn
warmbox-run --status        which builds run and which wait
warmbox-run --help          this text

At most $active commands build at once, first come first served; a command that waits reports its place on stderr.
MOON_CACHE=off|read|read-write|write and an empty MOON_REMOTE_HOST of the caller override the host's.
WARMBOX-RUN-HELP
}

# read_start_time PID: sets start_time, which with the pid identifies one process for ever. False where the process is
# gone, or dead and not yet reaped: under a process 1 that reaps no orphans it stays like that.
read_start_time() {
  local stat
  start_time=
  IFS= read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
  # shellcheck disable=SC2086 # its fields
  read_start_field ${stat##*) }
  [ -n "$start_time" ]
}
read_start_field() { case $1 in [ZXx]) ;; *) start_time=${20-} ;; esac }

# read_ticket FILE: sets pid and command; false where that process is gone.
read_ticket() {
  local birth=
  pid='' command=''
  { read -r pid birth command <"$1"; } 2>/dev/null || return 1
  case $pid in '' | *[!0-9]*) return 1 ;; esac
  if [ -r "/proc/$pid/stat" ]; then
    read_start_time "$pid" 2>/dev/null && [ "$start_time" = "$birth" ]
  else
    is_hidden
  fi
}
# A /proc that hides other users' processes (hidepid) shows none, yet a signal to a running one is not permitted.
is_hidden() {
  case $(LC_ALL=C kill -0 "$pid" 2>&1) in *"not permitted"*) return 0 ;; esac
  return 1
}

# find_place TICKET: sets place, the number of valid tickets up to this one; removes those of ended processes.
find_place() {
  local ticket
  place=0
  for ticket in "$queue"/ticket.*; do
    [ -e "$ticket" ] || continue
    if read_ticket "$ticket"; then place=$((place + 1)); else rm -f "$ticket" 2>/dev/null; fi
    if [ "$ticket" = "$1" ]; then return 0; fi
  done
  return 1 # the ticket was removed
}

status() {
  local builds=0 waits=0 ticket state
  for ticket in "$queue"/ticket.*; do
    if [ ! -e "$ticket" ] || ! read_ticket "$ticket"; then continue; fi
    if [ "$builds" -lt "$active" ]; then
      builds=$((builds + 1)) state=builds
    else
      waits=$((waits + 1))
      state="waits, place $waits"
    fi
    printf '%s\t%s\t%s\n' "$pid" "$state" "$command"
  done
  echo "$builds of at most $active at once, $waits waiting"
}

# read_number TICKET: sets number to the one in its name. Numbers have one width, so that a glob sorts them.
read_number() {
  number=${1#"$queue"/ticket.}
  number=${number%%.*}
  case $number in *[!0-9]* | ?????????????*) number=0 ;; esac
  while [ "$number" != "${number#0}" ]; do number=${number#0}; done # a leading zero would make it octal
}

# draw_ticket START_TIME COMMAND: prints the ticket. No existing file is written through.
draw_ticket() {
  local last=0 ticket draft
  set -C
  mkdir -p "$queue"
  [ -e "$queue/lock" ] || true >"$queue/lock"
  exec 9<"$queue/lock" && flock -w "$ticket_limit" 9 || return 1
  for ticket in "$queue"/ticket.*; do
    if [ -e "$ticket" ] && read_ticket "$ticket"; then
      read_number "$ticket" && [ "${number:-0}" -gt "$last" ] && last=$number
    fi
  done
  draft=$queue/new.$$.$1
  ticket=$queue/ticket.$(printf '%012d' "$((last + 1))").$$
  rm -f "$draft" "$ticket"
  printf '%s %s %s\n' "$$" "$1" "$2" >"$draft" && mv "$draft" "$ticket" || return 1
  echo "$ticket"
}

run_without_queue() { echo "warmbox-run: no queue: $1; running at once (next step: ./warmbox doctor)" >&2; }

# Waits for the turn of this command. Whatever happens, the command runs afterwards.
take_turn() {
  local text
  # inside another warmbox-run: that one's ticket counts
  if [ -n "${WARMBOX_RUN_TICKET-}" ] && read_ticket "$WARMBOX_RUN_TICKET"; then return 0; fi
  WARMBOX_RUN_TICKET=
  command -v flock >/dev/null 2>&1 || {
    run_without_queue "there is no flock on this host"
    return 0
  }
  read_start_time "$$" || {
    run_without_queue "/proc cannot be read"
    return 0
  }
  text=$(printf '%s' "$*" | tr '\n' ' ' | cut -c 1-120)
  ticket=$(draw_ticket "$start_time" "$text" 2>/dev/null) || {
    run_without_queue "$queue cannot be written"
    return 0
  }
  [ -n "$ticket" ] || {
    run_without_queue "$queue gave no ticket"
    return 0
  }
  wait_for_turn
  WARMBOX_RUN_TICKET=$ticket
}

wait_for_turn() {
  local reported_place=
  trap 'rm -f "$ticket"; trap - INT; kill -INT $$' INT
  trap 'rm -f "$ticket"; exit 143' TERM
  trap 'rm -f "$ticket"; exit 129' HUP
  while :; do
    find_place "$ticket" || {
      run_without_queue "$ticket is gone"
      break
    }
    [ "$place" -gt "$active" ] || break
    if [ "$place" != "$reported_place" ]; then
      echo "warmbox-run: waiting, place $((place - active)) in the queue ($active build at once)" >&2
      reported_place=$place
    fi
    sleep "$tick_seconds"
  done
  trap - INT TERM HUP
  [ -z "$reported_place" ] || echo "warmbox-run: it is our turn" >&2
}

# environment_is_sound: the file can be read to its end. One that exits is found out in a subshell.
environment_is_sound() {
  local sound
  [ -r "$environment_file" ] && sh -n "$environment_file" 2>/dev/null || return 1
  sound=$(
    # shellcheck disable=SC1090 # the host's own file
    . "$environment_file" </dev/null >/dev/null 2>&1
    echo sound
  )
  [ "$sound" = sound ]
}

# The host's environment, except for what the caller sets.
load_environment() {
  local mode remote
  [ -n "$environment_file" ] || return 0
  if ! environment_is_sound; then
    printf 'warmbox-run: %s cannot be read; %s\n' "$environment_file" \
      "running without the host's environment (next step: ./warmbox up)" >&2
    return 0
  fi
  mode=${MOON_CACHE-}
  remote=${MOON_REMOTE_HOST-on}
  # shellcheck disable=SC1090 # the host's own file
  . "$environment_file"
  if [ -n "$mode" ]; then MOON_CACHE=$mode && export MOON_CACHE; fi
  if [ -z "$remote" ]; then MOON_REMOTE_HOST='' && export MOON_REMOTE_HOST; fi
}

case ${1-} in
  --help) usage && exit 0 ;;
  --status) status && exit 0 ;;
  --) shift ;;
  -*) echo "warmbox-run: $1: no such flag; next step: warmbox-run --help" >&2 && exit 64 ;;
esac
[ $# -gt 0 ] || { usage >&2 && exit 64; }
case ${MOON_CACHE-} in
  '' | off | read | read-write | write) ;;
  *)
    # moon takes every unknown mode for read-write, and would write.
    printf 'warmbox-run: MOON_CACHE=%s: %s; next step: correct it\n' "$MOON_CACHE" \
      'moon has off, read, read-write and write (read-only is read)' >&2
    exit 64
    ;;
esac

take_turn "$@"
export WARMBOX_RUN_TICKET
load_environment
PATH=$path_before${PATH:-/usr/local/bin:/usr/bin:/bin}$path_after${HOME:+":$HOME/.cargo/bin"}
export PATH
exec "$@"
