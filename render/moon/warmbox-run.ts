import { shellWord } from "../../stacks/shell.ts";

/** What `warmbox-run` needs to know of its host. */
export interface WarmboxRun {
  /** Absolute path of the file with the plan's environment; left out where the host has none. */
  readonly envPath?: string | undefined;
  /** Builds that may run at once: `agents.active`. */
  readonly active: number;
  /** Absolute directory of the queue. One place for all sessions: XDG_RUNTIME_DIR differs between login and cron. */
  readonly stateDir: string;
  /** Directories put before PATH: our fronts (`moon`). */
  readonly frontDirs: readonly string[];
  /** Directories put after PATH, for cron's and ssh's short one: where cargo and the tools are. */
  readonly toolDirs: readonly string[];
}

/** How often a waiting command looks whether it is its turn. */
export const QUEUE_TICK_SECONDS = 1;
/** How long a ticket may take to get; past it the queue is broken and the command runs. */
export const TICKET_LIMIT_SECONDS = 10;

/**
 * The script `warmbox-run [--] COMMAND…`: the plan's environment, and at most `active` commands at once, first come
 * first served.
 *
 * A ticket is a file with a number one above every living one; the first `active` tickets whose process lives may run.
 * The command replaces the script (exec), so its pid is the ticket's: exit code, signals, terminal and job control are
 * its own, and a killed holder frees its place by being dead. What breaks in the queue is said in one line, and the
 * command runs.
 *
 * Where several users share the queue, its directory is sticky: each makes and removes only files of its own, and all
 * only read the lock, which is there before the first of them comes.
 */
export function warmboxRun({ envPath = "", active, stateDir, frontDirs, toolDirs }: WarmboxRun): string {
  return `#!/bin/sh
# Written by warmbox: warmbox-run [--] COMMAND… runs a build when it is its turn, at most ${active} at once.
active=${active}
queue=${shellWord(stateDir)}
env=${shellWord(envPath)}

usage() {
  cat <<'WARMBOX-RUN-HELP'
warmbox-run [--] COMMAND…   run COMMAND with this host's build environment when it is its turn
warmbox-run --status        who builds and who waits
warmbox-run --help          this text

At most ${active} commands build at once, first come first served; a command that waits says its place on stderr.
MOON_CACHE=off|read|read-write|write and an empty MOON_REMOTE_HOST of the caller win over the host's.
WARMBOX-RUN-HELP
}

# start_time PID: with its pid it names one process for ever. False where it is gone, or dead and not yet reaped: under
# a process 1 that reaps nobody such a one stays.
start_time() {
  started=
  IFS= read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
  start_time_field \${stat##*) }
  [ -n "$started" ]
}
start_time_field() { case $1 in [ZXx]) ;; *) started=\${20-} ;; esac; }

# holder FILE: reads pid and words; false where that process is gone.
holder() {
  pid= born= words=
  { read -r pid born words <"$1"; } 2>/dev/null || return 1
  case $pid in '' | *[!0-9]*) return 1 ;; esac
  if [ -r "/proc/$pid/stat" ]; then start_time "$pid" 2>/dev/null && [ "$started" = "$born" ]; else hidden; fi
}
# A /proc that hides other users' processes (hidepid) shows none, yet a signal to a living one is not permitted.
hidden() {
  case $(LC_ALL=C kill -0 "$pid" 2>&1) in *"not permitted"*) return 0 ;; esac
  return 1
}

# place TICKET: how many living tickets stand at or before it; the dead are cleared away.
place() {
  before=0
  for each in "$queue"/ticket.*; do
    [ -e "$each" ] || continue
    if holder "$each"; then before=$((before + 1)); else rm -f "$each" 2>/dev/null; fi
    if [ "$each" = "$1" ]; then return 0; fi
  done
  return 1 # somebody took the ticket away
}

status() {
  builds=0 waits=0
  for each in "$queue"/ticket.*; do
    if [ ! -e "$each" ] || ! holder "$each"; then continue; fi
    if [ "$builds" -lt "$active" ]; then
      builds=$((builds + 1)) state=builds
    else
      waits=$((waits + 1))
      state="waits, place $waits"
    fi
    printf '%s\\t%s\\t%s\\n' "$pid" "$state" "$words"
  done
  echo "$builds of at most $active at once, $waits waiting"
}

# number TICKET: the number in its name. Numbers have one width, so that the shell's own order of names is theirs.
number() {
  number=\${1#"$queue"/ticket.}
  number=\${number%%.*}
  case $number in *[!0-9]* | ?????????????*) number=0 ;; esac
  while [ "$number" != "\${number#0}" ]; do number=\${number#0}; done # a leading zero would make it octal
}

# draw STARTED WORDS: prints the ticket. Nothing is written through a name that is there already.
draw() {
  set -C
  mkdir -p "$queue"
  [ -e "$queue/lock" ] || true >"$queue/lock"
  exec 9<"$queue/lock" && flock -w ${TICKET_LIMIT_SECONDS} 9 || return 1
  last=0
  for each in "$queue"/ticket.*; do
    if [ -e "$each" ] && holder "$each"; then number "$each" && [ "\${number:-0}" -gt "$last" ] && last=$number; fi
  done
  new=$queue/new.$$.$1
  ticket=$queue/ticket.$(printf '%012d' "$((last + 1))").$$
  rm -f "$new" "$ticket"
  printf '%s %s %s\\n' "$$" "$1" "$2" >"$new" && mv "$new" "$ticket" || return 1
  echo "$ticket"
}

# Waits until it is our turn. Every way out of it runs the command.
take_turn() {
  if [ -n "\${WARMBOX_RUN_TICKET-}" ] && holder "$WARMBOX_RUN_TICKET"; then return 0; fi # inside another: its place is ours
  WARMBOX_RUN_TICKET=
  command -v flock >/dev/null 2>&1 || { broken "there is no flock on this host"; return 0; }
  start_time "$$" || { broken "/proc cannot be read"; return 0; }
  what=$(printf '%s' "$*" | tr '\\n' ' ' | cut -c 1-120)
  ticket=$(draw "$started" "$what" 2>/dev/null) || { broken "$queue cannot be written"; return 0; }
  [ -n "$ticket" ] || { broken "$queue gave no ticket"; return 0; }
  trap 'rm -f "$ticket"; trap - INT; kill -INT $$' INT
  trap 'rm -f "$ticket"; exit 143' TERM
  trap 'rm -f "$ticket"; exit 129' HUP
  told=
  while :; do
    place "$ticket" || { broken "$ticket is gone"; break; }
    [ "$before" -gt "$active" ] || break
    if [ "$before" != "$told" ]; then
      echo "warmbox-run: waiting, place $((before - active)) in the queue ($active build at once)" >&2
      told=$before
    fi
    sleep ${QUEUE_TICK_SECONDS}
  done
  trap - INT TERM HUP
  [ -z "$told" ] || echo "warmbox-run: it is our turn" >&2
  WARMBOX_RUN_TICKET=$ticket
}
broken() { echo "warmbox-run: no queue: $1; running at once (next step: ./warmbox doctor)" >&2; }

# The host's environment, but for what the caller decides. A file that ends its reader is found out in a shell of its own.
take_environment() {
  [ -n "$env" ] || return 0
  if [ ! -r "$env" ] || [ "$(sh -n "$env" 2>/dev/null && { . "$env" </dev/null >/dev/null 2>&1; echo whole; })" != whole ]; then
    echo "warmbox-run: $env cannot be read; running without the host's environment (next step: ./warmbox up)" >&2
    return 0
  fi
  mode=\${MOON_CACHE-}
  remote=\${MOON_REMOTE_HOST-on}
  . "$env"
  if [ -n "$mode" ]; then MOON_CACHE=$mode && export MOON_CACHE; fi
  if [ -z "$remote" ]; then MOON_REMOTE_HOST= && export MOON_REMOTE_HOST; fi
}

case \${1-} in
  --help) usage && exit 0 ;;
  --status) status && exit 0 ;;
  --) shift ;;
  -*) echo "warmbox-run: $1: no such flag; next step: warmbox-run --help" >&2 && exit 64 ;;
esac
[ $# -gt 0 ] || { usage >&2 && exit 64; }
case \${MOON_CACHE-} in
  '' | off | read | read-write | write) ;;
  *)
    # moon takes every other word for read-write, and would write.
    echo "warmbox-run: MOON_CACHE=$MOON_CACHE: moon has off, read, read-write and write (read-only is read); next step: correct it" >&2
    exit 64
    ;;
esac

take_turn "$@"
export WARMBOX_RUN_TICKET
take_environment
PATH=${shellWord(frontDirs.map((dir) => `${dir}:`).join(""))}\${PATH:-/usr/local/bin:/usr/bin:/bin}${shellWord(toolDirs.map((dir) => `:${dir}`).join(""))}\${HOME:+":$HOME/.cargo/bin"}
export PATH
exec "$@"
`;
}
